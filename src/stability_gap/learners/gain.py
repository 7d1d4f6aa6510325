"""Noradrenergic gain modulation (arXiv 2507.14056, Methods; PROTOCOL §2): one gain per layer, driven by output entropy.

In a training loop of your own, with any model and any torch optimizer::

    gain = GainModulation([model.fc1, model.fc2], eta=0.4)  # attach
    for images, labels in stream:
        gain.step(logits)  # None before the first step
        logits = model(images)
        ...
"""

import math
from collections.abc import Iterable, Mapping
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


@torch.no_grad()
def move_gains(gains: Iterable[Tensor], output_entropy: Tensor | float, modulation: "GainModulation") -> None:
    """Move gains in place with the entropy of the previous output, by the numbers of `modulation`.

    Args:
        gains: (units,) each, or (S, units) of S models side by side. output_entropy: () or (S,), nats.
    """
    drive = output_entropy[..., None] if isinstance(output_entropy, Tensor) else output_entropy
    for gain in gains:
        gain.copy_(next_gain(gain, drive, modulation.g0, modulation.gamma, modulation.eta))


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

    Errors: ValueError where a number is out of range, no layer or a whole model is given, or a layer cannot take a gain; no layer
    is touched then.

    Example: the three lines are the import, the attachment, and `step` before each forward pass.

        >>> import torch
        >>> from stability_gap import GainModulation
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
        >>> gain = GainModulation([model[0], model[2]], eta=0.4)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        >>> images, labels, logits = torch.ones(3, 4), torch.tensor([0, 1, 0]), None
        >>> for _ in range(5):
        ...     gain.step(logits)  # the output of the previous update; None before the first
        ...     logits = model(images)
        ...     loss = torch.nn.functional.cross_entropy(logits, labels)
        ...     optimizer.zero_grad()
        ...     loss.backward()
        ...     optimizer.step()
        >>> [bool((layer_gain > 1.5).all()) for layer_gain in gain.gains]
        [True, True]
    """

    def __init__(self, layers: Iterable[nn.Module], *, eta: float, g0: float = 1.0, gamma: float = 0.9) -> None:
        if isinstance(layers, nn.Module) and not isinstance(layers, nn.ModuleList):
            raise ValueError(_not_a_list(layers))
        self.layers = list(layers)
        if not self.layers:
            raise ValueError("GainModulation needs at least one layer")
        _check_numbers(eta, g0, gamma)
        weights = _plain_weights(self.layers)
        self.g0, self.gamma, self.eta = g0, gamma, eta
        for layer, weight in zip(self.layers, weights, strict=True):
            parametrize.register_parametrization(layer, "weight", _Gain(weight, g0))

    def __repr__(self) -> str:
        """Show the layers, the three numbers, and the present gain (mean over the units of each layer; lowest and highest)."""
        names = [type(layer).__name__.removeprefix("Parametrized") for layer in self.layers]
        shown = ", ".join(names if len(names) <= _NAMED else [*names[: _NAMED - 1], f"… {len(names)} in all"])
        means = sorted({f"{float(gain.mean()):.3g}": float(gain.mean()) for gain in self.gains}.items(), key=lambda item: item[1])
        present = f", gain {' to '.join(dict.fromkeys((means[0][0], means[-1][0])))}" if means else ", detached"
        return f"GainModulation([{shown}], eta={self.eta:g}, g0={self.g0:g}, gamma={self.gamma:g}{present})"

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

    def move(self, output_entropy: Tensor | float) -> None:
        """Move the gains as `step` does, with the entropy of the previous output at hand: (), nats."""
        move_gains(self.gains, output_entropy, self)

    def state_dict(self) -> dict[str, Any]:
        """Copy what changes and what it was built with: `gains` (a tensor (units,) per layer), `eta`, `g0`, `gamma`.

        The state_dict of the model holds the gains too, not the three numbers. The last output is in neither: save the logits.
        """
        return {
            "gains": [gain.detach().clone() for gain in self.gains],
            "eta": self.eta,
            "g0": self.g0,
            "gamma": self.gamma,
        }

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over gains and numbers from a `state_dict`.

        Errors: ValueError where a key is missing, or gains are of another number or shape than these layers have; nothing changes
        then.
        """
        if missing := sorted({"gains", "eta", "g0", "gamma"} - set(state)):
            raise ValueError(f"the state lacks {', '.join(missing)}; it must come from GainModulation.state_dict")
        found, own = [tuple(gain.shape) for gain in state["gains"]], [tuple(gain.shape) for gain in self.gains]
        if found != own:
            raise ValueError(f"the state holds gains of the shapes {found}, these layers need {own}; attach to the same layers")
        eta, g0, gamma = (float(state[name]) for name in ("eta", "g0", "gamma"))
        _check_numbers(eta, g0, gamma)
        self.eta, self.g0, self.gamma = eta, g0, gamma
        for gain, saved in zip(self.gains, state["gains"], strict=True):
            gain.copy_(saved)

    def detach(self) -> None:
        """Leave plain weights W_eff = g·W behind; the model computes what it did before, without gains."""
        for layer in self.layers:
            # A deep copy of a layer shares its class, from which torch deletes the property `weight`.
            shared = type(layer)
            layer.__class__ = type(shared.__name__, shared.__bases__, dict(vars(shared)))
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
        self.layers = []


