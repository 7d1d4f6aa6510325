"""Noradrenergic gain modulation (arXiv 2507.14056, Methods; PROTOCOL §2): one gain per layer, driven by output entropy.

In a training loop of your own, with any model and any torch optimizer::

    gain = GainModulation([model.fc1, model.fc2], eta=0.4)  # attach
    for images, labels in stream:
        gain.step(logits)  # None before the first step
        logits = model(images)
        ...
"""

import math
from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


def entropy(logits: Tensor) -> Tensor:
    """Batch mean of the Shannon entropy of softmax(logits), in nats, over all output units. (batch, classes) -> ()."""
    log_p = torch.log_softmax(logits, dim=-1)
    return -(log_p.exp() * log_p).sum(-1).mean(-1)


def next_gain(gain: Tensor, output_entropy: Tensor | float, g0: float, gamma: float, eta: float) -> Tensor:
    """The recurrence g(t+1) = γ·g(t) + (1−γ)·g0 + η·H(t); steady state g0 + η·H/(1−γ)."""
    return gamma * gain + (1 - gamma) * g0 + eta * output_entropy


class _Gain(nn.Module):
    """Parametrization W -> g·W with one gain per output unit of the layer (all equal in the paper)."""

    gain: Tensor

    def __init__(self, weight: Tensor, g0: float) -> None:
        super().__init__()
        self.register_buffer("gain", torch.full((weight.shape[0],), g0, dtype=weight.dtype, device=weight.device))

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.gain.view(-1, *[1] * (weight.dim() - 1))


class GainModulation:
    """Makes chosen layers compute z = g·(W x) + b and moves g with the entropy of the model's output.

    The raw W stays the trained parameter (`layer.parametrizations.weight.original`), so its gradient is g·dL/dW_eff and one
    SGD step moves W_eff by lr·g². The gains are buffers of the model: they travel with its state_dict and device, and they
    change only in `step`, never in evaluation. An optimizer may be built before or after.

    Args:
        layers: modules with a parameter `weight` of shape (units, ...), such as Linear or Conv2d.
        g0: resting gain. gamma: decay per step. eta: drive per nat of entropy.

    Errors: ValueError where a number is out of range, no layer is given, or one cannot take a gain; no layer is touched then.
    """

    def __init__(self, layers: Iterable[nn.Module], *, eta: float, g0: float = 1.0, gamma: float = 0.9) -> None:
        self.layers = list(layers)
        if not self.layers:
            raise ValueError("GainModulation needs at least one layer")
        if not 0 <= gamma < 1:
            raise ValueError(f"gamma must lie in [0, 1), not {gamma}")
        if not (math.isfinite(eta) and eta >= 0):
            raise ValueError(f"eta must be finite and not negative, not {eta}")
        if not (math.isfinite(g0) and g0 > 0):
            raise ValueError(f"g0 must be finite and above 0, not {g0}")
        weights = _plain_weights(self.layers)
        self.g0, self.gamma, self.eta = g0, gamma, eta
        for layer, weight in zip(self.layers, weights, strict=True):
            parametrize.register_parametrization(layer, "weight", _Gain(weight, g0))

    @property
    def gains(self) -> list[Tensor]:
        """The gain of each layer, (units,) each; live buffers."""
        return [cast(Any, layer).parametrizations.weight[0].gain for layer in self.layers]

    @torch.no_grad()
    def step(self, logits: Tensor | None) -> None:
        """Move the gains with the entropy of the **previous** training step's output; call it before each forward pass.

        Args:
            logits: (batch, classes) of the previous step, or None before the first (H = 0).

        Errors: ValueError where logits have another shape.
        """
        if logits is not None and logits.dim() != 2:
            raise ValueError(f"logits must be (batch, classes), not {tuple(logits.shape)}; flatten all other axes into batch")
        self.move(0.0 if logits is None else entropy(logits.detach()))

    @torch.no_grad()
    def move(self, output_entropy: Tensor | float) -> None:
        """What `step` does, for those who have the entropy of the previous output at hand: (), nats."""
        for gain in self.gains:
            gain.copy_(next_gain(gain, output_entropy, self.g0, self.gamma, self.eta))

    def detach(self) -> None:
        """Leave plain weights W_eff = g·W behind; the model computes what it did before, without gains."""
        for layer in self.layers:
            # A deep copy of a layer shares its class, from which torch deletes the property `weight`.
            shared = type(layer)
            layer.__class__ = type(shared.__name__, shared.__bases__, dict(vars(shared)))
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
        self.layers = []


def _plain_weights(layers: list[nn.Module]) -> list[nn.Parameter]:
    """The weight of each layer. Errors: ValueError where one has none that a gain can go on, or shares it with another."""
    weights: list[nn.Parameter] = []
    for position, layer in enumerate(layers):
        at = f"layers[{position}] ({type(layer).__name__})"
        if isinstance(layer, nn.Module) and is_gain_modulated(layer):
            raise ValueError(f"{at} is gain-modulated already; detach the other GainModulation first")
        weight = getattr(layer, "weight", None)
        if not isinstance(layer, nn.Module) or not isinstance(weight, nn.Parameter):
            raise ValueError(
                f"{at} has no parameter `weight`; give modules such as Linear or Conv2d, without weight or spectral norm"
            )
        if isinstance(weight, nn.UninitializedParameter):
            raise ValueError(f"{at} has no shape yet; run one batch through the model first")
        if weight.dim() == 0:
            raise ValueError(f"{at} has a single number for a weight; a weight must be (units, ...)")
        if any(weight is other for other in weights):
            raise ValueError(f"{at} shares its weight with a layer before it; give every weight once")
        weights.append(weight)
    return weights


def is_gain_modulated(layer: nn.Module) -> bool:
    """Whether a GainModulation is attached to the layer."""
    return parametrize.is_parametrized(layer, "weight") and isinstance(cast(Any, layer).parametrizations.weight[0], _Gain)
