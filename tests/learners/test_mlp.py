"""The paper's MLP: sizes, initial weights, and evaluation from effective weights."""

import pytest
import torch

from stability_gap.learners.gain import GainModulation
from stability_gap.learners.mlp import MLP, mlp_logits


def mlp(seed: int = 0, inputs: int = 64, hidden: int = 400, classes: int = 10) -> MLP:
    return MLP(inputs, hidden, classes, torch.Generator().manual_seed(seed))


def images(n: int = 20) -> torch.Tensor:
    return torch.randn(n, 64, generator=torch.Generator().manual_seed(1))


def effective(model: MLP) -> list[torch.Tensor]:
    return [layer.weight.detach() for layer in model.layers.values()]


def test_shapes_and_no_biases():
    model = mlp()
    assert {name: tuple(p.shape) for name, p in model.named_parameters()} == {
        "hidden1.weight": (400, 64),
        "hidden2.weight": (400, 400),
        "output.weight": (10, 400),
    }
    assert model(images(3)).shape == (3, 10)
    assert list(model.layers) == ["hidden1", "hidden2", "output"]
    assert model.layers["output"] is model.output


def test_initial_weights_have_the_published_spread_and_mean_zero():
    for name, std in (("hidden1", 0.01), ("hidden2", 0.01), ("output", 0.05)):
        weight = mlp().layers[name].weight
        assert weight.std().item() == pytest.approx(std, rel=0.05), name
        assert abs(weight.mean().item()) < 4 * std / weight.numel() ** 0.5, name


def test_initial_weights_depend_on_the_generator_only():
    torch.manual_seed(1)
    first = mlp(seed=0)
    torch.manual_seed(2)
    second, other = mlp(seed=0), mlp(seed=1)
    for a, b, c in zip(first.parameters(), second.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)


def test_making_a_model_leaves_torchs_own_stream_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    mlp()
    assert torch.equal(torch.rand(3), expected)


def test_forward_is_three_products_and_two_relus():
    model, x = mlp(), images()
    w1, w2, w3 = (weight.double() for weight in effective(model))
    expected = ((x.double() @ w1.T).relu() @ w2.T).relu() @ w3.T
    torch.testing.assert_close(model(x).double(), expected, rtol=1e-4, atol=1e-7)


def test_logits_from_effective_weights_equal_forward_with_and_without_gain():
    model, x = mlp(), images()
    torch.testing.assert_close(mlp_logits(x, *effective(model)), model(x).detach(), rtol=1e-5, atol=1e-8)
    modulation = GainModulation(model.layers.values(), eta=0.4)
    modulation.step(torch.zeros(5, 10))
    with_gain = mlp_logits(x, *effective(model))
    torch.testing.assert_close(with_gain, model(x).detach(), rtol=1e-5, atol=1e-7)
    assert with_gain.abs().max() > 2 * mlp()(x).abs().max()  # 1.9 cubed


def test_the_bias_joins_the_sums_of_the_first_layer():
    x, (w1, w2, w3) = images(), effective(mlp())
    bias = 0.1 * torch.randn(400, generator=torch.Generator().manual_seed(2))
    expected = torch.relu(torch.relu(x @ w1.T + bias) @ w2.T) @ w3.T
    torch.testing.assert_close(mlp_logits(x, w1, w2, w3, bias), expected, rtol=1e-5, atol=1e-7)


def test_with_bfloat16_hidden_layers_the_logits_are_float32_and_close():
    x, (w1, w2, w3) = images(), effective(mlp())
    rounded = mlp_logits(x.bfloat16(), w1.bfloat16(), w2.bfloat16(), w3)
    exact = mlp_logits(x, w1, w2, w3)
    assert rounded.dtype == torch.float32
    assert not torch.equal(rounded, rounded.bfloat16().float())  # not rounded to bfloat16 themselves
    assert ((rounded - exact).norm() / exact.norm()).item() < 0.02
