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
