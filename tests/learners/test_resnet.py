"""The slim ResNet-18: its size, its equality with torchvision's ResNet, its initial weights, the norm folded in evaluation."""

import re

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional

from stability_gap.errors import UserError
from stability_gap.learners.gain import GainModulation
from stability_gap.learners.linear import Linear
from stability_gap.learners.resnet import NormedConv, SlimResNet18

CIFAR, MINI_IMAGENET = (3, 32, 32), (3, 84, 84)


def resnet(seed: int = 0, shape: tuple[int, int, int] = CIFAR, filters: int = 4, classes: int = 10) -> SlimResNet18:
    return SlimResNet18(shape, filters, classes, torch.Generator().manual_seed(seed))


def images(count: int = 4, shape: tuple[int, int, int] = CIFAR, seed: int = 1) -> torch.Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- size -----------------------------------------------------------------------------------------------------------


def parameters_by_formula(channels: int, filters: int, features: int, classes: int) -> int:
    """Layer by layer: k·k·inputs·outputs of a convolution, scale and offset of its norm, features·classes of the head."""

    def normed_conv(inputs: int, outputs: int, kernel: int) -> int:
        return kernel * kernel * inputs * outputs + 2 * outputs

    total = normed_conv(channels, filters, 3)
    inputs = filters
    for stage in range(4):
        width = filters * 2**stage
        total += normed_conv(inputs, width, 3) + normed_conv(width, width, 3)  # first block
        if inputs != width:
            total += normed_conv(inputs, width, 1)  # its shortcut
        total += 2 * normed_conv(width, width, 3)  # second block
        inputs = width
    return total + features * classes


@pytest.mark.parametrize(
    ("shape", "filters", "features", "classes"),
    [
        (CIFAR, 20, 160, 10),
        (CIFAR, 20, 160, 100),
        (MINI_IMAGENET, 20, 640, 50),
        ((1, 28, 28), 20, 160, 10),
        ((3, 25, 25), 4, 32, 4),
        ((3, 64, 40), 4, 64, 4),
    ],
)
def test_the_number_of_parameters_follows_from_the_layers(shape, filters, features, classes):
    model = resnet(shape=shape, filters=filters, classes=classes)
    assert model.output.weight.shape == (classes, features)
    counted = sum(parameter.numel() for parameter in model.parameters())
    assert counted == parameters_by_formula(shape[0], filters, features, classes)
    assert model(torch.zeros(2, *shape)).shape == (2, classes)


def test_the_published_model_has_the_documented_number_of_parameters():
    assert parameters_by_formula(3, 20, 160, 10) == 1_094_740


def test_norms_have_the_only_offsets():
    names = {name for name, _ in resnet().named_parameters() if name.endswith("bias")}
    assert len(names) == 20
    assert all(".norm." in name for name in names)


@pytest.mark.parametrize("shape", [(3, 24, 32), (3, 32, 24), (1, 8, 8)])
def test_too_small_images_are_refused_with_their_size_and_the_least(shape):
    with pytest.raises(UserError, match=rf"images of {shape[1]}×{shape[2]} pixels.*at least 25×25 pixels, or an mlp"):
        resnet(shape=shape)


def test_layers_name_every_weight_layer_once_in_order():
    model = resnet()
    layers = model.layers
    expected = [module for module in model.modules() if isinstance(module, nn.Conv2d | Linear)]
    assert [id(layer) for layer in layers.values()] == [id(layer) for layer in expected]
    blocks = [(stage, block) for stage in range(1, 5) for block in (1, 2)]
    names = {f"stage{stage}_block{block}_{conv}" for stage, block in blocks for conv in ("conv1", "conv2")}
    assert set(layers) == {"stem", "output"} | names | {f"stage{stage}_block1_shortcut" for stage in (2, 3, 4)}
    assert len(layers) == 21
    assert layers["stage3_block2_conv1"] is model.stages[2][1].conv1.conv
    assert layers["stage2_block1_shortcut"] is model.stages[1][0].shortcut.conv
    assert model.head == {"output": model.output}


