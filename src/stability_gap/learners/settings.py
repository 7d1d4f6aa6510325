"""Settings of learners: models, gain modulation and optimizers, as they stand in config.yaml."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from stability_gap.settings import Look, Settings


class MLPSettings(Settings):
    """The paper's MLP: inputs-hidden-hidden-classes, ReLU, no biases."""

    kind: Literal["mlp"]
    hidden: int = Field(400, gt=0, le=16_384, description="units of each of the two hidden layers")


class SlimResNet18Settings(Settings):
    """The paper's slim ResNet-18: 3×3 stem, four stages of two basic blocks, bias-free head."""

    kind: Literal["slim_resnet18"]
    filters: int = Field(20, gt=0, le=512, description="channels of the first stage; each later stage has twice as many")


ModelSettings = Annotated[MLPSettings | SlimResNet18Settings, Field(discriminator="kind")]


class GainSettings(Settings):
    """Gain modulation of PROTOCOL §2: g(t+1) = γ·g(t) + (1−γ)·g0 + η·H(t)."""

    g0: float = Field(1.0, gt=0, description="resting gain")
    gamma: float = Field(0.9, ge=0, lt=1, description="decay per update")
    eta: float | None = Field(None, ge=0, description="drive per nat of entropy; left out: the benchmark's gain_eta")
    layers: Literal["all", "output"] | None = Field(
        None,
        description="layers it modulates; left out, as in the paper: all of an mlp, the output layer of a slim_resnet18",
    )


class LinearRate(Settings):
    """A learning rate that moves along a straight line."""

    kind: Literal["linear"]
    start: float = Field(gt=0, description="at the first update of the stream")
    end: float = Field(ge=0, description="at the last update of the stream")


class RunRate(Settings):
    """The learning rate of another optimizer's run of the same benchmark and seed, update by update (§3, sgd_matched)."""

    kind: Literal["run"]
    optimizer: str = Field(description="id under optimizers; its run is made first")
    gain_power: int = Field(
        2, ge=0, le=2, description="times the gain in force there to this power, for the layers that it modulates; 2: lr·g²"
    )


def kind(value: Any) -> Any:
    """Tell the members of LearningRate apart, in values and in settings."""
    return value.get("kind") if isinstance(value, dict) else getattr(value, "kind", "a number")


LearningRate = Annotated[
    Annotated[Annotated[float, Field(gt=0)], Tag("a number")]
    | Annotated[LinearRate, Tag("linear")]
    | Annotated[RunRate, Tag("run")],
    Discriminator(kind),
]


class _Optimizer(Look):
    learning_rate: LearningRate = Field(description="a number, constant over the stream, or a block: {kind: linear | run, …}")
    gain: GainSettings | None = Field(None, description="gain modulation of weight layers; left out: none")

    @property
    def donor(self) -> str | None:
        """The optimizer whose runs this one's learning rate is read from."""
        return self.learning_rate.optimizer if isinstance(self.learning_rate, RunRate) else None


class SGDSettings(_Optimizer):
    """torch.optim.SGD."""

    method: Literal["sgd"]
    momentum: float = Field(0.0, ge=0, lt=1, description="0: plain SGD")
    backbone_momentum: float | None = Field(
        None, ge=0, lt=1, description="of the layers that a gain would leave alone: a CNN's but the head; left out: momentum"
    )


class AdamSettings(_Optimizer):
    """torch.optim.Adam with torch's defaults but the learning rate."""

    method: Literal["adam"]


class ImportedSettings(_Optimizer):
    """Any torch optimizer, by import path: your own file or one of torch.optim."""

    method: Literal["import"]
    target: str = Field(pattern=r"^[\w.]+:\w+$", description="module:Class, such as torch.optim:RMSprop")
    options: dict[str, float | int | bool] = Field({}, description="keyword arguments beside lr")


OptimizerSettings = Annotated[SGDSettings | AdamSettings | ImportedSettings, Field(discriminator="method")]
