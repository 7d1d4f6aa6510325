"""Measure the gain: its level in each context, its burst after each switch. NaN where a gain is, so after a run diverged."""

import numpy as np

from stability_gap.analysis.metrics.registry import metric
from stability_gap.analysis.trajectory import Floats, GainTrajectory

EDGE = 10  # updates averaged at the end of a context
BURST = 50  # updates after a switch in which the peak of the gain is sought


@metric(label="mean gain", unit="gain", per="context", diverged=None, source="gain")
def mean_gain(curve: GainTrajectory) -> Floats:
    """Average the gain over the updates of each context; shape (K,)."""
    return np.array([curve.gain[curve.block(k)].mean() for k in range(1, curve.tasks + 1)])


@metric(label="gain before the switch", unit="gain", per="switch", diverged=None, source="gain")
def gain_before(curve: GainTrajectory) -> Floats:
    """Average the gain over the last 10 updates of block k−1; shape (K−1,)."""
    return np.array([curve.last(k - 1, EDGE).mean() for k in range(2, curve.tasks + 1)])


@metric(label="peak gain", unit="gain", per="switch", diverged=None, source="gain")
def gain_peak(curve: GainTrajectory) -> Floats:
    """Find the largest gain of the first 50 updates of block k; shape (K−1,). NaN where none of them was recorded."""
    bursts = [curve.first(k, BURST) for k in range(2, curve.tasks + 1)]
    return np.array([burst.max() if len(burst) else np.nan for burst in bursts])


@metric(label="gain at the end", unit="gain", per="switch", diverged=None, source="gain")
def gain_end(curve: GainTrajectory) -> Floats:
    """Average the gain over the last 10 updates of block k; shape (K−1,)."""
    return np.array([curve.last(k, EDGE).mean() for k in range(2, curve.tasks + 1)])


@metric(label="gain rise", unit="gain", per="switch", diverged=None, source="gain")
def gain_rise(curve: GainTrajectory) -> Floats:
    """Subtract the gain before the switch from the peak after it, as `placebo_gain_rise` does at the placebo switch."""
    return _bursts(curve)[0]


@metric(label="gain decay", unit="gain", per="switch", diverged=None, source="gain")
def gain_decay(curve: GainTrajectory) -> Floats:
    """Subtract from the peak the gain half a block after the switch, as `placebo_gain_decay` does; shape (K−1,)."""
    return _bursts(curve)[1]


@metric(label="placebo gain rise", unit="gain", per="switch", diverged=None, source="gain")
def placebo_gain_rise(curve: GainTrajectory) -> Floats:
    """Compute `gain_rise` at a switch that is none, halfway through block k; shape (K−1,). A maximum rises by noise alone."""
    return _bursts(curve, placebo=True)[0]


@metric(label="placebo gain decay", unit="gain", per="switch", diverged=None, source="gain")
def placebo_gain_decay(curve: GainTrajectory) -> Floats:
    """Compute `gain_decay` at a switch that is none, halfway through block k; shape (K−1,)."""
    return _bursts(curve, placebo=True)[1]


def _bursts(curve: GainTrajectory, placebo: bool = False) -> tuple[Floats, Floats]:
    """Compute rise and decay at each switch k = 2 … K, or at the placebo switch halfway through block k.

    Both look at as many updates as follow the placebo switch: the gain before is the mean of the last 10 updates, the peak
    the largest of the next 50, the gain after the mean of the last 10 of those updates. NaN where any was not recorded.
    """
    rises, decays = np.full((2, curve.tasks - 1), np.nan)
    for k in range(2, curve.tasks + 1):
        middle = curve.middle(k)
        length = int(curve.iterations[curve.end(k)]) - middle
        start = middle if placebo else curve.before(k)
        before = curve.between(start - EDGE, start)
        burst = curve.between(start, start + min(BURST, length))
        after = curve.between(start + max(0, length - EDGE), start + length)
        if len(before) and len(burst) and len(after):
            rises[k - 2] = burst.max() - before.mean()
            decays[k - 2] = burst.max() - after.mean()
    return rises, decays
