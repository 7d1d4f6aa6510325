"""Mark divergence, which is a result too: a run whose loss became NaN or infinite."""

from stability_gap.analysis.metrics.registry import metric
from stability_gap.analysis.trajectory import Trajectory


@metric(label="diverged", unit="1 or 0", per="stream", diverged=1.0)
def diverged(curve: Trajectory) -> float:
    """Give 0, as the run that is measured completed; a diverged one takes this metric's value of a diverged run, 1."""
    return 0.0
