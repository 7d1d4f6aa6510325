"""Curvature against a dense Hessian on a tiny network, and under a gain."""

import numpy as np
import pytest
import torch
from torch.nn import functional
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from stability_gap.analysis.mechanism.curvature import hessian, top_eigenvalue
from stability_gap.learners.gain import GainModulation


@pytest.fixture
def net():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3, bias=False)).double()


@pytest.fixture
def data():
    random = torch.Generator().manual_seed(1)
    return torch.randn(20, 4, generator=random).double(), torch.randint(0, 3, (20,), generator=random)


def dense(net, images, labels):
    """The Hessian by central differences of the gradient."""
    point, step = parameters_to_vector(net.parameters()).detach().clone(), 1e-5
    rows = []
    for index in range(len(point)):
        ends = []
        for sign in (1, -1):
            moved = point.clone()
            moved[index] += sign * step
            vector_to_parameters(moved, net.parameters())
            loss = functional.cross_entropy(net(images), labels)
            ends.append(parameters_to_vector(torch.autograd.grad(loss, list(net.parameters()))))
        rows.append((ends[0] - ends[1]) / (2 * step))
    vector_to_parameters(point, net.parameters())
    return torch.stack(rows).numpy()


def test_products_and_top_eigenvalue_are_those_of_the_dense_hessian(net, data):
    full, operator = dense(net, *data), hessian(net, *data)
    np.testing.assert_allclose(operator @ np.eye(len(full)), full, rtol=1e-6, atol=1e-8)
    assert top_eigenvalue(net, *data) == pytest.approx(np.linalg.eigvalsh(full).max(), rel=1e-3)


def test_float32_comes_close(net, data):
    exact = np.linalg.eigvalsh(dense(net, *data)).max()
    assert top_eigenvalue(net.float(), data[0].float(), data[1]) == pytest.approx(exact, rel=1e-3)


def test_one_gain_for_all_weights_multiplies_the_raw_curvature_by_its_square(data):
    torch.manual_seed(2)
    net = torch.nn.Sequential(torch.nn.Linear(4, 5, bias=False), torch.nn.ReLU(), torch.nn.Linear(5, 3, bias=False)).double()
    gain = GainModulation([net[0], net[2]], eta=0.4, g0=2.5)
    raw = top_eigenvalue(net, *data)
    gain.detach()
    assert raw / top_eigenvalue(net, *data) == pytest.approx(2.5**2, rel=1e-3)


def test_the_same_every_time(net, data):
    assert top_eigenvalue(net, *data) == top_eigenvalue(net, *data)


def test_a_dead_network_has_no_curvature(data):
    net = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3, bias=False))
    with torch.no_grad():
        net[0].bias.fill_(-100)
        net[2].weight.zero_()
    assert top_eigenvalue(net, data[0].float(), data[1]) == 0
