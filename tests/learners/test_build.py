"""From settings to model, gain and optimizer; the optimizers against their formulas."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

from stability_gap.errors import UserError
from stability_gap.learners.build import (
    attach_gain,
    build_model,
    build_optimizer,
    followed_weights,
    gain_layers,
    step_of,
)
from stability_gap.learners.gain import is_gain_modulated, raw_weight
from stability_gap.learners.mlp import MLP
from stability_gap.learners.resnet import SlimResNet18
from stability_gap.learners.settings import (
    AdamSettings,
    GainSettings,
    ImportedSettings,
    MLPSettings,
    SGDSettings,
    SlimResNet18Settings,
)

SGD = SGDSettings(method="sgd", learning_rate=0.02)
MSGD = SGDSettings(method="sgd", learning_rate=0.02, momentum=0.9)
ADAM = AdamSettings(method="adam", learning_rate=0.02)


def imported(target: str, **options: float | int | bool) -> ImportedSettings:
    return ImportedSettings(method="import", learning_rate=0.02, target=target, options=options)


def model_of(image_shape: tuple[int, ...] = (8, 8)) -> MLP:
    return build_model(MLPSettings(kind="mlp", hidden=6), image_shape, 10, torch.Generator().manual_seed(0))


def cnn_of(image_shape: tuple[int, ...] = (28, 28, 3)) -> SlimResNet18:
    settings = SlimResNet18Settings(kind="slim_resnet18", filters=2)
    return build_model(settings, image_shape, 10, torch.Generator().manual_seed(0))


def optimizer_of(settings, model: nn.Module) -> torch.optim.Optimizer:
    followed = [] if isinstance(model, nn.Linear) else followed_weights(model, settings.gain)
    return build_optimizer(
        settings, dict(model.named_parameters()), followed, torch.full((3, 2), settings.learning_rate, dtype=torch.float64)
    )


def trajectory(settings, gradients: np.ndarray, start: np.ndarray) -> list[np.ndarray]:
    """The weights after each step of the built optimizer under the given gradients."""
    layer = nn.Linear(start.shape[1], start.shape[0], bias=False)
    layer.weight.data = torch.tensor(start, dtype=torch.float32)
    optimizer = optimizer_of(settings, layer)
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
    (group,) = optimizer_of(SGD, model).param_groups
    raw = [layer.parametrizations.weight.original for layer in model.layers.values()]
    assert len(group["params"]) == 3
    assert all(trained is weight for trained, weight in zip(group["params"], raw, strict=True))


@pytest.mark.parametrize(
    ("shape", "channels", "features"), [((28, 28), 1, 16), ((32, 32, 3), 3, 16), ((32, 64, 3), 3, 32), ((84, 84, 3), 3, 64)]
)
def test_the_cnn_has_one_channel_per_colour_and_takes_height_and_width_apart(shape, channels, features):
    model = cnn_of(shape)
    assert model.stem.conv.weight.shape == (2, channels, 3, 3)
    assert model.output.weight.shape == (10, features)
    assert model(torch.zeros(2, channels, *shape[:2])).shape == (2, 10)


def test_images_too_small_for_the_cnn_are_refused():
    with pytest.raises(UserError, match="images of 8×8 pixels"):
        cnn_of((8, 8))


@pytest.mark.parametrize(
    ("make", "layers", "everywhere"),
    [
        (model_of, None, True),
        (model_of, "all", True),
        (model_of, "output", False),
        (cnn_of, None, False),
        (cnn_of, "output", False),
        (cnn_of, "all", True),
    ],
)
def test_gain_goes_to_the_layers_that_are_chosen_or_to_the_papers(make, layers, everywhere):
    model = make()
    settings = GainSettings(eta=0.3, layers=layers)
    expected = list(model.layers) if everywhere else ["output"]
    assert list(gain_layers(model, settings)) == expected
    modulation = attach_gain(model, settings)
    assert modulation.layers == [model.layers[name] for name in expected]
    assert [name for name, layer in model.layers.items() if is_gain_modulated(layer)] == expected


@pytest.mark.parametrize(("make", "count"), [(model_of, 3), (cnn_of, 1)])
def test_without_gain_the_papers_layers_are_followed(make, count):
    assert len(gain_layers(make(), None)) == count


def test_the_raw_weight_is_what_is_trained_with_and_without_gain():
    model = model_of()
    plain = {name: layer.weight for name, layer in model.layers.items()}
    assert all(raw_weight(layer) is plain[name] for name, layer in model.layers.items())
    attach_gain(model, GainSettings(g0=2.0, eta=0.3))
    assert all(raw_weight(layer) is plain[name] for name, layer in model.layers.items())
    torch.testing.assert_close(model.output.weight, 2 * plain["output"])


# --- momentum of what the gain leaves alone -------------------------------------------------------------------------


def momenta(model: nn.Module, settings: SGDSettings) -> dict[str, float]:
    """The momentum that each parameter is trained with; every parameter stands in one group."""
    attach_gain(model, settings.gain)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    pairs = [
        (names[id(each)], group["momentum"]) for group in optimizer_of(settings, model).param_groups for each in group["params"]
    ]
    assert sorted(name for name, _ in pairs) == sorted(names.values())
    return dict(pairs)


def ngm(backbone_momentum: float | None, layers: str | None = None, momentum: float = 0.0) -> SGDSettings:
    gain = GainSettings(eta=0.3, layers=layers)
    return SGDSettings(method="sgd", learning_rate=0.02, momentum=momentum, gain=gain, backbone_momentum=backbone_momentum)


HEAD = "output.parametrizations.weight.original"


def test_a_cnns_head_is_trained_without_momentum_and_its_backbone_with_it():
    found = momenta(cnn_of(), ngm(0.9))
    assert found.pop(HEAD) == 0.0
    assert len(found) == 60  # 20 convolutions, each with scale and offset of its norm
    assert set(found.values()) == {0.9}


@pytest.mark.parametrize("backbone_momentum", [0.0, 0.9])
def test_with_gain_everywhere_only_norms_have_the_momentum_of_the_backbone(backbone_momentum):
    found = momenta(cnn_of(), ngm(backbone_momentum, layers="all"))
    gained = {name for name in found if name.endswith(".parametrizations.weight.original")}
    assert len(gained) == 21
    assert {found[name] for name in gained} == {0.0}
    assert all(".norm." in name for name in set(found) - gained)
    assert {found[name] for name in set(found) - gained} == {backbone_momentum}


@pytest.mark.parametrize(
    ("make", "settings", "momentum"),
    [
        (model_of, ngm(0.9), 0.0),  # an MLP has no backbone
        (cnn_of, ngm(None), 0.0),
        (cnn_of, ngm(None, momentum=0.5), 0.5),
        (model_of, MSGD, 0.9),
        (cnn_of, MSGD, 0.9),
    ],
)
def test_otherwise_all_parameters_have_the_same_momentum(make, settings, momentum):
    model = make()
    assert set(momenta(model, settings).values()) == {momentum}
    assert len(optimizer_of(settings, model).param_groups) == 1


def test_without_a_gain_the_backbone_of_a_cnn_can_have_a_momentum_of_its_own():
    """The control that differs from ngm_sgd in the gain alone."""
    found = momenta(cnn_of(), SGDSettings(method="sgd", learning_rate=0.02, backbone_momentum=0.9))
    assert {name for name, momentum in found.items() if momentum == 0} == {"output.weight"}
    assert set(found.values()) == {0.0, 0.9}


def test_rates_that_vary_start_with_those_of_the_first_update_head_and_backbone_apart():
    model, settings = cnn_of(), SGDSettings(method="sgd", learning_rate=0.02, backbone_momentum=0.9)
    rates = torch.tensor([[0.3, 0.2], [0.1, 0.2]], dtype=torch.float64)
    optimizer = build_optimizer(settings, dict(model.named_parameters()), followed_weights(model, None), rates)
    assert [group["lr"] for group in optimizer.param_groups] == [0.3, 0.2]


@pytest.mark.parametrize("gain", [True, False])
def test_head_and_backbone_move_as_under_two_optimizers(gain):
    """100 updates against torch's SGD without momentum for the head and with it for the rest; with and without a gain."""
    settings = ngm(0.9) if gain else SGDSettings(method="sgd", learning_rate=0.02, backbone_momentum=0.9)
    random = torch.Generator().manual_seed(3)
    images = torch.randn(8, 3, 28, 28, generator=random, dtype=torch.float64)
    models = [cnn_of().double(), cnn_of().double()]
    for model in models:
        if gain:
            attach_gain(model, settings.gain)
    parameters = dict(models[1].named_parameters())
    head = parameters.pop(HEAD if gain else "output.weight")
    pair = [torch.optim.SGD([head], lr=0.02), torch.optim.SGD(parameters.values(), lr=0.02, momentum=0.9)]
    for model, optimizers in zip(models, ([optimizer_of(settings, models[0])], pair), strict=True):
        for update in range(100):
            model.zero_grad()
            nn.functional.cross_entropy(model(images[update % 2 :: 2]), torch.arange(4)).backward()
            for optimizer in optimizers:
                optimizer.step()
    start = dict(cnn_of().double().named_parameters())
    for name, parameter in models[0].named_parameters():
        torch.testing.assert_close(parameter, models[1].get_parameter(name), rtol=1e-7, atol=1e-10, msg=name)
        assert not torch.equal(parameter, start[name.replace(HEAD, "output.weight")]), name


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
    built, expected = optimizer_of(settings, model), reference(model.parameters())
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
        optimizer_of(settings, model_of())
    assert str(error.value).startswith(f"optimizer target {settings.target!r}: ")
    assert words in str(error.value)
    assert "must be module:Class of a torch optimizer" in str(error.value)


