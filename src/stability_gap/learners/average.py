"""An exponential moving average of a model, to be evaluated in its place; what is trained stays as it is (PROTOCOL §3, *_ema)."""

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from stability_gap.learners.stacked import StackedModel


class Average:
    """E ← d·E + (1−d)·W of parameters and floating-point buffers: gains and batch statistics too. It starts at W's first values.

    torch.optim.swa_utils.AveragedModel does not see the tensors of a StackedModel.

    Attributes:
        model: a copy of the model that computes with E.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model, self.decay = copy.deepcopy(model), decay
        self._averages = [tensor.detach() for tensor in _floats(self.model)]
        self._present = [tensor.detach() for tensor in _floats(model)]

    @torch.no_grad()
    def follow(self) -> None:
        """Take in the model's present values: once after every update."""
        torch._foreach_lerp_(self._averages, self._present, 1 - self.decay)


def _floats(model: nn.Module) -> Iterator[Tensor]:
    if isinstance(model, StackedModel):
        tensors = [*model.stacked.values(), *model.buffers_of.values()]
    else:
        tensors = [*model.parameters(), *model.buffers()]
    return (tensor for tensor in tensors if tensor.is_floating_point())
