"""Train the seeds of a job: one after the other, or on a GPU in blocks, which are checked before they count.

Nothing is taken for granted of a GPU: a block is first held against the plain loop, graphs or blocks that fail are done without,
and a block that does not fit is halved. Each fallback is a line in the log and stands in run.json.
"""

import contextlib
import gc
import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from stability_gap.experiment.machine import is_out_of_memory
from stability_gap.experiment.recording import Record
from stability_gap.experiment.seed_trainer import SeedTrainer

# The rehearsal: so many updates at learning rates that are this much smaller, so that training does not amplify how a product was
# rounded: at full rates a CNN is 30 % elsewhere after 20 updates, without any error.
REHEARSED, PACE = 20, 0.001
WATCHED = 2  # it is evaluated every so many updates, whatever the run is: a graph runs as it is three times before its capture
# Largest relative difference to the plain loop in anything recorded; how large it is on a CPU: docs/performance.md.
TOLERANCE = {"fp32": 0.005, "tf32": 0.05, "bf16": 0.1}

log = logging.getLogger(__name__)


def train_seeds(trainer: SeedTrainer, seeds: list[int]) -> dict[int, Record]:
    """Train all seeds: on a GPU together, unless something of the run is each seed's own."""
    optimizer = trainer.settings.optimizer_settings
    alone = optimizer.alone or trainer.settings.class_order == "by_seed"  # with a stream of its own
    if trainer.stream.device.type != "cuda" or alone:
        return {seed: trainer.one(seed) for seed in seeds}
    # What is read from another run is each seed's own.
    blocks = [seeds] if optimizer.donor is None else [[seed] for seed in seeds]
    return {seed: record for block in blocks for seed, record in fitting(trainer, block).items()}


def fitting(trainer: SeedTrainer, seeds: list[int]) -> dict[int, Record]:
    """Train a block; where memory runs out, half of it and then the other, and one seed by the plain loop, which needs least.

    Errors: RuntimeError where one seed does not fit.
    """
    try:
        return checked(trainer, seeds)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    forget_tensors()  # only here, when the error is gone that held on to them
    if len(seeds) == 1:
        log.warning("out of GPU memory with one seed; going on by the plain loop")
        return _fallen_back(["memory"], {seeds[0]: trainer.one(seeds[0])})
    half = len(seeds) - len(seeds) // 2
    log.warning("out of GPU memory with %d seeds at once; going on with %d", len(seeds), half)
    return _fallen_back(["memory"], fitting(trainer, seeds[:half]) | fitting(trainer, seeds[half:]))


def checked(trainer: SeedTrainer, seeds: list[int]) -> dict[int, Record]:
    """Train a block as CUDA graphs; without, where that fails; seed by seed where a block fails or is not the plain loop.

    Errors: RuntimeError where memory runs out or one seed fails.
    """
    reasons: list[str] = []
    for capture in (True, False):
        try:
            difference = rehearse(trainer, seeds, capture)
            if difference <= TOLERANCE[trainer.settings.precision]:
                return _fallen_back(reasons, trainer.block(seeds, capture))
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            told, reason = str(error).partition("\n")[0], "capture" if capture else "block"
            if capture:
                log.warning("no CUDA graph could be made, going on without: %s", told)
            else:
                log.warning("%d seeds at once cannot be trained, going on one by one: %s", len(seeds), told)
        else:
            log.warning(
                "%d seeds at once differ from one by one by %.2g within %d updates; going on one by one",
                *(len(seeds), difference, REHEARSED),
            )
            reasons.append("rehearsal")
            break
        reasons.append(reason)
        forget_tensors()
    return _fallen_back(reasons, {seed: trainer.one(seed) for seed in seeds})


def forget_tensors() -> None:
    """Free what an attempt that failed left on the GPU."""
    gc.collect()
    with contextlib.suppress(RuntimeError):  # some versions refuse it after a capture that failed, and it is no must
        torch.cuda.empty_cache()


def rehearse(trainer: SeedTrainer, seeds: list[int], capture: bool) -> float:
    """How far a block is from the plain loop after a few updates at a slow pace, at most and relative. Errors: CaptureFailed."""
    evaluation = trainer.settings.evaluation.model_copy(update={"every": WATCHED})
    settings = trainer.settings.model_copy(update={"evaluation": evaluation})
    quiet = replace(trainer, settings=settings, progress=None, watchers=(), pace=PACE)
    together = quiet.block(seeds, capture, until=REHEARSED)
    return max(relative_difference(together[seed], quiet.one(seed, until=REHEARSED)) for seed in seeds)


def relative_difference(one: Record, other: Record) -> float:
    """The largest relative difference of any training loss, norm, gain, entropy or test loss; infinite where only one is finite.

    Accuracies are left out: they change by whole images.
    """
    pairs = [(column, other.training[name]) for name, column in one.training.items() if name != "accuracy"]
    return max(_difference(a, b) for a, b in [*pairs, (one.loss, other.loss)])


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    recorded = np.isfinite(one) | np.isfinite(other)
    a, b = one[recorded].astype(float), other[recorded].astype(float)
    if not np.isfinite([*a, *b]).all():
        return np.inf
    size = np.maximum(np.abs(a), np.abs(b))
    return float(np.max(np.abs(a - b)[size > 0] / size[size > 0], initial=0.0))


def _fallen_back(reasons: Sequence[str], records: dict[int, Record]) -> dict[int, Record]:
    """The records with more reasons, in front of what happened later."""
    return {
        seed: replace(record, way=replace(record.way, fallbacks=(*reasons, *record.way.fallbacks)))
        for seed, record in records.items()
    }
