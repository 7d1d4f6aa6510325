"""Settings -> model, gain modulation and optimizer."""

import importlib
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from stability_gap.errors import UserError
from stability_gap.learners.fast_slow import FastSlow
from stability_gap.learners.gain import GainModulation, raw_weight_name
from stability_gap.learners.mlp import MLP
from stability_gap.learners.resnet import SlimResNet18
from stability_gap.learners.settings import (
    AdamSettings,
    FastSlowSettings,
    GainSettings,
    ImportedSettings,
    MLPSettings,
    ModelSettings,
    OptimizerSettings,
    SGDSettings,
    SlimResNet18Settings,
)

Model = MLP | SlimResNet18


def build_model(settings: ModelSettings, image_shape: tuple[int, ...], classes: int, generator: torch.Generator) -> Model:
    """Build a fresh model for images of `image_shape`, (H, W) or (H, W, channels), and one head over all `classes`.

    Errors: UserError where the model cannot take such images.
    """
    match settings:
        case MLPSettings(hidden=hidden):
            return MLP(torch.Size(image_shape).numel(), hidden, classes, generator)
        case SlimResNet18Settings(filters=filters):
            height, width, channels = (*image_shape, 1)[:3]
            return SlimResNet18((channels, height, width), filters, classes, generator)


def gain_layers(model: Model, settings: GainSettings | None) -> dict[str, nn.Module]:
    """Choose the layers whose gains are followed: those that `settings` choose, else the paper's choice for the model."""
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


def followed_weights(model: Model, settings: GainSettings | None) -> list[str]:
    """Names of the raw weights of `gain_layers`, as the model's parameters are named."""
    return [raw_weight_name(model, layer) for layer in gain_layers(model, settings).values()]


def build_optimizer(
    settings: OptimizerSettings, parameters: Mapping[str, Tensor], followed: Collection[str], rates: Tensor
) -> torch.optim.Optimizer:
    """Build the optimizer of the raw weights.

    Args:
        parameters: all that is trained, by name. followed: names of those whose layers a gain modulates or would modulate.
        rates: (T, 2), see `learners.rates`. On a GPU, rates that vary become tensors, which a CUDA graph can read.

    Errors: UserError where an imported one cannot be found, built or used.
    """
    everything = list(parameters.values())
    vary, on_gpu = bool((rates != rates[0]).any()), everything[0].is_cuda
    lr, other_lr = (rate.float().to(everything[0].device) if vary and on_gpu else rate.item() for rate in rates[0])
    match settings:
        case SGDSettings(momentum=momentum, backbone_momentum=backbone_momentum):
            head = [value for name, value in parameters.items() if name in followed]
            backbone = [value for name, value in parameters.items() if name not in followed]
            groups: list[dict[str, Any]] = [{"params": everything}]
            if backbone_momentum is not None and head and backbone:  # PROTOCOL §2, CNN
                groups = [{"params": head}, {"params": backbone, "momentum": backbone_momentum, "lr": other_lr}]
            return torch.optim.SGD(groups, lr=lr, momentum=momentum, fused=True)
        case AdamSettings(beta2=beta2):
            # What a CUDA graph replays must keep its step count on the device.
            return torch.optim.Adam(everything, lr=lr, betas=(0.9, beta2), fused=True, capturable=on_gpu)
        case FastSlowSettings(fast_rate=fast_rate, fast_decay=fast_decay):
            return FastSlow(everything, lr, fast_rate=fast_rate, fast_decay=fast_decay)
        case ImportedSettings():
            return _imported(settings, everything, rates[0, 0].item())


def _imported(settings: ImportedSettings, parameters: list[Tensor], learning_rate: float) -> torch.optim.Optimizer:
    module, name = settings.target.split(":")
    where = f"optimizer target {settings.target!r}"
    try:
        optimizer = getattr(importlib.import_module(module), name)(parameters, lr=learning_rate, **settings.options)
    except (Exception, SystemExit) as error:  # whatever somebody's file can raise
        reason = str(error) or type(error).__name__
        raise UserError(f"{where}: {reason}. It must be module:Class of a torch optimizer.") from error
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise UserError(f"{where} makes a {type(optimizer).__name__}. It must be module:Class of a torch optimizer.")
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        raise UserError(f"{where} needs a closure, to compute several losses per update, and cannot be used; choose another.")
    if has_modes(optimizer):
        cast(Any, optimizer).train()
    return optimizer


def has_modes(optimizer: torch.optim.Optimizer) -> bool:
    """Whether an optimizer evaluates other weights than it trains, and has `train` and `eval` to change between them."""
    return all(callable(getattr(optimizer, name, None)) for name in ("train", "eval"))


def step_of(settings: OptimizerSettings, optimizer: torch.optim.Optimizer) -> Callable[[], object]:
    """Get the step of an optimizer. What somebody's own raises in it becomes a UserError, but for lack of memory."""
    if not isinstance(settings, ImportedSettings):
        return optimizer.step

    def step() -> None:
        try:
            optimizer.step()
        except (torch.OutOfMemoryError, MemoryError):
            raise
        except Exception as error:
            reason = str(error) or type(error).__name__
            raise UserError(f"optimizer target {settings.target!r} raised in its step: {reason}") from error

    return step
