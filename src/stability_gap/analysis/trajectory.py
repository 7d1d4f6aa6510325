"""Hold the curves of one seed over its stream: accuracies at the evaluations, gains at the updates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

WATCHED = 20
"""updates after a switch in which accuracy falls and mostly comes back"""


@dataclass(frozen=True)
class Curve:
    """Points of one seed in the order of its stream of K contexts.

    iterations: (E,) update after which each point was taken, strictly increasing, 1-based over the stream, at whatever
    spacing. contexts: (E,) context of each point, 1 … K, non-decreasing; contexts may differ in length.
    """

    iterations: Integers
    contexts: Integers

    @property
    def tasks(self) -> int:
        """Return K, the number of contexts and of tasks."""
        return int(self.contexts[-1])

    def block(self, context: int) -> slice:
        """Find the points of a context, as a slice of the first axis."""
        start, stop = np.searchsorted(self.contexts, [context, context + 1])
        return slice(int(start), int(stop))

    def end(self, context: int) -> int:
        """Find the index of the last point of a context."""
        return int(self.block(context).stop) - 1

    def before(self, context: int) -> int:
        """Find the update at which a context begins: that of the last point before it, 0 for the first context."""
        return int(self.iterations[self.end(context - 1)]) if context > 1 else 0

    def middle(self, context: int) -> int:
        """Find the update halfway through a context, after ⌊I/2⌋ of its I updates: where a placebo switch lies."""
        before = self.before(context)
        return before + (int(self.iterations[self.end(context)]) - before) // 2

    def watched_twice(self, context: int) -> Integers:
        """Find after how many updates there is a point both since a switch and since its placebo switch, within half a block.

        None where one of the first `WATCHED` updates has a point after the switch alone: what remains would miss the fall.
        """
        middle, updates = self.middle(context), self.iterations[self.block(context)]
        since = updates[updates <= middle] - self.before(context)
        both = np.intersect1d(since, updates - middle)
        return both if np.isin(since[since <= WATCHED], both).all() else both[:0]


@dataclass(frozen=True)
class Trajectory(Curve):
    """Accuracy curves of one seed at its E evaluations, on K tasks.

    accuracy: (E, K) fractions; column j−1 is task j; NaN where the task was not seen yet or was not recorded.
    """

    accuracy: Floats

    @classmethod
    def of_rows(cls, iteration: Integers, context: Integers, task: Integers, accuracy: Floats) -> Self:
        """Arrange the columns of one seed's evaluations, one element per row, in any order.

        The rows are taken as checked (`checks.check_evaluations`): no (iteration, task) twice, contexts 1 … K.
        """
        iterations, first, row = np.unique(iteration, return_index=True, return_inverse=True)
        contexts = np.asarray(context, dtype=np.int64)[first]
        table = np.full((len(iterations), int(contexts.max())), np.nan)
        table[row, np.asarray(task) - 1] = accuracy
        return cls(iterations.astype(np.int64), contexts, table)

    def at_every_update(self, context: int, tasks: slice) -> Floats:
        """Give the accuracies after each update of a context > 1: (updates, tasks).

        As they were evaluated; linear between two evaluations, from the last one before the context on.
        """
        block = self.block(context)
        before = self.before(context)
        updates = np.arange(before + 1, self.iterations[block.stop - 1] + 1)
        if len(updates) == block.stop - block.start:
            return self.accuracy[block, tasks]
        points = slice(block.start - 1, block.stop)
        curves = self.accuracy[points, tasks].T
        return np.stack([np.interp(updates, self.iterations[points], curve) for curve in curves], axis=1)


@dataclass(frozen=True)
class GainTrajectory(Curve):
    """Gain of one seed at its E recorded updates: gain (E,), the mean over layers, without unit."""

    gain: Floats

    def last(self, context: int, updates: int) -> Floats:
        """Give the gains of the last `updates` updates of a context, or of as many as it has."""
        block = self.block(context)
        chosen: Floats = self.gain[block][self.iterations[block] > self.iterations[block.stop - 1] - updates]
        return chosen

    def first(self, context: int, updates: int) -> Floats:
        """Give the gains of the first `updates` updates of a context > 1, or of as many as it has."""
        block = self.block(context)
        chosen: Floats = self.gain[block][self.iterations[block] <= self.before(context) + updates]
        return chosen

    def between(self, start: int, stop: int) -> Floats:
        """Give the gains of the updates after `start`, up to and with `stop`."""
        chosen: Floats = self.gain[(self.iterations > start) & (self.iterations <= stop)]
        return chosen


def mean(values: Floats | Sequence[float]) -> float:
    """Average; NaN for no values, without a warning."""
    return float(np.mean(values)) if len(values) else float("nan")
