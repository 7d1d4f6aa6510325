"""Noradrenergic gain modulation (arXiv 2507.14056, Methods; PROTOCOL §2): one gain per layer, driven by output entropy.

In a training loop of your own, with any model and any torch optimizer::

    gain = GainModulation([model.fc1, model.fc2], eta=0.4)  # attach
    for images, labels in stream:
        gain.step(logits)  # None before the first step
        logits = model(images)
        ...
"""

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
    change only in `step`, never in evaluation.

    Args:
        layers: modules with a `weight` of shape (units, ...), such as Linear or Conv2d.
        g0: resting gain. gamma: decay per step. eta: drive per nat of entropy.

    Attach before the optimizer is built. Errors: ValueError where no layer is given or a number is out of range.
    """

    def __init__(self, layers: Iterable[nn.Module], *, eta: float, g0: float = 1.0, gamma: float = 0.9) -> None:
        self.layers = list(layers)
        if not self.layers:
            raise ValueError("GainModulation needs at least one layer")
        if not 0 <= gamma < 1:
            raise ValueError(f"gamma must lie in [0, 1), not {gamma}")
        self.g0, self.gamma, self.eta = g0, gamma, eta
        for layer in self.layers:
            parametrize.register_parametrization(layer, "weight", _Gain(cast(Tensor, layer.weight), g0))

    @property
    def gains(self) -> list[Tensor]:
        """The gain of each layer, (units,) each; live buffers."""
        return [cast(Any, layer).parametrizations.weight[0].gain for layer in self.layers]

    @torch.no_grad()
    def step(self, logits: Tensor | None) -> None:
        """Move the gains with the entropy of the **previous** training step's output; call it before each forward pass.

        Args:
            logits: (batch, classes) of the previous step, or None before the first (H = 0).
        """
        output_entropy = 0.0 if logits is None else entropy(logits.detach())
        for gain in self.gains:
            gain.copy_(next_gain(gain, output_entropy, self.g0, self.gamma, self.eta))

    def detach(self) -> None:
        """Leave plain weights W_eff = g·W behind; the model computes what it did before, without gains."""
        for layer in self.layers:
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
        self.layers = []
