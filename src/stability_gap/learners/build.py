"""Settings -> model, gain modulation and optimizer."""

import importlib

import torch
from torch import nn

from stability_gap.errors import UserError
from stability_gap.learners.gain import GainModulation
from stability_gap.learners.mlp import MLP
from stability_gap.learners.settings import (
    AdamSettings,
    GainSettings,
    ImportedSettings,
    MLPSettings,
    ModelSettings,
    OptimizerSettings,
    SGDSettings,
)


def build_model(settings: ModelSettings, image_shape: tuple[int, ...], classes: int, generator: torch.Generator) -> MLP:
    """A fresh model for images of `image_shape` (without the batch axis) and one head over all `classes`."""
    match settings:
        case MLPSettings(hidden=hidden):
            return MLP(torch.Size(image_shape).numel(), hidden, classes, generator)


def attach_gain(model: MLP, settings: GainSettings | None) -> GainModulation | None:
    """Gain-modulate all weight layers of an MLP (PROTOCOL §2), before its optimizer is built."""
    if settings is None:
        return None
    assert settings.eta is not None, "config resolves eta"
    return GainModulation(model.layers.values(), g0=settings.g0, gamma=settings.gamma, eta=settings.eta)


def build_optimizer(settings: OptimizerSettings, model: nn.Module) -> torch.optim.Optimizer:
    """The optimizer of the raw weights. Errors: UserError where an imported one cannot be found or built."""
    parameters = list(model.parameters())
    match settings:
        case SGDSettings(learning_rate=lr, momentum=momentum):
            return torch.optim.SGD(parameters, lr=lr, momentum=momentum, fused=True)
        case AdamSettings(learning_rate=lr):
            return torch.optim.Adam(parameters, lr=lr, fused=True)
        case ImportedSettings(learning_rate=lr, target=target, options=options):
            module, name = target.split(":")
            try:
                optimizer: torch.optim.Optimizer = getattr(importlib.import_module(module), name)(parameters, lr=lr, **options)
            except (ImportError, AttributeError, TypeError, ValueError) as error:
                raise UserError(f"optimizer target {target!r}: {error}. It must be module:Class of a torch optimizer.") from error
            return optimizer
