"""Layerwise proximal replay (Yoo et al., ICML 2024; PROTOCOL §3, lpr): gradients that change old representations little."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stability_gap.errors import UserError
from stability_gap.learners.build import Model
from stability_gap.learners.gain import raw_weight
from stability_gap.learners.mlp import MLP
from stability_gap.learners.settings import ProximalSettings


class Proximal:
    """Multiplies the gradient of each layer by (I + ω·C)⁻¹ on its input side.

    C, the mean outer product of the layer's inputs over old data, is 0 until the first `refresh`.

    Args:
        random: the stream that the old images are chosen by.

    Errors: UserError where the model is no MLP.
    """

    def __init__(self, model: Model, settings: ProximalSettings, random: np.random.Generator) -> None:
        if not isinstance(model, MLP):
            raise UserError("proximal: is made for model: {kind: mlp} only; leave it out, or choose a benchmark with an mlp.")
        self.model, self.settings, self.random = model, settings, random
        self._weights = [raw_weight(layer) for layer in model.layers.values()]
        self._inverses: list[Tensor] = []

    def is_due(self, update: int) -> bool:
        """Whether C is new before update number `update`, from 0."""
        return update > 0 and update % self.settings.every == 0

    def choose(self, earlier: int) -> Tensor:
        """Positions of the images that C is taken over, uniform among so many drawn before: int64 (images,)."""
        return torch.from_numpy(self.random.integers(earlier, size=self.settings.images))

    @torch.no_grad()
    def refresh(self, images: Tensor) -> None:
        """Take C over old images: (n, inputs), normalised."""
        self._inverses = []
        for inputs in (images, *self.model.activations(images)):
            one = torch.eye(inputs.shape[1], dtype=inputs.dtype, device=inputs.device)
            outer = inputs.mT @ inputs / len(inputs)
            # inv_ex raises nothing: a run that diverges is recorded as such.
            self._inverses.append(torch.linalg.inv_ex(one + self.settings.omega * outer).inverse)

    def state(self) -> dict[str, Any]:
        """What `restore` takes: the inverses, and how far the random stream is."""
        return {"inverses": self._inverses, "random": self.random.bit_generator.state}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        self._inverses, self.random.bit_generator.state = state["inverses"], state["random"]

    @torch.no_grad()
    def apply(self) -> None:
        """Change the gradients in place, between backward pass and optimizer."""
        for weight, inverse in zip(self._weights, self._inverses, strict=False):  # none before the first refresh
            assert weight.grad is not None
            weight.grad.copy_(weight.grad @ inverse)
