"""Settings -> model, gain modulation and optimizer."""

import importlib
import inspect
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from stability_gap.errors import UserError
from stability_gap.learners.gain import GainModulation
from stability_gap.learners.mlp import MLP
from stability_gap.learners.resnet import SlimResNet18
from stability_gap.learners.settings import (
    AdamSettings,
    GainSettings,
    ImportedSettings,
    MLPSettings,
    ModelSettings,
    OptimizerSettings,
    SGDSettings,
    SlimResNet18Settings,
)

Model = MLP | SlimResNet18
GAINED = ".parametrizations.weight.original"  # how torch names the raw weight of a gain-modulated layer


def build_model(settings: ModelSettings, image_shape: tuple[int, ...], classes: int, generator: torch.Generator) -> Model:
    """A fresh model for images of `image_shape`, (H, W) or (H, W, channels), and one head over all `classes`.

    Errors: UserError where the model cannot take such images.
    """
    match settings:
        case MLPSettings(hidden=hidden):
            return MLP(torch.Size(image_shape).numel(), hidden, classes, generator)
        case SlimResNet18Settings(filters=filters):
            height, width, channels = (*image_shape, 1)[:3]
            return SlimResNet18((channels, height, width), filters, classes, generator)


def gain_layers(model: Model, settings: GainSettings | None) -> dict[str, nn.Module]:
    """The layers whose gains are followed: those that `settings` choose, else the paper's choice for the model."""
    chosen = settings.layers if settings else None
    everywhere = isinstance(model, MLP) if chosen is None else chosen == "all"
    return model.layers if everywhere else model.head


def attach_gain(model: Model, settings: GainSettings | None) -> GainModulation | None:
    """Gain-modulate the layers of a model (PROTOCOL §2), before its optimizer is built."""
    if settings is None:
        return None
    assert settings.eta is not None, "CellSettings refuses a gain without eta"
    layers = gain_layers(model, settings).values()
    return GainModulation(layers, g0=settings.g0, gamma=settings.gamma, eta=settings.eta)


def raw_weight(layer: nn.Module) -> Tensor:
    """What is trained of a weight layer: W, not the effective g·W."""
    parts = cast(Any, layer)
    weight: Tensor = parts.parametrizations.weight.original if parametrize.is_parametrized(layer, "weight") else parts.weight
    return weight


def build_optimizer(settings: OptimizerSettings, parameters: Mapping[str, Tensor]) -> torch.optim.Optimizer:
    """The optimizer of the raw weights, `parameters` by name.

    Errors: UserError where an imported one cannot be found, built or used.
    """
    everything = list(parameters.values())
    match settings:
        case SGDSettings(learning_rate=lr, momentum=momentum):
            groups = _momentum_groups(settings, parameters)
            return torch.optim.SGD(groups, lr=lr, momentum=momentum, fused=True)
        case AdamSettings(learning_rate=lr):
            # What a CUDA graph replays must keep its step count on the device.
            return torch.optim.Adam(everything, lr=lr, fused=True, capturable=everything[0].is_cuda)
        case ImportedSettings():
            return _imported(settings, everything)


def _momentum_groups(settings: SGDSettings, parameters: Mapping[str, Tensor]) -> list[dict[str, object]]:
    """One group, or two where what the gain leaves alone has a momentum of its own (PROTOCOL §2, CNN)."""
    gained = [value for name, value in parameters.items() if name.endswith(GAINED)]
    others = [value for name, value in parameters.items() if not name.endswith(GAINED)]
    if settings.backbone_momentum is None or not gained or not others:
        return [{"params": list(parameters.values())}]
    return [{"params": gained}, {"params": others, "momentum": settings.backbone_momentum}]


def _imported(settings: ImportedSettings, parameters: list[Tensor]) -> torch.optim.Optimizer:
    module, name = settings.target.split(":")
    where = f"optimizer target {settings.target!r}"
    try:
        optimizer = getattr(importlib.import_module(module), name)(parameters, lr=settings.learning_rate, **settings.options)
    except (ImportError, AttributeError, TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise UserError(f"{where}: {error}. It must be module:Class of a torch optimizer.") from error
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise UserError(f"{where} makes a {type(optimizer).__name__}. It must be module:Class of a torch optimizer.")
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        raise UserError(f"{where} needs a closure, to compute several losses per update, and cannot be used; choose another.")
    return optimizer
