import pytest
import torch

from stability_gap.analysis.mechanism.gradients import compare, gradient


def test_is_the_gradient_of_backward_and_the_angle_of_vectors():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)).double()
    images, labels = torch.randn(12, 3).double(), torch.randint(0, 2, (12,))
    old, new = (images[:8], labels[:8]), (images[8:], labels[8:])
    by_hand = []
    for part in (old, new):
        net.zero_grad()
        torch.nn.functional.cross_entropy(net(part[0]), part[1]).backward()
        by_hand.append(torch.cat([parameter.grad.flatten() for parameter in net.parameters()]))
    torch.testing.assert_close(gradient(net, *old), by_hand[0])
    pull = compare(net, old, new)
    assert pull.cosine == pytest.approx(float(torch.cosine_similarity(*by_hand, dim=0)))
    assert pull.ratio == pytest.approx(float(by_hand[0].norm() / by_hand[1].norm()))


def test_the_same_data_pulls_the_same_way():
    torch.manual_seed(0)
    net, data = torch.nn.Linear(3, 2), (torch.randn(5, 3), torch.randint(0, 2, (5,)))
    assert compare(net, data, data) == pytest.approx((1.0, 1.0))
