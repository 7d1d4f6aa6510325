"""A block of seeds of one cell, from the stream file to the run folder (docs/data-contracts.md)."""

import logging
import platform
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from stability_gap import files, provenance
from stability_gap.errors import UserError
from stability_gap.experiment.settings import CellSettings
from stability_gap.experiment.training import DeviceStream, Trajectory, train
from stability_gap.tasks.stream_file import read

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 10.0


def run(settings: CellSettings, stream_folder: Path, seeds: list[int], output: Path, threads: int, device: str) -> None:
    """Train every seed of the block and write `output`/{evaluations.parquet, training.parquet, run.json}.

    Seeds are independent: a seed's rows do not depend on which others share its block.
    """
    started = time.perf_counter()
    place = resolve_device(device)
    make_deterministic(threads)
    stream = read(stream_folder)
    screened = settings.evaluation.arithmetic == "bf16_screened"
    on_device = DeviceStream(stream, place, flat=settings.model.kind == "mlp", screened=screened)
    updates = len(on_device.train_sizes) * settings.iterations
    progress = Progress(f"{settings.benchmark} {settings.optimizer}", len(seeds), updates)
    trajectories: dict[int, Trajectory] = {}
    for seed in seeds:
        trajectories[seed] = train(settings, on_device, seed, progress.run(seed))
        if (iteration := trajectories[seed].diverged_at) is not None:
            log.warning("%s %s seed %d diverged at iteration %d", settings.benchmark, settings.optimizer, seed, iteration)

    files.write_parquet(output / "evaluations.parquet", evaluation_table(trajectories, settings))
    files.write_parquet(output / "training.parquet", training_table(trajectories, settings))
    stream_facts = files.read_json(stream_folder / "stream.json")
    status = {
        str(seed): {"status": "completed" if run.diverged_at is None else "diverged", "diverged_at": run.diverged_at}
        for seed, run in trajectories.items()
    }
    files.write_json(
        output / "run.json",
        {
            "benchmark": settings.benchmark,
            "optimizer": settings.optimizer,
            "classes": stream.classes,
            "tasks": len(on_device.train_sizes),
            "settings": settings.model_dump(mode="json"),
            "seeds": status,
            "stream_digest": stream_facts["digest"],
            "official": stream_facts["official"],
            "code": provenance.code_digest("tasks", "learners", "experiment"),
            "versions": provenance.versions(),
            "python": platform.python_version(),
            "device": str(place),
            "processor": platform.processor() or platform.machine(),
            "threads": threads,
            "wall_seconds": round(time.perf_counter() - started, 3),
            "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        },
    )


def resolve_device(device: str) -> torch.device:
    """'auto' is CUDA where there is one. Errors: UserError where CUDA is asked for and absent."""
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise UserError("device: 'cuda' is not available on this machine; write device: auto or cpu in config.yaml.")
    return torch.device("cuda" if available and device != "cpu" else "cpu")


def make_deterministic(threads: int) -> None:
    """Fix what could make two runs differ: the number of threads and torch's choice of algorithms."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # nothing here reads memory before writing it


def evaluation_table(trajectories: dict[int, Trajectory], settings: CellSettings) -> pd.DataFrame:
    """Trajectories -> rows of evaluations.parquet, sorted by seed, iteration, task."""
    parts = []
    for seed, run in sorted(trajectories.items()):
        contexts = (run.evaluated - 1) // settings.iterations + 1
        seen = np.minimum(contexts, 1) if settings.evaluation.tasks == "first" else contexts
        row, task = np.nonzero(np.arange(run.accuracy.shape[1]) < seen[:, None])
        parts.append(
            pd.DataFrame(
                {
                    "seed": np.full(len(row), seed, np.int32),
                    "iteration": run.evaluated[row].astype(np.int32),
                    "context": contexts[row].astype(np.int16),
                    "task": (task + 1).astype(np.int16),
                    "accuracy": run.accuracy[row, task],
                    "loss": run.loss[row, task],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def training_table(trajectories: dict[int, Trajectory], settings: CellSettings) -> pd.DataFrame:
    """Trajectories -> rows of training.parquet, sorted by seed, iteration."""
    parts = []
    for seed, run in sorted(trajectories.items()):
        iterations = np.arange(1, len(run.training["loss"]) + 1)
        keys = {
            "seed": np.full(len(iterations), seed, np.int32),
            "iteration": iterations.astype(np.int32),
            "context": ((iterations - 1) // settings.iterations + 1).astype(np.int16),
        }
        parts.append(pd.DataFrame(keys | dict(run.training)))
    return pd.concat(parts, ignore_index=True)


class Progress:
    """A line every few seconds: which run of how many, iteration, time left for the block."""

    def __init__(self, title: str, runs: int, updates: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.title, self.runs, self.updates, self.clock = title, runs, updates, clock
        self.finished = -1
        self.started = self.last = clock()

    def run(self, seed: int) -> Callable[[int], None]:
        """Begin the next run; the returned function takes the number of its finished iterations."""
        self.finished += 1

        def report(iteration: int) -> None:
            now = self.clock()
            if now - self.last < SECONDS_BETWEEN_LINES:
                return
            self.last = now
            done = self.finished + iteration / self.updates
            left = (now - self.started) * (self.runs - done) / done
            log.info(
                "%s: run %d of %d (seed %d), iteration %d of %d, about %d s left",
                *(self.title, self.finished + 1, self.runs, seed, iteration, self.updates, round(left)),
            )

        return report
