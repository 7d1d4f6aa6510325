"""Settings of one cell (benchmark × optimizer): everything its runs depend on but the seed and the stream's data."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stability_gap.learners.settings import ModelSettings, OptimizerSettings
from stability_gap.settings import Settings


class EvaluationSettings(Settings):
    """Continual evaluation of PROTOCOL §1."""

    every: int = Field(1, gt=0, description="ρ: evaluate after every ρ-th update of a context, and after its last")
    dense: int = Field(0, ge=0, description="evaluate after each of so many first updates of a context as well")
    middle: int = Field(
        0, ge=0, description="after each of so many updates after its middle, iterations // 2, too: for placebo gaps"
    )
    tasks: Literal["seen", "first"] = Field("seen", description="all tasks seen so far, or task 1 only as the authors do")
    arithmetic: Literal["fp32", "bf16_screened"] = Field(
        "fp32",
        description="bf16_screened (mlp): bfloat16 first, float32 wherever the class could change; "
        "fp32 on GPUs, and on CPUs without bfloat16",
    )
    images_per_task: int | None = Field(
        None, gt=0, description="test images of each task, a fixed random choice; left out, as in the paper: all of them"
    )


class JointSampling(Settings):
    """Minibatches from the union of the tasks seen so far: ideal joint training (PROTOCOL §1)."""

    kind: Literal["joint"]
    blur: int = Field(0, ge=0, description="updates after a switch over which the newest task's share rises to that in the union")


class StillSampling(Settings):
    """Minibatches from the union of all tasks from the first update on: contexts only in name (PROTOCOL §11)."""

    kind: Literal["still"]


class ReplaySampling(Settings):
    """Half of each minibatch from the newest task, half from a reservoir of images of older ones (PROTOCOL §11)."""

    kind: Literal["replay"]
    images: int = Field(gt=0, description="of the reservoir, a uniform choice from all older tasks")


SamplingSettings = Annotated[JointSampling | StillSampling | ReplaySampling, Field(discriminator="kind")]


class AugmentationSettings(Settings):
    """Random crops and flips of training images (PROTOCOL §4)."""

    padding: int = Field(4, ge=0, le=64, description="black pixels around an image before a crop of its size is cut")
    flip: bool = Field(True, description="mirror every other image, by chance")


class ExperimentSettings(Settings):
    """How a benchmark is trained and measured, whatever the optimizer."""

    iterations: int = Field(gt=0, le=1_000_000, description="updates per context")
    batch_size: int = Field(gt=0, le=65_536, description="images per update")
    model: ModelSettings = Field(description="what learns")
    sampling: SamplingSettings = Field(JointSampling(kind="joint"), description="what minibatches are drawn from")
    class_order: Literal["natural", "by_seed"] = Field(
        "natural", description="by_seed: each seed has its own order of the classes, where tasks bring new ones"
    )
    augmentation: AugmentationSettings | None = Field(None, description="of training images; left out: none")
    augment_test: bool = Field(False, description="test images too, anew in every evaluation, as the authors' v1 code did")
    precision: Literal["fp32", "tf32", "bf16"] = Field(
        "fp32",
        description="of products and convolutions, in evaluation too; tf32: on GPUs; "
        "bf16: autocast, refused on CPUs without bfloat16, taken on any GPU, also where that is slow with it",
    )
    evaluation: EvaluationSettings = Field(EvaluationSettings(), description="continual evaluation")

    @model_validator(mode="after")
    def _possible(self) -> "ExperimentSettings":
        if isinstance(self.sampling, JointSampling) and self.sampling.blur > self.iterations:
            raise ValueError(f"sampling.blur: {self.sampling.blur} is more than the {self.iterations} iterations of a context")
        if self.augment_test and self.augmentation is None:
            raise ValueError("augment_test: true needs augmentation, such as {padding: 4, flip: true}")
        if self.precision == "bf16" and self.model.kind == "mlp":
            raise ValueError("precision: bf16 is for slim_resnet18; an mlp has evaluation.arithmetic: bf16_screened")
        plain = self.model.kind == "mlp" and self.precision == "fp32" and not self.augment_test
        if self.evaluation.arithmetic == "bf16_screened" and not plain:
            raise ValueError("evaluation.arithmetic: bf16_screened needs an mlp, precision: fp32 and no augment_test; write fp32")
        return self


class CellSettings(ExperimentSettings):
    """One benchmark trained by one optimizer."""

    benchmark: str = Field(description="id in config.yaml")
    optimizer: str = Field(description="id in config.yaml")
    optimizer_settings: OptimizerSettings = Field(description="the resolved block of the optimizer")

    @model_validator(mode="after")
    def _complete(self) -> "CellSettings":
        for key, trace in self.optimizer_settings.traces.items():
            if trace.eta is None:
                raise ValueError(f"optimizer_settings.{key}.eta: missing; a cell needs it, such as the benchmark's gain_eta")
        return self
