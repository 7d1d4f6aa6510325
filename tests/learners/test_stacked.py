"""Models side by side: outputs, gradients, batch statistics and gains are those of each model alone."""

import pytest
import torch
from torch.nn import functional

from stability_gap.learners.build import attach_gain, build_model
from stability_gap.learners.gain import raw_weight
from stability_gap.learners.settings import GainSettings, MLPSettings, SlimResNet18Settings
from stability_gap.learners.stacked import StackedModel

MLP = (MLPSettings(kind="mlp", hidden=6), (5, 5))
CNN = (SlimResNet18Settings(kind="slim_resnet18", filters=2), (25, 25, 3))
MODELS = 3


def models_of(kind, layers="all") -> tuple[list, list]:
    """Three models in float64 with gains of their own in the chosen layers, and their modulations."""
    settings, shape = kind
    models = [build_model(settings, shape, 4, torch.Generator().manual_seed(seed)).double() for seed in range(MODELS)]
    modulations = [attach_gain(model, GainSettings(eta=0.4, layers=layers) if layers else None) for model in models]
    for seed, modulation in enumerate(modulations):
        for position, gain in enumerate(modulation.gains if modulation else []):
            gain.fill_(1 + seed + position / 100)
    return models, modulations


def images_of(kind, *lead: int) -> torch.Tensor:
    shape = (25,) if kind is MLP else (3, 25, 25)
    return torch.randn(*lead, *shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64)


@pytest.mark.parametrize("kind", [MLP, CNN])
@pytest.mark.parametrize("layers", [None, "output", "all"])
@pytest.mark.parametrize("training", [True, False])
def test_outputs_and_statistics_are_those_of_each_model(kind, layers, training):
    models, _ = models_of(kind, layers)
    stacked = StackedModel(models).train(training)
    images = images_of(kind, MODELS, 6)
    for seed, (model, logits) in enumerate(zip(models, stacked.each(images), strict=True)):
        torch.testing.assert_close(logits, model.train(training)(images[seed]), rtol=1e-10, atol=1e-12)
    for seed, (model, logits) in enumerate(zip(models, stacked(images[0]), strict=True)):
        torch.testing.assert_close(logits, model(images[0]), rtol=1e-10, atol=1e-12)
        everything = stacked.stacked | stacked.buffers_of
        assert everything.keys() == model.state_dict().keys()
        for name, value in model.state_dict().items():
            torch.testing.assert_close(everything[name][seed], value, rtol=1e-10, atol=1e-12, msg=name)


@pytest.mark.parametrize("kind", [MLP, CNN])
def test_gradients_of_the_sum_of_losses_are_those_of_each_model(kind):
    models, _ = models_of(kind)
    stacked = StackedModel(models)
    images, labels = images_of(kind, MODELS, 6), torch.arange(6) % 4
    sum(functional.cross_entropy(logits, labels) for logits in stacked.each(images)).backward()
    for seed, model in enumerate(models):
        functional.cross_entropy(model(images[seed]), labels).backward()
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(stacked.stacked[name].grad[seed], parameter.grad, rtol=1e-8, atol=1e-10, msg=name)


@pytest.mark.parametrize("kind", [MLP, CNN])
@pytest.mark.parametrize("layers", [None, "output", "all"])
def test_weights_and_gains_are_those_of_the_layers_in_order(kind, layers):
    models, modulations = models_of(kind, layers)
    stacked = StackedModel(models)
    weights, gains = stacked.weights(), stacked.gains()
    assert list(weights) == list(models[0].layers)
    for seed, (model, modulation) in enumerate(zip(models, modulations, strict=True)):
        for name, layer in model.layers.items():
            assert torch.equal(weights[name][seed], raw_weight(layer)), name
        own = modulation.gains if modulation else []
        assert [gain[seed].tolist() for gain in gains] == [gain.tolist() for gain in own]
    assert len(gains) == {None: 0, "output": 1, "all": len(weights)}[layers]


def test_what_is_trained_are_leaves_and_gains_are_live():
    models, _ = models_of(MLP)
    stacked = StackedModel(models)
    assert all(weight.is_leaf and weight.requires_grad for weight in stacked.stacked.values())
    images = images_of(MLP, 6)
    before = stacked(images)
    stacked.gains()[2][1] *= 2
    after = stacked(images)
    torch.testing.assert_close(after[1], 2 * before[1])
    assert torch.equal(after[[0, 2]], before[[0, 2]])


def test_the_models_it_was_made_of_are_left_alone():
    models, _ = models_of(CNN)
    before = [{name: value.clone() for name, value in model.state_dict().items()} for model in models]
    stacked = StackedModel(models)
    stacked.each(images_of(CNN, MODELS, 6)).sum().backward()
    with torch.no_grad():
        for weight in stacked.stacked.values():
            weight += 1
    stacked.eval()
    for model, kept in zip(models, before, strict=True):
        assert model.training
        assert all(torch.equal(value, kept[name]) for name, value in model.state_dict().items())
        assert all(parameter.grad is None for parameter in model.parameters())
