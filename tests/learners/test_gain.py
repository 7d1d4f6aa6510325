"""Gain modulation: the recurrence, z = g·(W x) + b, the gradient of the raw weights, and use with any torch model."""

import copy

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import prune

from stability_gap.learners.gain import GainModulation, entropy, next_gain


def random_logits(seed: int, batch: int = 6, classes: int = 4) -> torch.Tensor:
    return 3 * torch.randn(batch, classes, generator=torch.Generator().manual_seed(seed))


def set_gain(modulation: GainModulation, value: float) -> None:
    for gain in modulation.gains:
        gain.fill_(value)


@pytest.fixture
def linear() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(5, 4).double()


class SmallCNN(nn.Module):
    """What a user may bring: convolutions with biases, batch norm, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(2))
        self.fc = nn.Linear(16, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.fc(self.features(images).flatten(1))


@pytest.fixture
def cnn() -> SmallCNN:
    torch.manual_seed(1)
    return SmallCNN()


def cnn_batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Bright, dark and striped images: easy to tell apart."""
    labels = torch.arange(30) % 3
    images = 0.1 * torch.randn(30, 1, 6, 6, generator=torch.Generator().manual_seed(2))
    images[labels == 0] += 1
    images[labels == 2, :, ::2] += 2
    return images, labels


# --- entropy and recurrence -----------------------------------------------------------------------------------------


def test_entropy_is_the_batch_mean_of_the_shannon_entropy_in_nats():
    logits = random_logits(0, batch=50, classes=10).double()
    expected = scipy.stats.entropy(scipy.special.softmax(logits.numpy(), axis=1), axis=1).mean()
    assert entropy(logits).item() == pytest.approx(expected, rel=1e-12)


def test_entropy_of_uniform_and_certain_outputs():
    assert entropy(torch.zeros(3, 10)).item() == pytest.approx(np.log(10), rel=1e-6)
    assert entropy(torch.tensor([[1000.0, 0.0, -1000.0]])).item() == 0.0


@pytest.mark.parametrize(("g0", "gamma", "eta"), [(1.0, 0.9, 0.4), (0.5, 0.0, 2.0), (2.0, 0.99, 0.0)])
def test_gains_follow_the_recurrence(linear, g0, gamma, eta):
    modulation = GainModulation([linear], g0=g0, gamma=gamma, eta=eta)
    outputs = [None, *(random_logits(seed).double() for seed in range(100))]
    expected = g0
    for logits in outputs:
        h = 0.0
        if logits is not None:
            p = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(axis=1, keepdims=True)
            h = float(np.mean(-np.sum(p * np.log(p), axis=1)))
        expected = gamma * expected + (1 - gamma) * g0 + eta * h
        modulation.step(logits)
        assert modulation.gains[0].shape == (4,)
        assert modulation.gains[0].tolist() == pytest.approx([expected] * 4, abs=1e-6)


def test_before_the_first_output_the_gain_rests_at_g0(linear):
    modulation = GainModulation([linear], g0=1.5, eta=0.4)
    for _ in range(3):
        modulation.step(None)
    assert modulation.gains[0].tolist() == pytest.approx([1.5] * 4, abs=1e-12)


def test_the_steady_state_under_constant_entropy():
    gain, h = torch.tensor(1.0, dtype=torch.float64), 1.7
    for _ in range(400):
        gain = next_gain(gain, h, g0=1.0, gamma=0.9, eta=0.4)
    assert gain.item() == pytest.approx(1.0 + 0.4 * 1.7 / (1 - 0.9), rel=1e-12)


def test_all_layers_share_the_course_of_the_gain(cnn):
    modulation = GainModulation([cnn.features[0], cnn.fc], eta=0.4)
    modulation.step(random_logits(0))
    first, second = modulation.gains
    assert (first.shape, second.shape) == ((4,), (3,))
    assert set(first.tolist()) == set(second.tolist())
    assert first[0] > 1


# --- what a layer computes ------------------------------------------------------------------------------------------


def test_a_linear_layer_computes_g_w_x_plus_an_unscaled_bias(linear):
    x = torch.randn(7, 5, dtype=torch.float64)
    weight, bias = linear.weight.detach().clone(), linear.bias.detach().clone()
    set_gain(GainModulation([linear], eta=0.4), 2.5)
    torch.testing.assert_close(linear(x), 2.5 * (x @ weight.T) + bias, rtol=1e-12, atol=1e-12)


