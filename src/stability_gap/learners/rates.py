"""Learning rates of every update of a run as one array: constant, scheduled, or read from another run.

Wherever `learning_rate` stands in the configuration, a number or a function of the update may stand. The array has two columns:
the rate of the layers that a gain would modulate (all of an MLP, the head of a CNN), and that of all others. An optimizer that
keeps both in one group of weights takes the first.
"""

import numpy as np
from numpy.typing import NDArray

from stability_gap.learners.settings import LearningRate, LinearRate, RunRate

Floats = NDArray[np.float64]
Donor = tuple[Floats, Floats]
"""Learning rate and gain in force at every update of a run, (T,) each."""


def learning_rates(settings: LearningRate, updates: int, donor: Donor | None = None) -> Floats:
    """The learning rates of a run of T updates: (T, 2).

    Args:
        donor: of the run that a RunRate follows.
    """
    match settings:
        case LinearRate(start=start, end=end):
            return np.repeat(np.linspace(start, end, updates)[:, None], 2, axis=1)
        case RunRate(gain_power=power):
            assert donor is not None, "a RunRate needs the run that it follows"
            rate, gain = donor
            return np.column_stack([rate * gain**power, rate])
        case _:
            return np.full((updates, 2), settings)
