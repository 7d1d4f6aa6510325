"""Gradients of layerwise proximal replay, layer by layer."""

import numpy as np
import pytest
import torch

from stability_gap.learners.mlp import MLP
from stability_gap.learners.proximal import Proximal
from stability_gap.learners.settings import ProximalSettings


def proximal_of(model: MLP, **changes: object) -> Proximal:
    return Proximal(model, ProximalSettings(omega=3.0, every=4, images=6).model_copy(update=changes), np.random.default_rng(0))


@pytest.fixture
def model() -> MLP:
    """A small MLP with a gradient of ones."""
    made = MLP(5, 4, 3, torch.Generator().manual_seed(0)).double()
    for weight in made.parameters():
        weight.grad = torch.ones_like(weight)
    return made


def test_before_the_first_refresh_gradients_stay(model):
    proximal_of(model).apply()
    assert all((weight.grad == 1).all() for weight in model.parameters())


def test_directions_that_old_inputs_take_are_damped_and_others_are_not(model):
    """C of one image x is x·xᵀ: along x the gradient shrinks by 1 + ω·|x|², across it stays."""
    proximal, image = proximal_of(model), torch.tensor([[1.0, 2.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    proximal.refresh(image)
    proximal.apply()
    gradient = model.hidden1.weight.grad
    torch.testing.assert_close(gradient @ image[0], torch.full((4,), 3 / (1 + 3 * 5), dtype=torch.float64))
    across = torch.tensor([2.0, -1.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(gradient @ across, torch.ones(4, dtype=torch.float64))
    assert (gradient[:, 2:] == 1).all()


def test_it_is_due_every_so_many_updates_but_not_before_any(model):
    assert [update for update in range(13) if proximal_of(model).is_due(update)] == [4, 8, 12]


def test_old_images_are_chosen_uniformly_among_those_drawn(model):
    chosen = torch.cat([proximal_of(model, images=60_000).choose(6)])
    counts = torch.bincount(chosen, minlength=6)
    assert counts.sum() == 60_000
    assert (counts - 10_000).abs().max() < 400  # four standard deviations
