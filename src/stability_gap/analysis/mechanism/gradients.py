"""Compare what old data and new data pull the weights to: the angle and the lengths of their gradients."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parameters_to_vector


class Pull(NamedTuple):
    """Cosine of the gradients of old and new data, and the length of the old one over that of the new one."""

    cosine: float
    ratio: float


def compare(model: nn.Module, old: tuple[Tensor, Tensor], new: tuple[Tensor, Tensor]) -> Pull:
    """Compare the gradients of the mean cross-entropy of old and of new data, (images, labels) each."""
    one, other = gradient(model, *old), gradient(model, *new)
    lengths = one.norm(), other.norm()
    return Pull(float(one @ other / (lengths[0] * lengths[1])), float(lengths[0] / lengths[1]))


def gradient(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Gradient of the mean cross-entropy with respect to all parameters of the model: (P,)."""
    loss = functional.cross_entropy(model(images), labels)
    return parameters_to_vector([part.contiguous() for part in torch.autograd.grad(loss, list(model.parameters()))])
