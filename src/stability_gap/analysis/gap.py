"""The stability-gap metrics of one seed, each a pure function of its accuracy trajectory.

Notation of the docstrings: a_j(t) is the test accuracy (a fraction) on task j after iteration t; there are K
contexts, and block k holds the evaluations of context k. The *before* of switch k is the last evaluation of block
k−1; that is iteration (k−1)I where every iteration is evaluated. Whatever is undefined is NaN, never 0: a metric that
needs a switch in a stream of one context, or one that needs a task that was not recorded.

Source, where a docstring names no other: De Lange, van de Ven, Tuytelaars, "Continual evaluation for lifelong
learning: Identifying the stability gap", ICLR 2023 (arXiv 2205.13452), section 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Reference = Literal["previous", "first", "seen"]

# One point of accuracy. The excess lets float32 accuracies that are exactly one point apart count as within it.
WITHIN = 0.01 + 1e-6


@dataclass(frozen=True)
class Trajectory:
    """Accuracy curves of one seed at its E evaluations, on K tasks.

    iterations: (E,) iteration of each evaluation, strictly increasing, 1-based over the stream; evaluating every ρ >
    1 is fine. contexts: (E,) context of each evaluation, 1 … K, non-decreasing; the contexts may differ in length.
    accuracy: (E, K) fractions; column j−1 is task j; NaN where the task was not seen yet or was not recorded.
    """

    iterations: Integers
    contexts: Integers
    accuracy: Floats

    @property
    def tasks(self) -> int:
        """K, the number of contexts and of tasks."""
        return int(self.accuracy.shape[1])

    def block(self, context: int) -> slice:
        """The evaluations of a context, as a slice of the first axis."""
        start, stop = np.searchsorted(self.contexts, [context, context + 1])
        return slice(int(start), int(stop))

    def end(self, context: int) -> int:
        """Index of the last evaluation of a context."""
        return int(self.block(context).stop) - 1


def trajectory(iteration: Integers, context: Integers, task: Integers, accuracy: Floats) -> Trajectory:
    """Trajectory of one seed from the columns of its evaluations, one element per row, in any order.

    The rows are taken as checked (`metrics.check_evaluations`): no (iteration, task) twice, contexts 1 … K.
    """
    iterations, first, row = np.unique(iteration, return_index=True, return_inverse=True)
    contexts = np.asarray(context, dtype=np.int64)[first]
    table = np.full((len(iterations), int(contexts.max())), np.nan)
    table[row, np.asarray(task) - 1] = accuracy
    return Trajectory(iterations.astype(np.int64), contexts, table)


def avg_acc(curve: Trajectory) -> float:
    """Mean over all tasks j of a_j(T), the accuracy at the end of the stream."""
    return _mean(curve.accuracy[-1])


def min_acc(curve: Trajectory) -> float:
    """Mean over old tasks j < K of the minimum of a_j after the end of block j (the value at that end is not in it)."""
    return _mean([curve.accuracy[curve.end(j) + 1 :, j - 1].min() for j in range(1, curve.tasks)])


def wc_acc(curve: Trajectory) -> float:
    """Worst-case accuracy a_K(T)/K + (1 − 1/K)·min_acc; undefined for K = 1, since min_acc is."""
    return float(curve.accuracy[-1, -1]) / curve.tasks + (1 - 1 / curve.tasks) * min_acc(curve)


def sg(curve: Trajectory, reference: Reference) -> Floats:
    """Relative stability gap (a_r(before) − min of a_r over block k) / a_r(before) of every switch k = 2 … K; shape
    (K−1,).

    The reference task r is k−1 (`previous`: the paper's text), 1 (`first`: the authors' code), or every r < k
    (`seen`, ours: the mean over r of the gap of task r, so that one task's gain cannot hide another's loss). At most
    1; negative where the task only ever gains in the block. A task at zero accuracy before the switch has nothing to
    lose: its gap is undefined, and `seen` leaves it out of its mean.

    Source: arXiv 2507.14056, section on metrics (SG).
    """
    return np.array([np.nan if gap is None else gap for gap in _relative_gaps(curve, reference)])


def avg_sg(curve: Trajectory, reference: Reference) -> float:
    """Mean of `sg` over the switches at which the reference had something to lose; NaN where there is none.

    Source: arXiv 2507.14056, section on metrics (avg-SG).
    """
    return _mean([gap for gap in _relative_gaps(curve, reference) if gap is not None])


def wf(curve: Trajectory, window: int) -> float:
    """Windowed forgetting WF^Δ: the largest drop a_s − a_u over evaluations s < u with u − s < Δ, mean over tasks.

    `window` is Δ in iterations, whatever the spacing of the evaluations. A curve that never drops has 0. NaN where a
    task has no two evaluations within the window.
    """
    largest = np.full(curve.tasks, np.nan)
    for lag in range(1, len(curve.iterations)):
        near = curve.iterations[lag:] - curve.iterations[:-lag] < window
        if not near.any():  # iterations increase, so no longer lag comes nearer
            break
        drops = curve.accuracy[:-lag] - curve.accuracy[lag:]
        # fmax passes over the NaN of the time before a task was seen
        largest = np.fmax(largest, np.fmax.reduce(drops if near.all() else drops[near], axis=0))
    return _mean(np.maximum(largest, 0))


def wp(curve: Trajectory, window: int) -> float:
    """Windowed plasticity WP^Δ: the largest rise within Δ iterations, mean over tasks; `wf` of the negated curve.

    The published reference code loses rises that follow a drop; here the window .5 .1 .9 gives .8.
    """
    return wf(replace(curve, accuracy=-curve.accuracy), window)


def lca(curve: Trajectory, first: int = 10) -> float:
    """Learning curve area: mean of the first 10 accuracies of the current task in its block, mean over tasks.

    A block with fewer evaluations gives the mean of those it has.

    Source: Chaudhry et al., "Efficient lifelong learning with A-GEM", ICLR 2019 (LCA_β; there with the value before
    training).
    """
    return _mean([curve.accuracy[curve.block(j), j - 1][:first].mean() for j in range(1, curve.tasks + 1)])


def forgetting(curve: Trajectory) -> float:
    """Mean over old tasks j < K of a_j(end of block j) − a_j(T); negative where old tasks gained.

    Source: Chaudhry et al., "Riemannian walk for incremental learning", ECCV 2018, with the end of the block for the
    maximum.
    """
    return _mean([curve.accuracy[curve.end(j), j - 1] - curve.accuracy[-1, j - 1] for j in range(1, curve.tasks)])


def bwt(curve: Trajectory) -> float:
    """Backward transfer, −forgetting. Source: Lopez-Paz, Ranzato, "Gradient episodic memory", NeurIPS 2017."""
    return 0.0 - forgetting(curve)  # not the unary minus, which makes −0.0 of no change


def recovery(curve: Trajectory) -> tuple[Floats, Floats]:
    """Iterations from each switch to recovery, and whether it recovered (1 or 0); two arrays of shape (K−1,).

    Iterations count from the last evaluation before the switch. The curve is the mean accuracy over the old tasks. It
    is recovered at the first evaluation, at or after its (first) minimum of the block, at which it is back within one
    point of its value before the switch. The minimum is where the search starts because the first evaluations after a
    switch often have not dropped yet. A block that never falls by more than a point has 0 iterations, recovered 1;
    one that is not back at its end is censored: NaN iterations, recovered 0. Both are NaN where an old task was not
    recorded. Source: ours.
    """
    iterations, recovered = np.full((2, curve.tasks - 1), np.nan)
    for k in range(2, curve.tasks + 1):
        before = curve.end(k - 1)
        old = curve.accuracy[:, : k - 1].mean(axis=1)
        if np.isnan(old[before]):
            continue
        block = curve.block(k)
        lowest = block.start + int(old[block].argmin())
        back = old[before] - old[lowest : block.stop] <= WITHIN
        recovered[k - 2] = float(back.any())
        if back[0]:
            iterations[k - 2] = 0
        elif back.any():
            iterations[k - 2] = curve.iterations[lowest + int(back.argmax())] - curve.iterations[before]
    return iterations, recovered


def gap_area(curve: Trajectory) -> Floats:
    """Mean over block k and the old tasks r < k of max(0, a_r(before) − a_r(t)), for k = 2 … K; shape (K−1,).

    The positive part is taken per task, so that one task's gain does not offset another's loss. Source: ours.
    """
    areas = np.full(curve.tasks - 1, np.nan)
    for k in range(2, curve.tasks + 1):
        before = curve.accuracy[curve.end(k - 1), : k - 1]
        areas[k - 2] = np.maximum(0, before - curve.accuracy[curve.block(k), : k - 1]).mean()
    return areas


def avg_gap_area(curve: Trajectory) -> float:
    """Mean over the switches of `gap_area`. Source: ours."""
    return _mean(gap_area(curve))


def _relative_gaps(curve: Trajectory, reference: Reference) -> list[float | None]:
    """The gap of each switch; None where no reference task had anything to lose, NaN where one was not recorded."""
    gaps: list[float | None] = []
    for k in range(2, curve.tasks + 1):
        tasks = {"previous": slice(k - 2, k - 1), "first": slice(0, 1), "seen": slice(0, k - 1)}[reference]
        before = curve.accuracy[curve.end(k - 1), tasks]
        lowest = curve.accuracy[curve.block(k), tasks].min(axis=0)
        can_lose = before != 0  # true for NaN as well: a task that was not recorded leaves the gap undefined
        gaps.append(float(np.mean(1 - lowest[can_lose] / before[can_lose])) if can_lose.any() else None)
    return gaps


def _mean(values: Floats | Sequence[float]) -> float:
    """Mean that is NaN for no values, without a warning."""
    return float(np.mean(values)) if len(values) else float("nan")