OWN_FILE = """
import torch

class NoOptimizer:
    def __init__(self, parameters, lr):
        pass

class NeedsClosure(torch.optim.Optimizer):
    def __init__(self, parameters, lr):
        super().__init__(parameters, {'lr': lr})
    def step(self, closure):
        return closure()
"""


@pytest.fixture
def own_file(tmp_path, monkeypatch):
    """A module `own_target` of no use as a target."""
    (tmp_path / "own_target.py").write_text(OWN_FILE)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("own_target", None)


@pytest.mark.parametrize(
    "target", ["torch.nn:Linear", "torch.optim:Optimizer", "torch:optim", "builtins:list", "own_target:NoOptimizer"]
)
def test_a_target_that_is_no_optimizer_is_refused(own_file, target):
    with pytest.raises(UserError, match="must be module:Class of a torch optimizer") as error:
        optimizer_of(imported(target), model_of())
    assert str(error.value).startswith(f"optimizer target {target!r}")


@pytest.mark.parametrize("target", ["torch.optim:LBFGS", "own_target:NeedsClosure"])
def test_an_optimizer_that_needs_a_closure_is_refused(own_file, target):
    with pytest.raises(UserError, match=r"closure.* cannot be used") as error:
        optimizer_of(imported(target), model_of())
    assert str(error.value).startswith(f"optimizer target {target!r}")


