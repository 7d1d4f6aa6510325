"""Fast and slow weights by hand."""

import pytest
import torch

from stability_gap.learners.fast_slow import FastSlow


@pytest.mark.parametrize("rate", [0.1, torch.tensor(0.1)])
def test_a_push_moves_both_and_the_fast_part_fades(rate):
    weight = torch.nn.Parameter(torch.tensor([1.0]))
    optimizer, seen = FastSlow([weight], rate, fast_rate=0.2, fast_decay=0.5), []
    for gradient in (1.0, 0.0, 0.0):
        weight.grad = torch.tensor([gradient])
        optimizer.step()
        seen.append(weight.item())
    assert seen == pytest.approx([0.9 - 0.2, 0.9 - 0.1, 0.9 - 0.05])


def test_a_weight_without_gradient_stays():
    weight = torch.nn.Parameter(torch.tensor([1.0]))
    FastSlow([weight], 0.1, fast_rate=0.2, fast_decay=0.5).step()
    assert weight.item() == 1.0
