"""Learning rates of every update of a run as one array: constant, scheduled, or read from another run.

Wherever `learning_rate` stands in the configuration, a number or a function of the update may stand. The array has two columns:
the rate of the layers that a gain would modulate (all of an MLP, the head of a CNN), and that of all others. An optimizer that
keeps both in one group of weights takes the first.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from stability_gap.learners.gain import next_gain
from stability_gap.learners.settings import EntropyRate, LearningRate, LinearRate, RewarmRate, RunRate

Floats = NDArray[np.float64]
Donor = tuple[Floats, Floats]
"""Learning rate and gain in force at every update of a run, (T,) each."""


def learning_rates(
    settings: LearningRate, updates: int, donor: Donor | None = None, switches: Sequence[int] | ArrayLike = ()
) -> Floats:
    """The learning rates of a run of T updates: (T, 2); of an EntropyRate its base.

    Args:
        donor: of the run that a RunRate follows. switches: the last update of each context but the last, counted from 1.
    """
    match settings:
        case LinearRate(start=start, end=end):
            return np.repeat(np.linspace(start, end, updates)[:, None], 2, axis=1)
        case RunRate(gain_power=power):
            assert donor is not None, "a RunRate needs the run that it follows"
            rate, gain = donor
            return np.column_stack([rate * gain**power, rate])
        case EntropyRate(base=base):
            return np.full((updates, 2), base)
        case RewarmRate(base=base, fraction=fraction, updates=duration):
            rise = np.minimum(since_switch(updates, switches) / duration, 1.0)
            return np.repeat(base * (fraction + (1 - fraction) * rise)[:, None], 2, axis=1)
        case _:
            return np.full((updates, 2), settings)


def since_switch(updates: int, switches: ArrayLike) -> Floats:
    """Updates since the last switch, 0 at the first one after it and infinite before any: (T,)."""
    starts = np.asarray(switches, dtype=np.int64)  # the update before which a task is new, from 0
    steps = np.arange(updates)
    last = np.concatenate([[-np.inf], starts])[np.searchsorted(starts, steps, side="right")]
    return np.asarray(steps - last, dtype=np.float64)


class EntropyTrace:
    """The trace of a run's own entropy, which multiplies its learning rate: it moves as a gain does, and before each update."""

    def __init__(self, settings: EntropyRate, entropy: Tensor) -> None:
        """`entropy`: () of the previous output; live."""
        assert settings.eta is not None, "CellSettings refuses a trace without eta"
        self.settings, self.eta, self.entropy = settings, settings.eta, entropy
        self.gain = entropy.new_full((), settings.g0)

    def rates(self, base: Tensor) -> Tensor:
        """Move, and give the rates of this update: (2,), see `learning_rates` -> (2,)."""
        self.gain = next_gain(self.gain, self.entropy, self.settings.g0, self.settings.gamma, self.eta)
        rates = base.clone()
        rates[0] *= self.gain**self.settings.gain_power
        return rates