def test_a_convolution_computes_g_w_x_plus_an_unscaled_bias():
    layer = nn.Conv2d(2, 3, 3).double()
    x = torch.randn(4, 2, 6, 6, dtype=torch.float64)
    weight, bias = layer.weight.detach().clone(), layer.bias.detach().clone()
    set_gain(GainModulation([layer], eta=0.4), 2.5)
    expected = 2.5 * functional.conv2d(x, weight) + bias.view(1, 3, 1, 1)
    torch.testing.assert_close(layer(x), expected, rtol=1e-12, atol=1e-12)


def test_each_unit_has_its_own_gain(linear):
    x = torch.randn(7, 5, dtype=torch.float64)
    weight, bias = linear.weight.detach().clone(), linear.bias.detach().clone()
    modulation = GainModulation([linear], eta=0.4)
    gains = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    modulation.gains[0].copy_(gains)
    torch.testing.assert_close(linear(x), gains * (x @ weight.T) + bias, rtol=1e-12, atol=1e-12)


def test_attaching_at_g0_1_changes_no_output(cnn):
    images, _ = cnn_batch()
    cnn.eval()
    before = cnn(images)
    GainModulation([cnn.features[0], cnn.fc], eta=0.4)
    torch.testing.assert_close(cnn(images), before, rtol=0, atol=0)


# --- gradients ------------------------------------------------------------------------------------------------------


