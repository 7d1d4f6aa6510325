"""Measure accuracy: at the end of the stream, at its worst, at the start of a task."""

import numpy as np

from stability_gap.analysis.metrics.registry import metric
from stability_gap.analysis.trajectory import Trajectory, mean


@metric(label="avg-ACC", unit="accuracy", per="stream", better="higher", diverged="chance")
def avg_acc(curve: Trajectory) -> float:
    """Average a_j(T), the accuracy at the end of the stream, over all tasks j."""
    return mean(curve.accuracy[-1])


@metric(label="min-ACC", unit="accuracy", per="stream", better="higher", diverged="chance")
def min_acc(curve: Trajectory) -> float:
    """Average over old tasks j < K the minimum of a_j after the end of block j (the value at that end is not in it)."""
    return mean([curve.accuracy[curve.end(j) + 1 :, j - 1].min() for j in range(1, curve.tasks)])


@metric(label="WC-ACC", unit="accuracy", per="stream", better="higher", diverged="chance")
def wc_acc(curve: Trajectory) -> float:
    """Weigh the last task's accuracy and the worst of the others: a_K(T)/K + (1 − 1/K)·min_acc; undefined for K = 1."""
    return float(curve.accuracy[-1, -1]) / curve.tasks + (1 - 1 / curve.tasks) * min_acc(curve)


@metric(label="LCA-{}", unit="accuracy", per="stream", better="higher", diverged="chance", variants=(10,))
def lca(curve: Trajectory, updates: int = 10) -> float:
    """Average the accuracy on the current task over the first `updates` updates of its block, then over tasks.

    Learning curve area. Of these updates those count that were evaluated; without one it is undefined. A shorter block
    gives what it has.

    Source: Chaudhry et al., "Efficient lifelong learning with A-GEM", ICLR 2019 (LCA_β; there with the value before
    training).
    """
    areas = []
    for j in range(1, curve.tasks + 1):
        block = curve.block(j)
        early = curve.iterations[block] <= curve.before(j) + updates
        areas.append(float(np.mean(curve.accuracy[block, j - 1][early])) if early.any() else float("nan"))
    return mean(areas)
