"""A cleared state is that of a fresh optimizer, and only the state is cleared."""

import pytest
import torch

from stability_gap.learners.build import build_optimizer
from stability_gap.learners.resets import clear_state
from stability_gap.learners.settings import AdamSettings, FastSlowSettings, ImportedSettings, SGDSettings


@pytest.mark.parametrize(
    "settings",
    [
        SGDSettings(method="sgd", learning_rate=0.1, momentum=0.9),
        AdamSettings(method="adam", learning_rate=0.1),
        FastSlowSettings(method="fast_slow", learning_rate=0.1, fast_rate=0.2),
        ImportedSettings(method="import", learning_rate=0.1, target="torch.optim:RMSprop", options={"momentum": 0.9}),
        ImportedSettings(method="import", learning_rate=0.1, target="torch.optim:Rprop"),  # its state starts at the rate
    ],
)
def test_steps_after_it_are_those_of_a_fresh_optimizer(settings):
    random = torch.Generator().manual_seed(0)
    weights = [torch.nn.Parameter(torch.ones(4)) for _ in range(2)]
    used, fresh = (build_optimizer(settings, {"w": weight}, [], torch.full((3, 2), 0.1)) for weight in weights)

    def step(*optimizers: torch.optim.Optimizer) -> None:
        gradient = torch.randn(4, generator=random)
        for weight in weights:
            weight.grad = gradient.clone()
        for optimizer in optimizers:
            optimizer.step()

    for _ in range(5):
        step(used)
    before = weights[0].detach().clone()
    clear_state(used, settings)
    assert torch.equal(weights[0], before)
    weights[1].data.copy_(before)
    for _ in range(5):
        step(used, fresh)
        assert torch.equal(*weights)
