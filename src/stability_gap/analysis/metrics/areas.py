"""Split the gap area into what comes back within the block and what does not."""

import math

import numpy as np

from stability_gap.analysis.metrics.recovery import gap_area
from stability_gap.analysis.metrics.registry import metric
from stability_gap.analysis.trajectory import Floats, Trajectory, mean

END = 10  # the end of a block is its last 1/10 of updates


@metric(label="transient area", unit="accuracy", per="switch", better="lower", diverged=1.0)
def transient_area(curve: Trajectory) -> Floats:
    """Average max(0, min(a_r(before), a_r(end)) − a_r(t)) over the updates t of block k and old tasks r; shape (K−1,).

    a_r(end) is the mean over the last tenth of the block's updates (rounded up). Between evaluations the accuracy is taken
    as linear. Source: after ValleyWalk (2026).
    """
    areas = np.full(curve.tasks - 1, np.nan)
    for k in range(2, curve.tasks + 1):
        old = slice(0, k - 1)
        curves = curve.at_every_update(k, old)
        end = curves[-math.ceil(len(curves) / END) :].mean(axis=0)
        areas[k - 2] = np.maximum(0, np.minimum(curve.accuracy[curve.end(k - 1), old], end) - curves).mean()
    return areas


@metric(label="lasting area", unit="accuracy", per="switch", better="lower", diverged=1.0)
def lasting_area(curve: Trajectory) -> Floats:
    """Subtract `transient_area` from `gap_area`: what is lost and stays so at the end of block k; shape (K−1,)."""
    return gap_area(curve) - transient_area(curve)


@metric(label="avg transient area", unit="accuracy", per="stream", better="lower", diverged=1.0)
def avg_transient_area(curve: Trajectory) -> float:
    """Average `transient_area` over the switches."""
    return mean(transient_area(curve))


@metric(label="avg lasting area", unit="accuracy", per="stream", better="lower", diverged=1.0)
def avg_lasting_area(curve: Trajectory) -> float:
    """Average `lasting_area` over the switches."""
    return mean(lasting_area(curve))
