import copy

import pytest
import torch

from stability_gap.analysis.mechanism.line import losses_along


def test_ends_and_middle_are_the_losses_of_these_models():
    torch.manual_seed(0)
    one, other, middle = (torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)).double().eval() for _ in range(3))
    other[1].running_mean += 1
    half = {name: value + (other.state_dict()[name] - value) / 2 for name, value in one.state_dict().items()}
    half["1.num_batches_tracked"] = one.state_dict()["1.num_batches_tracked"]
    middle.load_state_dict(half)
    images, labels = torch.randn(6, 3).double(), torch.randint(0, 4, (6,))
    expected = [float(torch.nn.functional.cross_entropy(net(images), labels).detach()) for net in (one, middle, other)]
    before = copy.deepcopy(one.state_dict())
    assert losses_along(one, one.state_dict(), other.state_dict(), images, labels, [0, 0.5, 1]) == pytest.approx(expected)
    assert all(torch.equal(value, before[name]) for name, value in one.state_dict().items())