def gradient_of_effective_weight(weight: torch.Tensor, bias: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    effective = weight.detach().clone().requires_grad_()
    functional.cross_entropy(x @ effective.T + bias, torch.arange(len(x)) % 4).backward()
    return effective.grad


def test_the_gradient_of_the_raw_weight_is_g_times_that_of_the_effective_one(linear):
    x, g = torch.randn(8, 5, dtype=torch.float64), 2.5
    set_gain(GainModulation([linear], eta=0.4), g)
    functional.cross_entropy(linear(x), torch.arange(8) % 4).backward()
    expected = g * gradient_of_effective_weight(linear.weight, linear.bias, x)
    torch.testing.assert_close(linear.parametrizations.weight.original.grad, expected, rtol=1e-12, atol=1e-14)


def test_one_sgd_step_moves_the_effective_weight_by_lr_g_squared(linear):
    x, g, lr = torch.randn(8, 5, dtype=torch.float64), 2.5, 0.01
    set_gain(GainModulation([linear], eta=0.4), g)
    before = linear.weight.detach().clone()
    gradient = gradient_of_effective_weight(linear.weight, linear.bias, x)
    optimizer = torch.optim.SGD(linear.parameters(), lr=lr)
    functional.cross_entropy(linear(x), torch.arange(8) % 4).backward()
    optimizer.step()
    torch.testing.assert_close(linear.weight - before, -lr * g**2 * gradient, rtol=1e-10, atol=1e-14)


def test_the_gain_is_no_parameter_and_takes_no_gradient(linear):
    modulation = GainModulation([linear], eta=0.4)
    linear(torch.randn(2, 5, dtype=torch.float64)).sum().backward()
    assert {name for name, _ in linear.named_parameters()} == {"bias", "parametrizations.weight.original"}
    assert not modulation.gains[0].requires_grad


def test_step_keeps_no_graph_of_the_output_it_is_given(linear):
    modulation = GainModulation([linear], eta=0.4)
    x = torch.randn(8, 5, dtype=torch.float64)
    logits = None
    for _ in range(2):  # a kept graph would make the second backward fail
        modulation.step(logits)
        logits = linear(x)
        functional.cross_entropy(logits, torch.arange(8) % 4).backward()
    assert not modulation.gains[0].requires_grad


# --- frozen but for step --------------------------------------------------------------------------------------------


def test_forward_passes_move_no_gain_in_either_mode(cnn):
    modulation = GainModulation([cnn.features[0], cnn.fc], eta=0.4)
    modulation.step(random_logits(0))
    before = [gain.clone() for gain in modulation.gains]
    images, labels = cnn_batch()
    for mode in (True, False):
        cnn.train(mode)
        functional.cross_entropy(cnn(images), labels).backward()
        assert all(torch.equal(gain, kept) for gain, kept in zip(modulation.gains, before, strict=True))
    modulation.step(random_logits(1))
    assert not torch.equal(modulation.gains[0], before[0])


def test_gains_travel_with_the_state_dict(cnn):
    modulation = GainModulation([cnn.features[0], cnn.fc], eta=0.4)
    modulation.step(random_logits(0))
    twin = SmallCNN()
    twin_modulation = GainModulation([twin.features[0], twin.fc], eta=0.4)
    twin.load_state_dict(copy.deepcopy(cnn.state_dict()))
    assert all(torch.equal(a, b) for a, b in zip(modulation.gains, twin_modulation.gains, strict=True))
    images, _ = cnn_batch()
    assert torch.equal(cnn.eval()(images), twin.eval()(images))


def test_gains_follow_the_dtype_of_the_model(cnn):
    modulation = GainModulation([cnn.fc], eta=0.4)
    cnn.double()
    modulation.step(random_logits(0).double())
    assert modulation.gains[0].dtype == torch.float64
    assert modulation.gains[0] is cnn.fc.parametrizations.weight[0].gain


# --- detach ---------------------------------------------------------------------------------------------------------


def test_detach_leaves_plain_weights_that_compute_the_same(cnn):
    images, _ = cnn_batch()
    modulation = GainModulation([cnn.features[0], cnn.fc], eta=0.4)
    modulation.step(random_logits(0))
    before = cnn.eval()(images)
    effective = cnn.fc.weight.detach().clone()
    modulation.detach()
    assert cnn.state_dict().keys() == SmallCNN().state_dict().keys()
    assert torch.equal(cnn.fc.weight, effective)
    assert isinstance(cnn.fc.weight, nn.Parameter)
    assert torch.equal(cnn(images), before)
    assert modulation.gains == []


def test_after_detach_a_layer_can_be_modulated_anew_and_its_optimizer_goes_on(linear):
    weight = linear.weight
    modulation = GainModulation([linear], eta=0.4)
    modulation.step(random_logits(0))
    modulation.detach()
    assert linear.weight is weight  # what an optimizer holds
    assert type(linear) is nn.Linear
    modulation.detach()  # nothing is left to do
    modulation.step(None)
    assert GainModulation([linear], eta=0.4).gains[0].tolist() == [1.0] * 4


# --- copies and conversions -----------------------------------------------------------------------------------------


def test_a_deep_copy_of_model_and_gain_is_independent(cnn):
    modulation = GainModulation([cnn.features[0], cnn.fc], eta=0.4)
    modulation.step(random_logits(0))
    twin, twin_modulation = copy.deepcopy((cnn, modulation))
    images, _ = cnn_batch()
    before = cnn.eval()(images)
    assert torch.equal(twin.eval()(images), before)
    twin_modulation.step(random_logits(1))
    assert not torch.equal(twin(images), before)
    assert torch.equal(cnn(images), before)
    after = twin(images)
    twin_modulation.detach()
    assert torch.equal(twin(images), after)
    assert torch.equal(cnn(images), before)
    modulation.detach()
    assert torch.equal(cnn(images), before)


def test_a_model_may_change_its_dtype_on_the_way(cnn):
    modulation = GainModulation([cnn.features[0], cnn.fc], eta=0.4)
    modulation.step(random_logits(0))
    images, labels = cnn_batch()
    before = cnn.eval()(images)
    cnn.to(torch.float64)
    logits = cnn(images.double())
    torch.testing.assert_close(logits.float(), before)
    functional.cross_entropy(logits, labels).backward()
    modulation.step(logits)
    assert cnn.fc.parametrizations.weight.original.grad.dtype == modulation.gains[1].dtype == torch.float64


def test_models_stacked_for_vmap_give_their_own_outputs_and_gradients():
    models = []
    for seed in range(3):
        torch.manual_seed(seed)
        models.append(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)).double())
        modulation = GainModulation([models[-1][0], models[-1][3]], eta=0.4)
        modulation.step(random_logits(seed))
    images, labels = torch.randn(3, 8, 1, 6, 6, dtype=torch.float64), torch.arange(8) % 3
    parameters, buffers = torch.func.stack_module_state(models)

    def loss_and_logits(parameters, buffers, batch):
        logits = torch.func.functional_call(models[0], (parameters, buffers), (batch,))
        return functional.cross_entropy(logits, labels), logits

    gradients, logits = torch.vmap(torch.func.grad(loss_and_logits, has_aux=True))(parameters, buffers, images)
    for model, own_images, own_logits, position in zip(models, images, logits, range(3), strict=True):
        expected = model(own_images)
        torch.testing.assert_close(own_logits, expected, rtol=1e-12, atol=1e-12)
        functional.cross_entropy(expected, labels).backward()
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(gradients[name][position], parameter.grad, rtol=1e-10, atol=1e-12)
    assert not torch.allclose(logits[0], models[0](images[1]))  # the models differ


