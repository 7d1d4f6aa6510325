"""Hold the settings of the analysis: every margin, level and seed of a verdict stands here and nowhere else."""

from pydantic import Field

from stability_gap.settings import Settings

CRITERIA = {"final": "avg_acc", "anytime": "anytime_acc"}
"""What tuning selects by -> the metric, on the held-out images."""


class AnalysisSettings(Settings):
    """Statistics (PROTOCOL §6)."""

    resamples: int = Field(10_000, gt=0, description="bootstrap resamples")
    random_seed: int = Field(0, ge=0, description="of bootstrap and Monte Carlo permutations")
    alpha: float = Field(0.05, gt=0, lt=1, description="level of tests and claims")
    accuracy_margin: float = Field(0.02, gt=0, lt=1, description="claim 3: non-inferiority margin of avg_acc, a fraction")
    gap_margin: float = Field(0.02, gt=0, lt=1, description="claim 2: gaps no further apart are equal")
    slope_margin: float = Field(0.1, gt=0, description="claim 6: a mean gain that changes by no more per task is level")
    burst_margin: float = Field(0.05, ge=0, description="claim 5: a rise or decay of the gain below this is no burst")
    accuracy_agreement: float = Field(0.05, gt=0, lt=1, description="accuracies no further from a published one agree with it")
    gap_agreement: float = Field(0.25, gt=0, lt=1, description="gaps no further from a published one agree with it")
    gain_agreement: float = Field(0.1, gt=0, lt=1, description="gains no further from the authors' agree with them")


DEFAULTS = AnalysisSettings()