# --- torchvision ----------------------------------------------------------------------------------------------------


def torchvisions(filters: int, features: int, classes: int) -> nn.Module:
    """torchvision's ResNet-18 with other widths, a 3×3 stem of stride 1, no first pooling, and a head without bias."""
    from torchvision.models.resnet import BasicBlock, ResNet  # takes seconds

    class Narrow(ResNet):
        def _make_layer(self, block, planes, *arguments, **options):
            if planes == 64:
                self.inplanes = filters
            return super()._make_layer(block, planes // 64 * filters, *arguments, **options)

    model = Narrow(BasicBlock, [2, 2, 2, 2])
    model.conv1, model.bn1, model.maxpool = nn.Conv2d(3, filters, 3, 1, 1, bias=False), nn.BatchNorm2d(filters), nn.Identity()
    if features != 8 * filters:
        model.avgpool = nn.AvgPool2d(4)
    model.fc = nn.Linear(features, classes, bias=False)
    return model.double()


THEIR_NAMES = [  # pattern in our name, in theirs
    (r"^stem\.conv", "conv1"),
    (r"^stem\.norm", "bn1"),
    (r"^stages\.0", "layer1"),
    (r"^stages\.1", "layer2"),
    (r"^stages\.2", "layer3"),
    (r"^stages\.3", "layer4"),
    (r"\.conv(\d)\.conv", r".conv\1"),
    (r"\.conv(\d)\.norm", r".bn\1"),
    (r"\.shortcut\.conv", ".downsample.0"),
    (r"\.shortcut\.norm", ".downsample.1"),
    (r"^output", "fc"),
]


def their_name(name: str) -> str:
    for pattern, replacement in THEIR_NAMES:
        name = re.sub(pattern, replacement, name)
    return name


@pytest.mark.parametrize(("shape", "features"), [(CIFAR, 32), (MINI_IMAGENET, 128)])
def test_it_equals_torchvisions_resnet_with_the_same_weights(shape, features):
    ours, theirs = resnet(shape=shape).double(), torchvisions(4, features, 10)
    theirs.load_state_dict({their_name(name): value for name, value in ours.state_dict().items()})  # strict: all, and no other
    labels = torch.arange(4)
    for seed, training in enumerate([True, True, True, False]):
        batch = images(shape=shape, seed=seed)
        logits, expected = ours.train(training)(batch), theirs.train(training)(batch)
        torch.testing.assert_close(logits, expected, rtol=1e-10, atol=1e-12)
        for model, output in ((ours, logits), (theirs, expected)):
            model.zero_grad()
            functional.cross_entropy(output, labels).backward()
        gradients = {name: parameter.grad for name, parameter in theirs.named_parameters()}
        for name, parameter in ours.named_parameters():
            assert parameter.grad.abs().max() > 0, name
            torch.testing.assert_close(parameter.grad, gradients[their_name(name)], rtol=1e-9, atol=1e-11, msg=name)
        with torch.no_grad():
            for model in (ours, theirs):
                for parameter in model.parameters():
                    parameter -= 0.01 * parameter.grad
    for name, value in ours.state_dict().items():
        torch.testing.assert_close(value, theirs.state_dict()[their_name(name)], rtol=1e-9, atol=1e-11, msg=name)
    assert ours.state_dict()["stem.norm.num_batches_tracked"] == 3  # evaluation counted for nothing


def test_in_float32_it_equals_torchvisions_resnet_up_to_rounding():
    ours, theirs = resnet(filters=20), torchvisions(20, 160, 10).float()
    theirs.load_state_dict({their_name(name): value for name, value in ours.state_dict().items()})
    for seed, training in enumerate([True, True, False]):
        batch = images(seed=seed).float()
        torch.testing.assert_close(ours.train(training)(batch), theirs.train(training)(batch), rtol=1e-4, atol=1e-5)


# --- initial weights ------------------------------------------------------------------------------------------------


def test_the_head_starts_with_the_published_spread_and_convolutions_as_torch_starts_them():
    model = resnet(filters=20, classes=100)
    weight = model.output.weight
    assert weight.std().item() == pytest.approx(0.05, rel=0.03)
    assert abs(weight.mean().item()) < 4 * 0.05 / weight.numel() ** 0.5
    for name, layer in model.layers.items():
        if isinstance(layer, nn.Conv2d):
            bound = (layer.in_channels * layer.kernel_size[0] ** 2) ** -0.5  # He uniform, a = √5
            assert layer.weight.abs().max().item() <= bound, name
            spread = layer.weight.std().item()
            assert spread == pytest.approx(bound / 3**0.5, rel=4 / layer.weight.numel() ** 0.5), name


def test_initial_weights_depend_on_the_generator_only():
    torch.manual_seed(1)
    first = resnet(seed=0)
    torch.manual_seed(2)
    second, other = resnet(seed=0), resnet(seed=1)
    assert all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())
    assert not any(torch.equal(layer.weight, other.layers[name].weight) for name, layer in first.layers.items())


