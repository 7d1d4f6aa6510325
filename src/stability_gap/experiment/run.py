"""Train a block of seeds of one cell, from the stream folder to the run folder (docs/data-contracts.md)."""

import logging
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from stability_gap import provenance
from stability_gap.errors import UserError
from stability_gap.experiment import run_file
from stability_gap.experiment.checkpoint import Checkpoints, may_go_on
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.donor import digest, read_donors
from stability_gap.experiment.machine import (
    check_precision,
    clocks,
    flush_denormals,
    make_deterministic,
    name_lack_of_memory,
    peak_memory,
    processor,
    resolve_device,
)
from stability_gap.experiment.own_watcher import OwnWatcher, own_watcher
from stability_gap.experiment.progress import Progress
from stability_gap.experiment.seed_blocks import train_seeds
from stability_gap.experiment.seed_trainer import SeedTrainer
from stability_gap.experiment.settings import CellSettings
from stability_gap.learners.rates import Donor
from stability_gap.tasks.facts import StreamFacts, read_facts
from stability_gap.tasks.stream_file import read

log = logging.getLogger(__name__)


def train_cell(
    settings: CellSettings,
    stream_folder: Path,
    seeds: list[int],
    output: Path,
    threads: int,
    device: str,
    donors: Sequence[Path] = (),
    watchers: Sequence[str] = (),
) -> None:
    """Train every seed of the block and write `output`/{evaluations.parquet, training.parquet, run.json}.

    Seeds are independent. On a CPU a seed's rows do not depend on which others share its block; on a GPU their last bits may.

    Args:
        donors: folders of the runs whose learning rates or gains are read, where `settings` say so. watchers: module:Class each.

    Errors: UserError.
    """
    started = clocks()
    place = resolve_device(device)
    check_precision(settings.precision, place)
    make_deterministic(threads, settings.precision)
    stream = read(stream_folder)
    stream_facts = read_facts(stream_folder / "stream.json", StreamFacts)
    updates = stream.tasks * settings.iterations
    followed = _followed(settings, stream_facts.digest, seeds, updates, donors)
    watching = [own_watcher(target) for target in watchers]
    made_by = {"code": provenance.code_digest("experiment.run"), "versions": provenance.versions(), "threads": threads}
    checkpoints = None
    if place.type == "cpu" and not watching and may_go_on(settings):
        depends_on = {"settings": settings.model_dump(mode="json"), "stream": stream_facts.digest, "processor": processor()}
        checkpoints = Checkpoints(output, depends_on | made_by, len(seeds))
    progress = Progress(f"{settings.benchmark} {settings.optimizer}", len(seeds), updates)
    with flush_denormals(), name_lack_of_memory(settings.benchmark):
        on_device = DeviceStream(stream, settings, place)
        trainer = SeedTrainer(settings, on_device, followed, progress, tuple(watching), checkpoints)
        records = train_seeds(trainer, seeds)
    for seed, record in records.items():
        if record.diverged_at is not None:
            log.warning(
                "%s %s seed %d diverged at iteration %d", settings.benchmark, settings.optimizer, seed, record.diverged_at
            )
    for watcher in trainer.watched:
        if isinstance(watcher, OwnWatcher):
            watcher.finish(output)
    read_of = {seed: digest(donor) for seed, donor in followed.items()}
    earlier = checkpoints.spent() if checkpoints is not None else dict.fromkeys(started, 0.0)
    facts: dict[str, Any] = {
        "benchmark": settings.benchmark,
        "optimizer": settings.optimizer,
        "classes": stream.classes,
        "tasks": stream.tasks,
        "incremental": stream_facts.incremental,
        "settings": settings.model_dump(mode="json"),
        "stream_digest": stream_facts.digest,
        "donor": {"optimizer": settings.optimizer_settings.donor, "seeds": read_of} if followed else None,
        "official": stream_facts.official,
        **made_by,
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name() if place.type == "cuda" else "cpu",
        "processor": processor(),
        **{name: round(earlier[name] + now - started[name], 3) for name, now in clocks().items()},
        "peak_memory_mib": round(peak_memory() / 2**20, 1),
        "peak_gpu_memory_mib": round(torch.cuda.max_memory_reserved() / 2**20, 1) if place.type == "cuda" else None,
        "cuda": f"{torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}" if place.type == "cuda" else None,
    }
    run_file.write(records, facts, output)
    if checkpoints is not None:
        checkpoints.remove()


def _followed(settings: CellSettings, stream: str, seeds: list[int], updates: int, folders: Sequence[Path]) -> dict[int, Donor]:
    """What each seed follows, where the settings say so. Errors: UserError where they do and it is not given, or the reverse."""
    optimizer = settings.optimizer_settings.donor
    if optimizer is None:
        if folders:
            raise UserError(f"{settings.optimizer} reads no other run; leave --donor {folders[0]} out.")
        return {}
    if not folders:
        raise UserError(
            f"{settings.optimizer} reads the run of {optimizer} with the same seed; name the folder of that run with --donor."
        )
    return read_donors(folders, settings.benchmark, optimizer, stream, seeds, updates)