BROKEN_FILES = {
    "a syntax error": "def step(:",
    "an exception": "raise KeyError('lr')",
    "an exit": "import sys; sys.exit('enough')",
}


@pytest.mark.parametrize("what", BROKEN_FILES)
def test_a_file_that_does_not_import_is_told_of(tmp_path, monkeypatch, what):
    (tmp_path / "broken_target.py").write_text(BROKEN_FILES[what])
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"^optimizer target 'broken_target:Step': .*must be module:Class"):
        optimizer_of(imported("broken_target:Step"), model_of())


def test_a_step_that_raises_is_told_of():
    """SparseAdam takes no dense gradients."""
    settings, model = imported("torch.optim:SparseAdam"), model_of()
    step = step_of(settings, optimizer_of(settings, model))
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    with pytest.raises(UserError, match=r"^optimizer target 'torch\.optim:SparseAdam' raised in its step: .*dense gradients"):
        step()


def test_lack_of_memory_in_a_step_is_no_fault_of_the_optimizer(monkeypatch):
    settings = imported("torch.optim:RMSprop")
    optimizer = optimizer_of(settings, model_of())

    def greedy():
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(optimizer, "step", greedy)
    with pytest.raises(torch.OutOfMemoryError):
        step_of(settings, optimizer)()


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
