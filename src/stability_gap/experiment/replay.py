"""Train a seed of a finished run once more, to look at what its files do not hold: its weights.

The replay goes through the same loop (`experiment/loop.py`) with the settings of run.json. Its training losses must be the
recorded ones to the last bit, else what one would look at is another run.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stability_gap import files
from stability_gap.errors import UserError
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.donor import read_donors
from stability_gap.experiment.machine import flush_denormals, make_deterministic
from stability_gap.experiment.seed_trainer import SeedTrainer, WatcherMaker
from stability_gap.experiment.settings import CellSettings, EvaluationSettings
from stability_gap.experiment.snapshots import Snapshots, State, snapshots_into, switch_iterations
from stability_gap.learners.rates import Donor
from stability_gap.settings import validate
from stability_gap.tasks.facts import StreamFacts, read_facts
from stability_gap.tasks.stream_file import read


@dataclass(frozen=True, eq=False)
class Replay:
    """A finished run folder that can be trained again.

    folder: of the run. settings: of its cell, with next to no evaluation, which changes no update. seeds: those of interest that
    completed. stream: of its benchmark. donors: what it read of another run, by seed. threads: that it was trained with.
    """

    folder: Path
    settings: CellSettings
    seeds: list[int]
    stream: DeviceStream
    donors: Mapping[int, Donor]
    threads: int

    def trainer(self, watchers: tuple[WatcherMaker, ...] = ()) -> SeedTrainer:
        """What trains the cell; its timeline says where the switches are."""
        return SeedTrainer(self.settings, self.stream, self.donors, None, watchers)

    def snapshots(self, seed: int, offsets: Collection[int]) -> dict[int, State]:
        """Train the seed again: iteration -> state of the model after it, at `offsets` from every switch.

        Errors: UserError where a training loss is not the recorded one, naming the run and the iteration.
        """
        made: list[Snapshots] = []
        trainer = self.trainer((snapshots_into(made, switch_iterations(self.trainer().timeline, offsets)),))
        make_deterministic(self.threads, self.settings.precision)
        with flush_denormals():
            record = trainer.one(seed)
        _check_losses(record.training["loss"], self.folder, seed)
        return made[0].kept


def open_run(folder: Path, streams: Sequence[Path], runs: Sequence[Path] = (), seeds: Collection[int] | None = None) -> Replay:
    """Prepare the replay of a run folder, on the CPU.

    Args:
        streams: folders, one of them of the stream that it was trained on. runs: folders, with those that it read among them.
        seeds: of interest; None: all.

    Errors: UserError where run.json is not one of ours, or its stream or donor is not among those given; where the run was
    trained on a GPU, in a block of seeds, whose last bits a single seed need not have.
    """
    facts = _facts(folder)
    if facts["device"] != "cpu":
        raise UserError(
            f"{folder} was trained on {facts['device']}; only runs of a CPU can be replayed to the last bit. Train it on one: "
            "delete the folder and call snakemake with --config device=cpu."
        )
    settings: CellSettings = validate(CellSettings, facts["settings"], f"{folder}/run.json, settings")
    completed = sorted(int(seed) for seed, end in facts["seeds"].items() if end["status"] == "completed")
    chosen = [seed for seed in completed if seeds is None or seed in seeds]
    digests = {read_facts(stream / "stream.json", StreamFacts).digest: stream for stream in streams}
    if facts["stream_digest"] not in digests:
        raise UserError(
            f"{folder} was trained on none of the streams {', '.join(map(str, streams))}; name its own with --stream."
        )
    rare = settings.model_copy(update={"evaluation": EvaluationSettings(every=settings.iterations, tasks="first")})
    stream = DeviceStream(read(digests[facts["stream_digest"]]), rare, torch.device("cpu"))
    updates = len(stream.train_sizes) * settings.iterations
    donors = _donors(folder, settings, runs, facts["stream_digest"], chosen, updates)
    return Replay(folder, rare, chosen, stream, donors, facts["threads"])


def _donors(
    folder: Path, settings: CellSettings, runs: Sequence[Path], stream: str, seeds: list[int], updates: int
) -> Mapping[int, Donor]:
    donor = settings.optimizer_settings.donor
    if donor is None:
        return {}
    read_by_it = [run for run in runs if _is_run_of(run, settings.benchmark, donor)]
    if not read_by_it:
        raise UserError(f"{folder} reads the run of {donor}; name the run folder of {settings.benchmark} {donor} as well.")
    return read_donors(read_by_it, settings.benchmark, donor, stream, seeds, updates)


def _facts(folder: Path) -> dict[str, Any]:
    facts = files.read_json(folder / "run.json")
    needed = ("settings", "stream_digest", "seeds", "threads", "device")
    if not isinstance(facts, dict) or (missing := [key for key in needed if key not in facts]):
        lacks = f"lacks {', '.join(missing)}" if isinstance(facts, dict) else "holds no JSON object"
        raise UserError(f"{folder}/run.json {lacks}; only a run of this pipeline can be replayed.")
    return facts


def _is_run_of(folder: Path, benchmark: str, optimizer: str) -> bool:
    facts = files.read_json(folder / "run.json")
    return isinstance(facts, dict) and (facts.get("benchmark"), facts.get("optimizer")) == (benchmark, optimizer)


def _check_losses(replayed: np.ndarray, folder: Path, seed: int) -> None:
    """Refuse a replay whose training losses, (T,), are not the recorded ones."""
    table = files.read_parquet(folder / "training.parquet", ["seed", "iteration", "loss"])
    recorded = table[table["seed"] == seed].sort_values("iteration")["loss"].to_numpy()
    if len(recorded) != len(replayed):
        raise UserError(f"{folder} has {len(recorded)} updates of seed {seed}, its settings {len(replayed)}; train it again.")
    if len(different := np.flatnonzero(recorded != replayed)):
        raise UserError(
            f"{folder}: seed {seed}, replayed, has another training loss from iteration {different[0] + 1} on: other code, "
            "packages, processor, device or threads than it was trained with. Train the run again here."
        )
