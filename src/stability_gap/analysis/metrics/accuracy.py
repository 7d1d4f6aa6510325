"""Measure accuracy: at the end of the stream, all along it, at its worst, at the start of a task."""

import numpy as np

from stability_gap.analysis.metrics.registry import metric
from stability_gap.analysis.trajectory import Trajectory, mean


@metric(label="avg-ACC", unit="accuracy", per="stream", better="higher", diverged="chance")
def avg_acc(curve: Trajectory) -> float:
    """Average a_j(T), the accuracy at the end of the stream, over all tasks j."""
    return mean(curve.accuracy[-1])


@metric(label="anytime ACC", unit="accuracy", per="stream", better="higher", diverged="chance")
def anytime_acc(curve: Trajectory) -> float:
    """Average the mean accuracy over the tasks seen over all updates of the stream: the average anytime accuracy.

    Between two evaluations of a context it is taken as linear, before the first one as that one: an average over the
    evaluations alone would weigh the time after a switch more where it is evaluated more densely.

    Source: Caccia et al., "New insights on reducing abrupt representation change in online continual learning", ICLR 2022.
    """
    blocks = []
    for k in range(1, curve.tasks + 1):
        block = curve.block(k)
        updates = np.arange(curve.before(k) + 1, curve.iterations[block.stop - 1] + 1)
        blocks.append(np.interp(updates, curve.iterations[block], curve.accuracy[block, :k].mean(axis=1)))
    return mean(np.concatenate(blocks))


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
