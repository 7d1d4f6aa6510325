"""Settings of learners: models, gain modulation and optimizers, as they stand in config.yaml."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

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


class TraceSettings(Settings):
    """The leaky trace of the output's entropy, g(t+1) = γ·g(t) + (1−γ)·g0 + η·H(t) (PROTOCOL §2)."""

    g0: float = Field(1.0, gt=0, description="resting gain")
    gamma: float = Field(0.9, ge=0, lt=1, description="decay per update")
    eta: float | None = Field(None, ge=0, description="drive per nat of entropy; left out: the benchmark's gain_eta")


class GainSettings(TraceSettings):
    """Gain modulation of PROTOCOL §2, by the trace of the entropy, or by a constant."""

    layers: Literal["all", "output"] | None = Field(
        None,
        description="layers it modulates; left out, as in the paper: all of an mlp, the output layer of a slim_resnet18",
    )
    mean_of: str | None = Field(
        None, description="id under optimizers: a constant gain, the mean of that optimizer's run of the same seed, made first"
    )

    @model_validator(mode="after")
    def _constant(self) -> Self:
        moves = any(getattr(self, name) != field.default for name, field in TraceSettings.model_fields.items())
        if self.mean_of is not None and moves:
            raise ValueError("mean_of makes the gain constant; leave out g0, gamma and eta")
        return self

    def constant_at(self, gain: float) -> "GainSettings":
        """Get the settings of a gain that stays exactly where it is."""
        return GainSettings(g0=gain, gamma=0.0, eta=0.0, layers=self.layers)


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


class EntropyRate(TraceSettings):
    """No gain on weights, but a rate that follows the trace of the run's own entropy: base·g^p (§3, entropy_lr)."""

    kind: Literal["entropy"]
    base: float = Field(gt=0, description="times the trace for the layers that a gain would modulate; alone for all others")
    gain_power: int = Field(1, ge=1, le=2, description="power p of the trace; 2: lr·g², as a gain would have it")


class RewarmRate(Settings):
    """Oracle: a rate that falls at every switch and rises back linearly (§3, rewarm)."""

    kind: Literal["rewarm"]
    base: float = Field(gt=0, description="over the first context, and from so many updates after a switch on")
    fraction: float = Field(ge=0, le=1, description="of base, at the first update after a switch")
    updates: int = Field(gt=0, description="from there back to base")


def kind(value: Any) -> Any:
    """Tell the members of LearningRate apart, in values and in settings."""
    return value.get("kind") if isinstance(value, dict) else getattr(value, "kind", "a number")


LearningRate = Annotated[
    Annotated[Annotated[float, Field(gt=0)], Tag("a number")]
    | Annotated[LinearRate, Tag("linear")]
    | Annotated[RunRate, Tag("run")]
    | Annotated[EntropyRate, Tag("entropy")]
    | Annotated[RewarmRate, Tag("rewarm")],
    Discriminator(kind),
]


class AverageSettings(Settings):
    """Evaluation of an exponential moving average E ← d·E + (1−d)·W of weights, gains and batch statistics (§3, *_ema)."""

    decay: float = Field(ge=0, lt=1, description="d, per update")


class ProximalSettings(Settings):
    """Layerwise proximal replay: the gradient of each layer times (I + ω·C)⁻¹ on its input side (§3, lpr; mlp only)."""

    omega: float = Field(ge=0, description="ω; 0: plain gradients")
    every: int = Field(50, gt=0, description="updates after which C, the mean outer product of the layer's inputs, is new")
    images: int = Field(1024, gt=0, le=65_536, description="that C is taken over, a random choice of those drawn so far")


class _Optimizer(Look):
    learning_rate: LearningRate = Field(
        description="a number, constant over the stream, or a block: {kind: linear | run | entropy | rewarm, …}"
    )
    gain: GainSettings | None = Field(None, description="gain modulation of weight layers; left out: none")
    average: AverageSettings | None = Field(None, description="evaluate an average of the weights; left out: the weights")
    neuronal_decay: float = Field(
        0.0, ge=0, description="times the mean squared activation of each hidden layer, added to the trained loss (mlp only)"
    )
    proximal: ProximalSettings | None = Field(None, description="layerwise proximal replay; left out: none")
    reset_at_switch: bool = Field(False, description="oracle: clear the optimizer's state at every switch")
    ramp: int = Field(
        0, ge=0, description="oracle: so many updates after a switch the loss on the newest task's images counts in full, from 0"
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if isinstance(self.learning_rate, EntropyRate) and self.gain is not None:
            raise ValueError("learning_rate: {kind: entropy} puts the trace of the entropy in place of a gain; leave out gain")
        if isinstance(self.learning_rate, RunRate) and self.gain is not None and self.gain.mean_of is not None:
            raise ValueError("learning_rate and gain.mean_of both read the run of another optimizer; one of them may")
        return self

    @property
    def donor(self) -> str | None:
        """The optimizer whose runs this one's learning rate or constant gain is read from."""
        if isinstance(self.learning_rate, RunRate):
            return self.learning_rate.optimizer
        return self.gain.mean_of if self.gain is not None else None

    @property
    def oracle(self) -> bool:
        """Whether training is told when the task switches."""
        return self.reset_at_switch or self.ramp > 0 or isinstance(self.learning_rate, RewarmRate)

    @property
    def alone(self) -> bool:
        """Whether a seed must train apart from others: what it does cannot be batched over models."""
        own_rate = isinstance(self.learning_rate, EntropyRate)
        return own_rate or self.neuronal_decay > 0 or self.proximal is not None

    @property
    def traces(self) -> dict[str, TraceSettings]:
        """What the entropy drives, by its key: the gain or the learning rate."""
        gain = self.gain if self.gain is not None and self.gain.mean_of is None else None
        each = {"gain": gain, "learning_rate": self.learning_rate}
        return {key: trace for key, trace in each.items() if isinstance(trace, TraceSettings)}

    def with_eta(self, eta: float) -> Self:
        """Fill in the benchmark's η wherever the entropy drives something and none is given."""
        lacking = {key: trace for key, trace in self.traces.items() if trace.eta is None}
        return self.model_copy(update={key: trace.model_copy(update={"eta": eta}) for key, trace in lacking.items()})


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
    beta2: float = Field(0.999, ge=0, lt=1, description="decay of the mean squared gradient")


class FastSlowSettings(_Optimizer):
    """Weights W = S + F, slow and fast: S ← S − α_s·∇, F ← d·F − α_f·∇, both at W; `learning_rate` is α_s (PROTOCOL §3)."""

    method: Literal["fast_slow"]
    fast_rate: float = Field(gt=0, description="α_f, constant")
    fast_decay: float = Field(0.9, ge=0, lt=1, description="d, per update")


class ImportedSettings(_Optimizer):
    """Any torch optimizer, by import path: your own file or one of torch.optim."""

    method: Literal["import"]
    target: str = Field(pattern=r"^[\w.]+:\w+$", description="module:Class, such as torch.optim:RMSprop")
    options: dict[str, float | int | bool] = Field({}, description="keyword arguments beside lr")

    @property
    def alone(self) -> bool:
        """Always: it may look at whole tensors, and so at other seeds."""
        return True


OptimizerSettings = Annotated[SGDSettings | AdamSettings | FastSlowSettings | ImportedSettings, Field(discriminator="method")]
