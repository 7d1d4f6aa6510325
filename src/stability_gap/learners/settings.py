"""Settings of learners: models, gain modulation and optimizers, as they stand in config.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from stability_gap.settings import Settings


class MLPSettings(Settings):
    """The paper's MLP: inputs-hidden-hidden-classes, ReLU, no biases."""

    kind: Literal["mlp"]
    hidden: int = Field(400, gt=0, description="units of each of the two hidden layers")


ModelSettings = MLPSettings


class GainSettings(Settings):
    """Gain modulation of PROTOCOL §2: g(t+1) = γ·g(t) + (1−γ)·g0 + η·H(t)."""

    g0: float = Field(1.0, gt=0, description="resting gain")
    gamma: float = Field(0.9, ge=0, lt=1, description="decay per update")
    eta: float | None = Field(None, ge=0, description="drive per nat of entropy; left out: the benchmark's gain_eta")


class _Optimizer(Settings):
    learning_rate: float = Field(gt=0, description="constant over the stream")
    gain: GainSettings | None = Field(None, description="gain modulation of the weight layers; left out: none")


class SGDSettings(_Optimizer):
    """torch.optim.SGD."""

    method: Literal["sgd"]
    momentum: float = Field(0.0, ge=0, lt=1, description="0: plain SGD")


class AdamSettings(_Optimizer):
    """torch.optim.Adam with torch's defaults but the learning rate."""

    method: Literal["adam"]


class ImportedSettings(_Optimizer):
    """Any torch optimizer, by import path: your own file or one of torch.optim."""

    method: Literal["import"]
    target: str = Field(pattern=r"^[\w.]+:\w+$", description="module:Class, such as torch.optim:RMSprop")
    options: dict[str, float | int | bool] = Field({}, description="keyword arguments beside lr")


OptimizerSettings = Annotated[SGDSettings | AdamSettings | ImportedSettings, Field(discriminator="method")]
