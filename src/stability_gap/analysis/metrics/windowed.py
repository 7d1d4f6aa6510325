"""Measure windowed forgetting and plasticity: the largest drop and rise of accuracy within a window of updates."""

from dataclasses import replace

import numpy as np

from stability_gap.analysis.metrics.registry import metric
from stability_gap.analysis.trajectory import Trajectory, mean

WINDOWS = (10, 100)


@metric(label="WF-{}", unit="accuracy", per="stream", better="lower", diverged=1.0, variants=WINDOWS)
def wf(curve: Trajectory, window: int) -> float:
    """Find the largest drop a_s − a_u over evaluations s < u with u − s < Δ, per task; average over tasks.

    `window` is Δ in updates, whatever the spacing of the evaluations. A curve that never drops has 0. NaN where a task
    has no two evaluations within the window.
    """
    largest = np.full(curve.tasks, np.nan)
    for lag in range(1, len(curve.iterations)):
        near = curve.iterations[lag:] - curve.iterations[:-lag] < window
        if not near.any():  # iterations increase, so no longer lag comes nearer
            break
        drops = curve.accuracy[:-lag] - curve.accuracy[lag:]
        # fmax passes over the NaN of the time before a task was seen
        largest = np.fmax(largest, np.fmax.reduce(drops if near.all() else drops[near], axis=0))
    return mean(np.maximum(largest, 0))


@metric(label="WP-{}", unit="accuracy", per="stream", better="higher", diverged=0.0, variants=WINDOWS)
def wp(curve: Trajectory, window: int) -> float:
    """Find the largest rise within Δ updates, per task; average over tasks: `wf` of the negated curve.

    The published reference code loses rises that follow a drop; here the window .5 .1 .9 gives .8.
    """
    return wf(replace(curve, accuracy=-curve.accuracy), window)
