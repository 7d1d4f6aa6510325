"""Settings of one cell (benchmark × optimizer): everything its runs depend on but the seed and the stream's data."""

from typing import Literal

from pydantic import Field

from stability_gap.learners.settings import ModelSettings, OptimizerSettings
from stability_gap.settings import Settings


class EvaluationSettings(Settings):
    """Continual evaluation of PROTOCOL §1."""

    every: int = Field(1, gt=0, description="ρ: evaluate after every ρ-th update; must divide iterations")
    tasks: Literal["seen", "first"] = Field("seen", description="all tasks seen so far, or task 1 only as the authors do")
    arithmetic: Literal["fp32", "bf16_screened"] = Field(
        "fp32", description="bf16_screened: bfloat16 first, float32 wherever the class could change; same accuracies"
    )


class CellSettings(Settings):
    """One benchmark trained by one optimizer."""

    benchmark: str = Field(description="id in config.yaml")
    optimizer: str = Field(description="id in config.yaml")
    iterations: int = Field(gt=0, description="updates per context")
    batch_size: int = Field(gt=0, description="images per update")
    model: ModelSettings
    training: OptimizerSettings
    evaluation: EvaluationSettings