# --- any model, any optimizer ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make_optimizer",
    [
        lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9, nesterov=True),
        lambda parameters: torch.optim.AdamW(parameters, lr=0.01),
        lambda parameters: torch.optim.RMSprop(parameters, lr=0.005),
    ],
)
def test_the_loop_of_the_docstring_trains_any_model_with_any_optimizer(cnn, make_optimizer):
    images, labels = cnn_batch()
    modulation = GainModulation([cnn.features[0], cnn.fc], eta=0.2)
    optimizer = make_optimizer(cnn.parameters())
    logits, losses, expected = None, [], 1.0
    for _ in range(40):
        expected = 0.9 * expected + 0.1 + 0.2 * (0.0 if logits is None else entropy(logits).item())
        modulation.step(logits)
        assert modulation.gains[1][0].item() == pytest.approx(expected, abs=1e-5)
        logits = cnn(images)
        loss = functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    assert modulation.gains[0].max() > 1


def test_the_optimizer_may_be_built_before_the_gain_is_attached(cnn):
    images, labels = cnn_batch()
    optimizer = torch.optim.SGD(cnn.parameters(), lr=0.1)
    GainModulation([cnn.fc], eta=0.4)
    before = cnn.fc.weight.detach().clone()
    functional.cross_entropy(cnn(images), labels).backward()
    optimizer.step()
    assert not torch.equal(cnn.fc.weight, before)