# --- the folded norm ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gain", [None, 2.5])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (1, 2)])
def test_in_evaluation_the_folded_norm_equals_norm_after_convolution(kernel, stride, gain):
    torch.manual_seed(0)
    layer = NormedConv(3, 5, kernel, stride).double()
    nn.init.normal_(layer.norm.weight)
    nn.init.normal_(layer.norm.bias)
    if gain is not None:
        GainModulation([layer.conv], eta=0.4).gains[0].fill_(gain)
    for seed in range(3):
        layer(2 + 3 * images(seed=seed, shape=(3, 9, 8)))
    layer.eval()
    assert (layer.norm.running_mean != 0).all()
    results = []
    for function in (layer, lambda x: layer.norm(layer.conv(x))):
        x = images(shape=(3, 9, 8), seed=5).requires_grad_()
        output = function(x)
        layer.zero_grad()
        output.square().sum().backward()
        results.append([output, x.grad, *(parameter.grad for parameter in layer.parameters())])
    assert len(results[0]) == 5
    for folded, plain in zip(*results, strict=True):
        torch.testing.assert_close(folded, plain, rtol=1e-10, atol=1e-10)


def test_in_training_the_norm_uses_the_batch_and_moves_its_statistics():
    torch.manual_seed(0)
    layer = NormedConv(3, 5, 3, 1).double()
    x = images(shape=(3, 9, 8))
    convolved = layer.conv(x)
    mean, var = convolved.mean((0, 2, 3)), convolved.var((0, 2, 3), correction=0)
    expected = (convolved - mean[:, None, None]) / torch.sqrt(var[:, None, None] + 1e-5)
    torch.testing.assert_close(layer(x), expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(layer.norm.running_mean, 0.1 * mean)
    torch.testing.assert_close(layer.norm.running_var, 0.9 + 0.1 * convolved.var((0, 2, 3)))


@pytest.mark.parametrize(("device", "expected"), [("cpu", torch.bfloat16), ("cuda", torch.float32)])
def test_on_a_gpu_the_norm_takes_rounded_maps_in_the_precision_of_its_statistics(device, expected):
    """As in `precision: bf16`. In a block of seeds CUDA's kernels take nothing else, on a CPU rounded maps are faster."""
    seen: list[torch.dtype] = []
    with FakeTensorMode(), torch.device(device):
        layer = NormedConv(3, 4, 3, 1)
        layer.conv = nn.Conv2d(3, 4, 3, padding=1, bias=False, dtype=torch.bfloat16)
        layer.norm.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0].dtype))
        layer(torch.zeros(2, 3, 8, 8, dtype=torch.bfloat16))
    assert seen == [expected]
