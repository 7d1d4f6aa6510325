"""Measure recovery from the gap: how long it lasts, and the area that it covers."""

import math

import numpy as np

from stability_gap.analysis.metrics.registry import metric
from stability_gap.analysis.trajectory import Floats, Trajectory, mean

# One point of accuracy. The excess lets float32 accuracies that are exactly one point apart count as within it.
WITHIN = 0.01 + 1e-6


@metric(label="recovery", unit="updates", per="switch", better="lower", diverged=math.nan)
def recovery(curve: Trajectory) -> Floats:
    """Count the updates from each switch to recovery; shape (K−1,). NaN where it does not come back within the block.

    Updates count from the last evaluation before the switch. The curve is the mean accuracy over the old tasks. It is
    recovered at the first evaluation, at or after its (first) minimum of the block, at which it is back within one
    point of its value before the switch. The minimum is where the search starts because the first evaluations after a
    switch often have not dropped yet. A block that never falls by more than a point has 0.

    Between evaluations nothing is known, so the number is rounded up to the evaluation that shows the recovery. Where no
    fall was seen and the first update after the switch was not evaluated, it may have fallen and come back unseen: then
    the number is that of the updates to the first evaluation, not 0. Source: ours.
    """
    return _recoveries(curve)[0]


@metric(label="recovered", unit="1 or 0", per="switch", better="higher", diverged=0.0)
def recovered(curve: Trajectory) -> Floats:
    """Tell whether the curve of `recovery` was back by the end of the block (1 or 0); shape (K−1,). Source: ours."""
    return _recoveries(curve)[1]


@metric(label="gap area", unit="accuracy", per="switch", better="lower", diverged=1.0)
def gap_area(curve: Trajectory) -> Floats:
    """Average max(0, a_r(before) − a_r(t)) over the updates t of block k and the old tasks r < k; shape (K−1,).

    The positive part is taken per task, so that one task's gain does not offset another's loss. Between evaluations the
    accuracy is taken as linear. Source: ours.
    """
    areas = np.full(curve.tasks - 1, np.nan)
    for k in range(2, curve.tasks + 1):
        old = slice(0, k - 1)
        areas[k - 2] = np.maximum(0, curve.accuracy[curve.end(k - 1), old] - curve.at_every_update(k, old)).mean()
    return areas


@metric(label="avg gap area", unit="accuracy", per="stream", better="lower", diverged=1.0)
def avg_gap_area(curve: Trajectory) -> float:
    """Average `gap_area` over the switches. Source: ours."""
    return mean(gap_area(curve))


def _recoveries(curve: Trajectory) -> tuple[Floats, Floats]:
    """Compute `recovery` and `recovered`; both are NaN where an old task was not recorded."""
    updates, back_again = np.full((2, curve.tasks - 1), np.nan)
    for k in range(2, curve.tasks + 1):
        before = curve.end(k - 1)
        old = curve.accuracy[:, : k - 1].mean(axis=1)
        if np.isnan(old[before]):
            continue
        block = curve.block(k)
        passed = curve.iterations[block] - curve.iterations[before]
        lowest = int(old[block].argmin())
        back = old[before] - old[block][lowest:] <= WITHIN
        back_again[k - 2] = float(back.any())
        if back[0]:
            updates[k - 2] = 0 if passed[0] == 1 else passed[0]
        elif back.any():
            updates[k - 2] = passed[lowest + int(back.argmax())]
    return updates, back_again
