"""Measure transfer: what old tasks have lost or gained at the end of the stream."""

from stability_gap.analysis.metrics.registry import metric
from stability_gap.analysis.trajectory import Trajectory, mean


@metric(label="forgetting", unit="accuracy", per="stream", better="lower", diverged=1.0)
def forgetting(curve: Trajectory) -> float:
    """Average a_j(end of block j) − a_j(T) over old tasks j < K; negative where old tasks gained.

    Source: Chaudhry et al., "Riemannian walk for incremental learning", ECCV 2018, with the end of the block for the
    maximum.
    """
    return mean([curve.accuracy[curve.end(j), j - 1] - curve.accuracy[-1, j - 1] for j in range(1, curve.tasks)])


@metric(label="BWT", unit="accuracy", per="stream", better="higher", diverged=-1.0, repeats="forgetting")
def bwt(curve: Trajectory) -> float:
    """Negate `forgetting`: backward transfer. Source: Lopez-Paz, Ranzato, "Gradient episodic memory", NeurIPS 2017."""
    return 0.0 - forgetting(curve)  # not the unary minus, which makes −0.0 of no change