def test_in_front_of_batch_norm_a_gain_cancels_in_training_but_not_in_evaluation():
    """Why docs/gain.md advises against it."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, eps=1e-12), nn.Flatten(), nn.Linear(64, 3)).double()
    images, labels = torch.randn(8, 1, 6, 6, dtype=torch.float64), torch.arange(8) % 3
    modulation = GainModulation([model[0]], eta=0.4)
    outputs, gradients = [], []
    for g in (1.0, 2.5):
        set_gain(modulation, g)
        outputs.append(model.train()(images))
        functional.cross_entropy(outputs[-1], labels).backward()
        gradients.append(model[0].parametrizations.weight.original.grad.clone())
        model.zero_grad()
    torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-8, atol=1e-9)
    assert not torch.allclose(model.eval()(images), outputs[1], rtol=0.1)


@pytest.fixture(scope="module")
def resnet():
    """A torchvision model in float64, so that gradients compare to the digit."""
    from torchvision.models import resnet18  # takes seconds

    torch.manual_seed(0)
    return resnet18(num_classes=10).double()


def output_layer(model: nn.Module) -> list[nn.Module]:
    return [model.fc]


def every_layer(model: nn.Module) -> list[nn.Module]:
    return [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]


@pytest.mark.parametrize(("chosen", "count"), [(output_layer, 1), (every_layer, 21)])
@pytest.mark.parametrize("make_optimizer", [torch.optim.SGD, torch.optim.Adam])
def test_a_torchvision_model_learns_saves_and_gives_its_gain_back(resnet, chosen, count, make_optimizer):
    model = copy.deepcopy(resnet)
    modulation = GainModulation(chosen(model), eta=0.2)
    optimizer = make_optimizer(model.parameters(), lr=0.001)
    torch.manual_seed(1)
    images, labels = torch.randn(4, 3, 32, 32, dtype=torch.float64), torch.arange(4)
    start = [weight.clone() for weight in model.parameters()]
    logits = None
    for _ in range(3):
        modulation.step(logits)
        plain, plain_modulation = copy.deepcopy((model, modulation))
        plain_modulation.detach()
        logits = model(images)
        optimizer.zero_grad()
        functional.cross_entropy(logits, labels).backward()
        optimizer.step()
    assert all(not torch.equal(weight, first) for weight, first in zip(model.parameters(), start, strict=True))

    # The last gradient against that of a plain model with the same effective weights.
    g = modulation.gains[0][0].item()
    assert g > 1.2
    plain.zero_grad()
    functional.cross_entropy(plain(images), labels).backward()
    layers = chosen(model)
    assert len(layers) == count
    for layer, reference in zip(layers, chosen(plain), strict=True):
        raw = layer.parametrizations.weight.original
        torch.testing.assert_close(raw.grad, g * reference.weight.grad, rtol=1e-7, atol=1e-10)

    expected = model.eval()(images)
    fresh = copy.deepcopy(resnet)
    fresh_modulation = GainModulation(chosen(fresh), eta=0.2)
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(fresh.eval()(images), expected)
    assert fresh_modulation.gains[0][0].item() == g

    modulation.detach()
    assert torch.equal(model(images), expected)
    assert model.state_dict().keys() == resnet.state_dict().keys()


# --- what it says and saves -----------------------------------------------------------------------------------------


def test_repr_names_layers_numbers_and_the_present_gain(cnn):
    modulation = GainModulation([cnn.features[0], cnn.fc], eta=0.4)
    assert repr(modulation) == "GainModulation([Conv2d, Linear], eta=0.4, g0=1, gamma=0.9, gain 1)"
    modulation.gains[0].fill_(10.5)
    modulation.gains[1].fill_(2.25)
    assert "gain 2.25 to 10.5)" in repr(modulation)
    modulation.detach()
    assert repr(modulation) == "GainModulation([], eta=0.4, g0=1, gamma=0.9, detached)"
    many = GainModulation([nn.Linear(2, 2) for _ in range(9)], eta=0.1)
    assert repr(many) == "GainModulation([Linear, Linear, Linear, Linear, Linear, … 9 in all], eta=0.1, g0=1, gamma=0.9, gain 1)"


def test_state_dict_carries_gains_and_numbers_to_another_model(cnn):
    modulation = GainModulation([cnn.features[0], cnn.fc], eta=0.4, g0=2.0, gamma=0.5)
    modulation.step(random_logits(0))
    state = modulation.state_dict()
    modulation.step(random_logits(1))
    twin = SmallCNN()
    other = GainModulation([twin.features[0], twin.fc], eta=0.1)
    other.load_state_dict(state)
    assert (other.eta, other.g0, other.gamma) == (0.4, 2.0, 0.5)
    other.step(random_logits(1))
    assert all(torch.equal(a, b) for a, b in zip(modulation.gains, other.gains, strict=True))
    assert other.gains[1] is twin.fc.parametrizations.weight[0].gain


def test_a_state_survives_a_file_without_pickled_code(cnn, tmp_path):
    modulation = GainModulation([cnn.fc], eta=0.4)
    torch.save(modulation.state_dict(), tmp_path / "gain.pt")
    modulation.load_state_dict(torch.load(tmp_path / "gain.pt", weights_only=True))
    assert modulation.gains[0].tolist() == [1.0] * 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gains": [torch.ones(3)]}, r"gains of the shapes \[\(3,\)\], these layers need \[\(4,\), \(3,\)\]"),
        ({"gains": [torch.ones(4), torch.ones(4)]}, "attach to the same layers"),
        ({"gamma": 1.0}, "gamma must lie in"),
        ({"eta": float("nan")}, "eta must be finite"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(cnn, change, words):
    modulation = GainModulation([cnn.features[0], cnn.fc], eta=0.4)
    before = modulation.state_dict()
    with pytest.raises(ValueError, match=words):
        modulation.load_state_dict({**before, "gains": [torch.full((4,), 9.0), torch.full((3,), 9.0)], **change})
    assert repr(modulation.state_dict()) == repr(before)
    with pytest.raises(ValueError, match="the state lacks eta, gains"):
        modulation.load_state_dict({"g0": 1.0, "gamma": 0.9})


def test_a_whole_model_is_told_what_to_pass(cnn):
    with pytest.raises(ValueError, match=r"a whole SmallCNN\. .* are model\.features\[0\], model\.fc \(2 in all\)"):
        GainModulation(cnn, eta=0.4)
    with pytest.raises(ValueError, match=r"pass \[model\[1\]\] for the last one alone"):
        GainModulation(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), eta=0.4)
    with pytest.raises(ValueError, match=r"layers\[0\] \(SmallCNN\) has layers of its own .* such as its fc"):
        GainModulation([cnn], eta=0.4)
    with pytest.raises(ValueError, match=r"not a Linear; pass \[layer\] for one layer"):
        GainModulation(cnn.fc, eta=0.4)
    assert isinstance(cnn.fc.weight, nn.Parameter)
    assert len(GainModulation(nn.ModuleList([cnn.fc]), eta=0.4).gains) == 1


def test_the_layers_that_it_names_can_be_passed_as_they_stand(cnn):
    from stability_gap.learners.gain import weight_layers

    layers = [eval(name, {"model": cnn}) for name in weight_layers(cnn)]
    assert layers == [cnn.features[0], cnn.fc]
    GainModulation(layers, eta=0.4)


def test_the_layers_of_a_large_model_are_counted(resnet):
    with pytest.raises(ValueError, match=r"model\.conv1, model\.layer1\[0\]\.conv1, .*, …, model\.fc \(21 in all\)"):
        GainModulation(resnet, eta=0.4)


# --- bad arguments --------------------------------------------------------------------------------------------------


def test_no_layer_is_refused():
    with pytest.raises(ValueError, match="at least one layer"):
        GainModulation([], eta=0.4)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("gamma", value) for value in (1.0, 1.5, -0.1, float("nan"))),
        *(("eta", value) for value in (-0.1, float("nan"), float("inf"))),
        *(("g0", value) for value in (0.0, -1.0, float("nan"), float("inf"))),
    ],
)
def test_a_number_out_of_range_is_refused_before_anything_is_attached(linear, name, value):
    with pytest.raises(ValueError, match=f"^{name} must .*, not {value}$"):
        GainModulation([linear], **{"eta": 0.4, name: value})
    assert isinstance(linear.weight, nn.Parameter)


def gain_modulated() -> nn.Linear:
    layer = nn.Linear(2, 2)
    GainModulation([layer], eta=0.4)
    return layer


def scalar() -> nn.Module:
    module = nn.Module()
    module.weight = nn.Parameter(torch.tensor(1.0))
    return module


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (nn.ReLU, r"layers\[1\] \(ReLU\) has no parameter `weight`"),
        (lambda: nn.BatchNorm2d(3, affine=False), "has no parameter `weight`"),
        (lambda: "fc", r"layers\[1\] \(str\) has no parameter"),
        (lambda: nn.Parameter(torch.ones(2, 2)), "has no parameter"),
        (lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(2, 2)), "without weight or spectral norm"),
        (lambda: prune.random_unstructured(nn.Linear(2, 2), "weight", 0.5), "has no parameter `weight`"),
        (lambda: nn.LazyLinear(3), "has no shape yet; run one batch"),
        (scalar, "single number"),
        (gain_modulated, "is gain-modulated already"),
    ],
)
def test_a_layer_that_can_take_no_gain_is_refused_before_anything_is_attached(linear, make, words):
    with pytest.raises(ValueError, match=words):
        GainModulation([linear, make()], eta=0.4)
    assert isinstance(linear.weight, nn.Parameter)


def test_a_weight_given_twice_is_refused_before_anything_is_attached(linear):
    tied = nn.Linear(5, 4)
    tied.weight = linear.weight
    for layers in ([linear, linear], [linear, tied]):
        with pytest.raises(ValueError, match=r"layers\[1\] \(Linear\) shares its weight"):
            GainModulation(layers, eta=0.4)
        assert isinstance(linear.weight, nn.Parameter)


@pytest.mark.parametrize("shape", [(), (4,), (2, 3, 4)])
def test_logits_of_another_shape_are_refused(linear, shape):
    modulation = GainModulation([linear], eta=0.4)
    with pytest.raises(ValueError, match=r"logits must be \(batch, classes\), not"):
        modulation.step(torch.zeros(shape))
    assert modulation.gains[0].tolist() == [1.0] * 4
