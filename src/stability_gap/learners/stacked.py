"""Several models of one kind as one: their parameters stacked, their forward passes batched by torch.vmap."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from stability_gap.learners.build import Model
from stability_gap.learners.gain import gains_among, raw_weight_name
from stability_gap.learners.linear import Linear, plain_linear


class StackedModel(nn.Module):
    """S models side by side; nothing that one computes depends on another.

    Every parameter and buffer gets a leading axis of S: gains, batch statistics and running statistics are each model's own.

    Attributes:
        seeds: S. stacked: parameters by name, (S, ...), leaves that an optimizer can train.
        buffers_of: buffers by name, (S, ...).
    """

    def __init__(self, models: Sequence[Model]) -> None:
        super().__init__()
        self.seeds = len(models)
        self.one = copy.deepcopy(models[0])  # gives the structure and the mode (train or eval); its own numbers are not used
        for module in self.one.modules():
            if isinstance(module, Linear):
                module.product = plain_linear  # oneDNN's kernel takes one product at a time
        stacked, self.buffers_of = stack_module_state(list(models))
        self.stacked: dict[str, Tensor] = {name: value.detach().requires_grad_() for name, value in stacked.items()}

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the same images by all models: (n, ...) -> (S, n, classes)."""
        return self._mapped(images, None)

    def each(self, images: Tensor) -> Tensor:
        """Logits of each model's own images: (S, n, ...) -> (S, n, classes)."""
        return self._mapped(images, 0)

    def weights(self) -> dict[str, Tensor]:
        """The raw weight of every weight layer, (S, units, ...), by the layer's name."""
        return {name: self.stacked[raw_weight_name(self.one, layer)] for name, layer in self.one.layers.items()}

    def gains(self) -> list[Tensor]:
        """The gain of each gain-modulated layer, (S, units) each; live buffers, in the order of the layers."""
        return gains_among(self.buffers_of)

    def _mapped(self, images: Tensor, axis: int | None) -> Tensor:
        def logits(parameters: dict[str, Tensor], buffers: dict[str, Tensor], own_images: Tensor) -> Tensor:
            return functional_call(self.one, (parameters, buffers), (own_images,))  # type: ignore[no-any-return]

        return torch.vmap(logits, in_dims=(0, 0, axis))(self.stacked, self.buffers_of, images)
