"""From settings to model, gain and optimizer; the optimizers against their formulas."""

import numpy as np
import pytest
import torch
from torch import nn

from stability_gap.errors import UserError
from stability_gap.learners.build import attach_gain, build_model, build_optimizer
from stability_gap.learners.mlp import MLP
from stability_gap.learners.settings import AdamSettings, GainSettings, ImportedSettings, MLPSettings, SGDSettings

SGD = SGDSettings(method="sgd", learning_rate=0.02)
MSGD = SGDSettings(method="sgd", learning_rate=0.02, momentum=0.9)
ADAM = AdamSettings(method="adam", learning_rate=0.02)


def imported(target: str, **options: float | int | bool) -> ImportedSettings:
    return ImportedSettings(method="import", learning_rate=0.02, target=target, options=options)


def model_of(image_shape: tuple[int, ...] = (8, 8)) -> MLP:
    return build_model(MLPSettings(kind="mlp", hidden=6), image_shape, 10, torch.Generator().manual_seed(0))


def trajectory(settings, gradients: np.ndarray, start: np.ndarray) -> list[np.ndarray]:
    """The weights after each step of the built optimizer under the given gradients."""
    layer = nn.Linear(start.shape[1], start.shape[0], bias=False)
    layer.weight.data = torch.tensor(start, dtype=torch.float32)
    optimizer = build_optimizer(settings, layer)
    weights = []
    for gradient in gradients:
        layer.weight.grad = torch.tensor(gradient, dtype=torch.float32)
        optimizer.step()
        weights.append(layer.weight.detach().double().numpy().copy())
    return weights


@pytest.fixture
def numbers() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.standard_normal((5, 3, 4)), random.standard_normal((3, 4))


# --- model and gain -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "inputs"), [((8, 8), 64), ((28, 28), 784), ((32, 32, 3), 3072)])
def test_the_mlp_has_one_input_per_value_of_an_image(shape, inputs):
    model = model_of(shape)
    assert model.hidden1.weight.shape == (6, inputs)
    assert model.hidden2.weight.shape == (6, 6)
    assert model.output.weight.shape == (10, 6)


def test_gain_goes_to_all_three_layers_with_its_settings():
    model = model_of()
    modulation = attach_gain(model, GainSettings(g0=1.5, gamma=0.8, eta=0.3))
    assert modulation.layers == [model.hidden1, model.hidden2, model.output]
    assert (modulation.g0, modulation.gamma, modulation.eta) == (1.5, 0.8, 0.3)
    assert [set(gain.tolist()) for gain in modulation.gains] == [{1.5}] * 3


def test_without_gain_settings_the_model_stays_plain():
    model = model_of()
    assert attach_gain(model, None) is None
    assert set(model.state_dict()) == {"hidden1.weight", "hidden2.weight", "output.weight"}


def test_the_optimizer_trains_the_raw_weights_of_every_layer():
    model = model_of()
    attach_gain(model, GainSettings(eta=0.3))
    (group,) = build_optimizer(SGD, model).param_groups
    raw = [layer.parametrizations.weight.original for layer in model.layers.values()]
    assert len(group["params"]) == 3
    assert all(trained is weight for trained, weight in zip(group["params"], raw, strict=True))


# --- classes and hyperparameters ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "reference"),
    [
        (SGD, lambda parameters: torch.optim.SGD(parameters, lr=0.02)),
        (MSGD, lambda parameters: torch.optim.SGD(parameters, lr=0.02, momentum=0.9)),
        (ADAM, lambda parameters: torch.optim.Adam(parameters, lr=0.02)),
        (imported("torch.optim:RMSprop"), lambda parameters: torch.optim.RMSprop(parameters, lr=0.02)),
        (
            imported("torch.optim:AdamW", weight_decay=0.1, amsgrad=True),
            lambda parameters: torch.optim.AdamW(parameters, lr=0.02, weight_decay=0.1, amsgrad=True),
        ),
    ],
)
def test_class_and_hyperparameters_are_torchs_with_its_defaults(settings, reference):
    model = model_of()
    built, expected = build_optimizer(settings, model), reference(model.parameters())
    assert type(built) is type(expected)
    implementation = {"fused", "foreach"}  # how, not what
    assert {k: v for k, v in built.defaults.items() if k not in implementation} == {
        k: v for k, v in expected.defaults.items() if k not in implementation
    }


def test_an_optimizer_of_ones_own_file_is_found(tmp_path, monkeypatch):
    (tmp_path / "sign_descent.py").write_text(
        "import torch\n"
        "class SignDescent(torch.optim.Optimizer):\n"
        "    def __init__(self, parameters, lr, scale):\n"
        "        super().__init__(parameters, {'lr': lr, 'scale': scale})\n"
        "    @torch.no_grad()\n"
        "    def step(self):\n"
        "        for group in self.param_groups:\n"
        "            for p in group['params']:\n"
        "                p -= group['lr'] * group['scale'] * p.grad.sign()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    settings = imported("sign_descent:SignDescent", scale=10)
    (moved,) = trajectory(settings, np.array([[[3.0, -0.1]]]), np.zeros((1, 2)))
    np.testing.assert_allclose(moved, [[-0.2, 0.2]], rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (imported("no_such_module:Lion"), "No module named 'no_such_module'"),
        (imported("no_such.package:Lion"), "No module named 'no_such'"),
        (imported("torch.optim:Lyon"), "has no attribute 'Lyon'"),
        (imported("torch.optim:RMSprop", momntum=0.9), "unexpected keyword argument 'momntum'"),
        (imported("torch.optim:RMSprop", alpha=-1.0), "Invalid alpha value"),
        (imported("torch.nn:Linear"), "unexpected keyword argument 'lr'"),
    ],
)
def test_a_bad_target_is_told_with_what_it_must_be(settings, words):
    with pytest.raises(UserError) as error:
        build_optimizer(settings, model_of())
    assert str(error.value).startswith(f"optimizer target {settings.target!r}: ")
    assert words in str(error.value)
    assert "must be module:Class of a torch optimizer" in str(error.value)


# --- formulas -------------------------------------------------------------------------------------------------------


def test_sgd_steps_by_the_learning_rate_times_the_gradient(numbers):
    gradients, weight = numbers
    for gradient, actual in zip(gradients, trajectory(SGD, gradients, weight), strict=True):
        weight = weight - 0.02 * gradient
        np.testing.assert_allclose(actual, weight, atol=1e-6)


def test_momentum_sgd_steps_by_the_decayed_sum_of_gradients(numbers):
    gradients, weight = numbers
    velocity = 0
    for gradient, actual in zip(gradients, trajectory(MSGD, gradients, weight), strict=True):
        velocity = 0.9 * velocity + gradient
        weight = weight - 0.02 * velocity
        np.testing.assert_allclose(actual, weight, atol=1e-6)


def test_adam_steps_by_the_bias_corrected_moments(numbers):
    gradients, weight = numbers
    first, second = 0, 0
    for t, (gradient, actual) in enumerate(zip(gradients, trajectory(ADAM, gradients, weight), strict=True), start=1):
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        weight = weight - 0.02 * (first / (1 - 0.9**t)) / (np.sqrt(second / (1 - 0.999**t)) + 1e-8)
        np.testing.assert_allclose(actual, weight, atol=1e-6)
