"""Measure the stability gap: how far accuracy falls after a switch, relative to its value before."""

from typing import Literal

import numpy as np

from stability_gap.analysis.metrics.registry import metric
from stability_gap.analysis.trajectory import Floats, Trajectory, mean

Reference = Literal["previous", "first", "seen"]
REFERENCES: tuple[Reference, ...] = ("previous", "first", "seen")


@metric(label="SG {}", unit="gap", per="switch", better="lower", diverged=1.0, variants=REFERENCES)
def sg(curve: Trajectory, reference: Reference) -> Floats:
    """Compute (a_r(before) − min of a_r over block k) / a_r(before) at every switch k = 2 … K; shape (K−1,).

    The reference task r is k−1 (`previous`: the paper's text), 1 (`first`: the authors' code), or every r < k (`seen`,
    ours: the mean over r of the gap of task r, so that one task's gain cannot hide another's loss). At most 1; negative
    where the task only ever gains in the block. A task at zero accuracy before the switch has nothing to lose: its gap
    is undefined, and `seen` leaves it out of its mean.

    Source: arXiv 2507.14056, section on metrics (SG).
    """
    return np.array([np.nan if gap is None else gap for gap in _relative_gaps(curve, reference)])


@metric(label="avg-SG {}", unit="gap", per="stream", better="lower", diverged=1.0, variants=REFERENCES)
def avg_sg(curve: Trajectory, reference: Reference) -> float:
    """Average `sg` over the switches at which the reference had something to lose; NaN where there is none.

    Source: arXiv 2507.14056, section on metrics (avg-SG).
    """
    return mean([gap for gap in _relative_gaps(curve, reference) if gap is not None])


@metric(label="depth {}", unit="accuracy", per="switch", better="lower", diverged=1.0, variants=REFERENCES)
def depth(curve: Trajectory, reference: Reference) -> Floats:
    """Compute a_r(before) − min of a_r over block k at every switch: the absolute twin of `sg`; shape (K−1,).

    `seen` averages over all r < k. A fraction, negative where the task only ever gains. Source: ours.
    """
    depths = np.full(curve.tasks - 1, np.nan)
    for k in range(2, curve.tasks + 1):
        tasks = reference_tasks(k, reference)
        depths[k - 2] = np.mean(curve.accuracy[curve.end(k - 1), tasks] - curve.accuracy[curve.block(k), tasks].min(axis=0))
    return depths


@metric(
    label="avg depth {}", unit="accuracy", per="stream", better="lower", diverged=1.0, repeats="avg_sg_{}", variants=REFERENCES
)
def avg_depth(curve: Trajectory, reference: Reference) -> float:
    """Average `depth` over the switches. Source: ours."""
    return mean(depth(curve, reference))


def reference_tasks(k: int, reference: Reference) -> slice:
    """Choose the columns of the reference tasks of switch k: k−1, 1 or all before k."""
    return {"previous": slice(k - 2, k - 1), "first": slice(0, 1), "seen": slice(0, k - 1)}[reference]


def relative_loss(before: Floats, lowest: Floats) -> float | None:
    """Average 1 − lowest/before over tasks; both have shape (tasks,).

    None where no task had anything to lose, NaN where one was not recorded.
    """
    can_lose = before != 0  # true for NaN as well: a task that was not recorded leaves the gap undefined
    return float(np.mean(1 - lowest[can_lose] / before[can_lose])) if can_lose.any() else None


def _relative_gaps(curve: Trajectory, reference: Reference) -> list[float | None]:
    """Compute the gap of each switch, each as from `relative_loss`."""
    gaps = []
    for k in range(2, curve.tasks + 1):
        tasks = reference_tasks(k, reference)
        gaps.append(relative_loss(curve.accuracy[curve.end(k - 1), tasks], curve.accuracy[curve.block(k), tasks].min(axis=0)))
    return gaps
