"""Neuronal decay: a price on the activity of hidden units, beside the loss (PROTOCOL §3, neuronal_decay)."""

import torch
from torch import Tensor

from stability_gap.errors import UserError
from stability_gap.learners.build import Model
from stability_gap.learners.mlp import MLP


class NeuronalDecay:
    """λ·Σ over the hidden layers of the mean squared activation after ReLU, of the minibatch that passed last.

    Attributes:
        price: () of the last forward pass, to be added to the loss.

    Errors: UserError where the model is no MLP.
    """

    price: Tensor

    def __init__(self, model: Model, strength: float) -> None:
        if not isinstance(model, MLP):
            raise UserError(
                "neuronal_decay: is made for model: {kind: mlp} only; leave it out, or choose a benchmark with an mlp."
            )
        self.model, self.strength = model, strength

    def forward(self, images: Tensor) -> Tensor:
        """Logits as the model's own: (n, inputs) -> (n, classes)."""
        hidden = self.model.activations(images)
        self.price = self.strength * torch.stack([layer.square().mean() for layer in hidden]).sum()
        return self.model.output(hidden[-1])  # type: ignore[no-any-return]
