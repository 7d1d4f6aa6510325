"""Lay out a run in time: contexts, switches, and the updates after which it is evaluated (PROTOCOL §1, §13)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stability_gap.experiment.settings import ExperimentSettings

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Timeline:
    """When what happens in a run. Iterations are updates, counted over the whole stream from 1.

    contexts: K, one per task. iterations: updates per context. evaluated: int (E,), the iterations after which the learner is
    evaluated, in order. covered: int (E,), how many tasks each evaluation covers, task 1 first.
    """

    contexts: int
    iterations: int
    evaluated: Integers
    covered: Integers

    @property
    def updates(self) -> int:
        """All updates of the stream, T."""
        return self.contexts * self.iterations

    @property
    def switches(self) -> Integers:
        """The last iteration of every context but the last: int (K−1,)."""
        return np.arange(1, self.contexts) * self.iterations

    def context_of(self, iterations: Integers) -> Integers:
        """The context, from 1, of each iteration."""
        return (iterations - 1) // self.iterations + 1

    def evaluation_after(self) -> dict[int, int]:
        """Iteration -> position in `evaluated`."""
        return {int(iteration): position for position, iteration in enumerate(self.evaluated)}


def timeline(settings: ExperimentSettings, contexts: int) -> Timeline:
    """The timeline of a stream of so many contexts.

    In each context the first `dense` updates are evaluated, the first `middle` after its middle, every `every`-th, and the last.
    """
    cadence, updates = settings.evaluation, settings.iterations
    within = np.arange(1, updates + 1)
    after_middle = within - updates // 2
    dense = (within <= cadence.dense) | ((after_middle > 0) & (after_middle <= cadence.middle))
    chosen = within[dense | (within % cadence.every == 0) | (within == updates)]
    evaluated = (np.arange(contexts)[:, None] * updates + chosen).ravel()
    covered = np.repeat(np.arange(1, contexts + 1), len(chosen))
    return Timeline(contexts, updates, evaluated, np.minimum(covered, 1) if cadence.tasks == "first" else covered)