def _check_numbers(eta: float, g0: float, gamma: float) -> None:
    if not 0 <= gamma < 1:
        raise ValueError(f"gamma must lie in [0, 1), not {gamma}")
    if not (math.isfinite(eta) and eta >= 0):
        raise ValueError(f"eta must be finite and not negative, not {eta}")
    if not (math.isfinite(g0) and g0 > 0):
        raise ValueError(f"g0 must be finite and above 0, not {g0}")


_NAMED = 6
"""So many layers are named in messages; of more, the number."""


def weight_layers(model: nn.Module, name: str = "model") -> list[str]:
    """Name the layers of a model whose weight has two or more axes as Python writes them: "model.features[0]", "model.fc"."""
    named = []
    for path, layer in model.named_modules():
        weight = getattr(layer, "weight", None)
        if path and isinstance(weight, nn.Parameter) and not isinstance(weight, nn.UninitializedParameter) and weight.dim() > 1:
            named.append(name + "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in path.split(".")))
    return named


def _not_a_list(model: nn.Module) -> str:
    """Say what to pass in place of a module."""
    what, layers = type(model).__name__, weight_layers(model)
    if not layers:
        return f"GainModulation needs a list of layers, not a {what}; pass [layer] for one layer"
    shown = ", ".join(layers if len(layers) <= _NAMED else [*layers[: _NAMED - 2], "…", layers[-1]])
    return (
        f"GainModulation needs a list of layers, not a whole {what}. Its weight layers are {shown} ({len(layers)} in all); pass "
        f"[{layers[-1]}] for the last one alone, or a list of those that batch norm does not follow"
    )


def _plain_weights(layers: list[nn.Module]) -> list[nn.Parameter]:
    """Find the weight of each layer. Errors: ValueError where one has none that a gain can go on, or shares it with another."""
    weights: list[nn.Parameter] = []
    for position, layer in enumerate(layers):
        at = f"layers[{position}] ({type(layer).__name__})"
        if isinstance(layer, nn.Module) and is_gain_modulated(layer):
            raise ValueError(f"{at} is gain-modulated already; detach the other GainModulation first")
        weight = getattr(layer, "weight", None)
        if not isinstance(layer, nn.Module) or not isinstance(weight, nn.Parameter):
            if isinstance(layer, nn.Module) and (inner := weight_layers(layer, "")):
                raise ValueError(
                    f"{at} has layers of its own that have the weights; give those, such as its {inner[-1].strip('.')}"
                )
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
    """Tell whether a GainModulation is attached to the layer."""
    return parametrize.is_parametrized(layer, "weight") and isinstance(cast(Any, layer).parametrizations.weight[0], _Gain)


# How torch names the parts of a parametrized weight; nothing outside this file knows.
_RAW, _GAIN = ".parametrizations.weight.original", ".parametrizations.weight.0.gain"


def raw_weight(layer: nn.Module) -> Tensor:
    """Get what is trained of a weight layer: W, not the effective g·W."""
    parts = cast(Any, layer)
    weight: Tensor = parts.parametrizations.weight.original if parametrize.is_parametrized(layer, "weight") else parts.weight
    return weight


def raw_weight_name(model: nn.Module, layer: nn.Module) -> str:
    """Name among the model's parameters of what is trained of one of its weight layers."""
    (prefix,) = (name for name, module in model.named_modules() if module is layer)
    return str(prefix) + (_RAW if parametrize.is_parametrized(layer, "weight") else ".weight")


def gains_among(buffers: Mapping[str, Tensor]) -> list[Tensor]:
    """Pick the gains out of a model's buffers, in their order."""
    return [buffer for name, buffer in buffers.items() if name.endswith(_GAIN)]
