"""Say what a file of curves does not say itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stability_gap.analysis.trajectory import Integers
from stability_gap.errors import UserError


@dataclass(frozen=True)
class Options:
    """What to take for granted where a file is silent. Errors: UserError where two options contradict or one is out of range."""

    context_length: int | None = None
    """updates of every context (the last one may be shorter)"""
    switches: Sequence[int] | None = None
    """updates after which the next context begins, in order; (200, 400) is what a context length of 200 means for three"""
    percent: bool = False
    """accuracies are percent, not fractions"""
    count_from: Literal[0, 1] | None = None
    """what an iteration 0 is. 0: the evaluation after the first update. 1: one before any update, which is left out"""
    seed: int | None = None
    """seed of a file that has no column seed"""

    def __post_init__(self) -> None:
        if self.context_length is not None and self.switches is not None:
            raise UserError("a context length and switches are given; give one of the two (--context-length or --switches).")
        if self.context_length is not None and not _are_updates(self.context_length, dimensions=0):
            raise UserError(f"the context length is {self.context_length!r}; it must be a whole number of updates, such as 200.")
        if self.switches is not None and not _are_updates(self.switches, dimensions=1):
            raise UserError(f"switches are {self.switches!r}; give whole numbers of updates in ascending order, such as 200,400.")

    def contexts(self, iterations: Integers) -> Integers | None:
        """Find the context, 1 … K, of each update; None where no option tells."""
        if self.context_length is not None:
            return np.asarray((iterations - 1) // int(self.context_length) + 1)
        if self.switches is not None:
            return np.asarray(np.searchsorted(np.asarray(self.switches, dtype=np.int64), iterations, side="left") + 1)
        return None


def _are_updates(given: object, dimensions: int) -> bool:
    """Tell whether what is given, a number (0 dimensions) or several (1), are whole numbers of updates in ascending order."""
    try:
        values = np.asarray(given)
    except (TypeError, ValueError):  # nothing that has a shape
        return False
    if values.ndim != dimensions or values.dtype.kind not in "iuf" or not np.isfinite(values).all():
        return False
    updates = np.atleast_1d(values).astype(np.float64)
    return bool((updates % 1 == 0).all() and (updates < 2**31).all() and (np.diff(updates, prepend=0) >= 1).all())
