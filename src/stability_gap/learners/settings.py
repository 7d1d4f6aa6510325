"""Settings of learners: models, gain modulation and optimizers, as they stand in config.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from stability_gap.settings import Settings


class MLPSettings(Settings):
    """The paper's MLP: inputs-hidden-hidden-classes, ReLU, no biases."""

    kind: Literal["mlp"]
    hidden: int = Field(400, gt=0, description="units of each of the two hidden layers")


class SlimResNet18Settings(Settings):
    """The paper's slim ResNet-18: 3×3 stem, four stages of two basic blocks, bias-free head."""

    kind: Literal["slim_resnet18"]
    filters: int = Field(20, gt=0, description="channels of the first stage; each later stage has twice as many")


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


class _Optimizer(Settings):
    learning_rate: float = Field(gt=0, description="constant over the stream")
    gain: GainSettings | None = Field(None, description="gain modulation of weight layers; left out: none")


class SGDSettings(_Optimizer):
    """torch.optim.SGD."""

    method: Literal["sgd"]
    momentum: float = Field(0.0, ge=0, lt=1, description="0: plain SGD")
    backbone_momentum: float | None = Field(
        None, ge=0, lt=1, description="momentum of what the gain leaves alone, where there is one; left out: momentum"
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
