"""A block of seeds of one cell, from the stream file to the run folder (docs/data-contracts.md)."""

import contextlib
import gc
import logging
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from stability_gap import files, provenance
from stability_gap.errors import UserError
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.recording import Trajectory
from stability_gap.experiment.settings import CellSettings
from stability_gap.experiment.together import can_share, train_together
from stability_gap.experiment.training import train
from stability_gap.tasks.dataset_file import read_facts
from stability_gap.tasks.stream_file import read

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 10.0


def run(settings: CellSettings, stream_folder: Path, seeds: list[int], output: Path, threads: int, device: str) -> None:
    """Train every seed of the block and write `output`/{evaluations.parquet, training.parquet, run.json}.

    Seeds are independent. On a CPU a seed's rows do not depend on which others share its block; on a GPU their last bits may.
    """
    started = time.perf_counter()
    place = resolve_device(device)
    make_deterministic(threads, settings.precision)
    stream = read(stream_folder)
    stream_facts = read_facts(stream_folder / "stream.json", "digest", "official")
    progress = Progress(f"{settings.benchmark} {settings.optimizer}", len(seeds), stream.tasks * settings.iterations)
    with tiny_numbers_as_zero(), lack_of_memory_named(settings.benchmark):
        on_device = DeviceStream(stream, settings, place)
        if place.type == "cuda" and can_share(settings):
            trajectories = train_block(settings, on_device, seeds, progress)
        else:
            trajectories = {seed: train(settings, on_device, seed, progress.run([seed])) for seed in seeds}
    for seed, run in trajectories.items():
        if run.diverged_at is not None:
            log.warning("%s %s seed %d diverged at iteration %d", settings.benchmark, settings.optimizer, seed, run.diverged_at)

    files.write_parquet(output / "evaluations.parquet", evaluation_table(trajectories, settings))
    files.write_parquet(output / "training.parquet", training_table(trajectories, settings))
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
            "tasks": stream.tasks,
            "settings": settings.model_dump(mode="json"),
            "seeds": status,
            "stream_digest": stream_facts["digest"],
            "official": stream_facts["official"],
            "code": provenance.code_digest("tasks", "learners", "experiment"),
            "versions": provenance.versions(),
            "python": platform.python_version(),
            "device": torch.cuda.get_device_name() if place.type == "cuda" else "cpu",
            "processor": platform.processor() or platform.machine(),
            "threads": threads,
            "wall_seconds": round(time.perf_counter() - started, 3),
            "peak_memory_mib": round(peak_memory() / 2**20, 1),
            "peak_gpu_memory_mib": round(torch.cuda.max_memory_allocated() / 2**20, 1) if place.type == "cuda" else None,
        },
    )


def train_block(settings: CellSettings, stream: DeviceStream, seeds: list[int], progress: "Progress") -> dict[int, Trajectory]:
    """All seeds at once on a GPU; where its memory runs out, half of them and then the other half."""
    try:
        return train_together(settings, stream, seeds, progress.run(seeds))
    except RuntimeError as error:
        if len(seeds) == 1 or not is_lack_of_memory(error):
            raise
    gc.collect()  # only here, when the error is gone that held on to tensors
    torch.cuda.empty_cache()
    progress.undo()
    half = len(seeds) // 2
    log.warning("out of GPU memory with %d seeds at once; going on with %d", len(seeds), len(seeds) - half)
    parts = (seeds[: len(seeds) - half], seeds[len(seeds) - half :])
    return {seed: run for part in parts for seed, run in train_block(settings, stream, part, progress).items()}


def is_lack_of_memory(error: BaseException | None) -> bool:
    """Whether GPU memory ran out. torch, cuBLAS and cuDNN each say it in their own way, also as the reason of another error."""
    if error is None:
        return False
    told = isinstance(error, torch.OutOfMemoryError) or any(text in str(error) for text in ("out of memory", "ALLOC_FAILED"))
    return told or is_lack_of_memory(error.__context__)


@contextlib.contextmanager
def lack_of_memory_named(benchmark: str) -> Iterator[None]:
    """Errors: UserError where memory does not suffice for one seed."""
    try:
        yield
    except RuntimeError as error:
        if not is_lack_of_memory(error):
            raise
        reason = str(error).splitlines()[0]
        raise UserError(
            f"too little memory for one seed of {benchmark} ({reason}); free the GPU, or write device: cpu."
        ) from error


def resolve_device(device: str) -> torch.device:
    """'auto' is CUDA where there is one. Errors: UserError where CUDA is asked for and absent."""
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise UserError("device: 'cuda' is not available on this machine; write device: auto or cpu in config.yaml.")
    return torch.device("cuda" if available and device != "cpu" else "cpu")


def make_deterministic(threads: int, precision: str) -> None:
    """Fix what could make two runs differ: the number of threads, torch's choice of algorithms, rounding of products."""
    torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it when it starts
    torch.set_deterministic_debug_mode("error")  # use_deterministic_algorithms would import torch's compiler, 1.4 s
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # nothing here reads memory before writing it


@contextlib.contextmanager
def tiny_numbers_as_zero() -> Iterator[None]:
    """Takes numbers below 1e-38 for 0: Adam's moments of dead units become so small, and processors are slow with them."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def peak_memory() -> int:
    """Largest resident memory of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


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
        self.finished = self.underway = 0
        self.started = self.last = clock()

    def run(self, seeds: list[int]) -> Callable[[int], None]:
        """Begin the next run, of one seed or of several at once; the returned function takes its finished iterations."""
        self.finished += self.underway
        self.underway = len(seeds)
        names = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"

        def report(iteration: int) -> None:
            now = self.clock()
            if now - self.last < SECONDS_BETWEEN_LINES:
                return
            self.last = now
            done = self.finished + len(seeds) * iteration / self.updates
            left = (now - self.started) * (self.runs - done) / done
            log.info(
                "%s: run %d of %d (%s), iteration %d of %d, about %d s left",
                *(self.title, self.finished + 1, self.runs, names, iteration, self.updates, round(left)),
            )

        return report

    def undo(self) -> None:
        """Forget the run under way: it will be done again."""
        self.underway = 0
