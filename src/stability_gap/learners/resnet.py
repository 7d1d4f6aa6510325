"""The slim ResNet-18 of the paper's CIFAR and mini-ImageNet experiments (PROTOCOL §4)."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from stability_gap.errors import UserError
from stability_gap.learners.linear import Linear
from stability_gap.learners.mlp import OUTPUT_STD

STRIDES = (1, 2, 2, 2)  # of the four stages; stage s has filters · 2^s channels and two blocks
POOLED = 4  # pixels of the last map that one feature averages: 160 features of 32×32 images, 640 of 84×84


class Conv2d(nn.Conv2d):
    """torch's convolution, kept from a fault of oneDNN.

    On CPUs without AVX-512 the backward pass of a strided 1×1 convolution of channels-last images writes out of bounds where it
    has fewer than 8 input channels (torch 2.15). The same convolution without stride, of every other pixel, does not.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) -> (n, channels, ⌈h/stride⌉, ⌈w/stride⌉)."""
        if self.kernel_size == (1, 1) and self.in_channels < 8:
            return functional.conv2d(x[:, :, :: self.stride[0], :: self.stride[1]], self.weight, self.bias)
        return super().forward(x)


class NormedConv(nn.Module):
    """A convolution without bias, then batch norm; in evaluation one convolution, the norm folded into its weights."""

    def __init__(self, inputs: int, channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv = Conv2d(inputs, channels, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) -> (n, channels, ⌈h/stride⌉, ⌈w/stride⌉)."""
        if self.training:
            maps = self.conv(x)
            # By torch's sources CUDA's batch norm of a block takes no bfloat16 beside float32 statistics; a CPU's does, faster.
            return self.norm(maps.to(self.norm.weight.dtype) if maps.is_cuda else maps)  # type: ignore[no-any-return]
        # As torch.nn.utils.fusion does it: a norm with fixed statistics is a factor and an offset per channel.
        mean, variance = cast(Tensor, self.norm.running_mean), cast(Tensor, self.norm.running_var)
        factor = self.norm.weight * torch.rsqrt(variance + self.norm.eps)
        offset = self.norm.bias - mean * factor
        return functional.conv2d(x, self.conv.weight * factor[:, None, None, None], offset, self.conv.stride, self.conv.padding)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions with batch norm around a shortcut (He et al. 2016, the basic block)."""

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = NormedConv(inputs, channels, 3, stride)
        self.conv2 = NormedConv(channels, channels, 3, 1)
        self.shortcut = NormedConv(inputs, channels, 1, stride) if stride != 1 or inputs != channels else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) -> (n, channels, ⌈h/stride⌉, ⌈w/stride⌉)."""
        inner = self.conv2(functional.relu(self.conv1(x), inplace=True))
        return functional.relu(inner + self.shortcut(x), inplace=True)


class SlimResNet18(nn.Module):
    """ResNet-18 for small images: a 3×3 stem without pooling, four stages of two blocks, average pooling, a bias-free head.

    With 20 filters, 3 channels and 10 classes it has 1,094,740 parameters (docs/protocol.md derives the number). Convolutions
    start as torch starts them (He uniform, a = √5), the head from N(0, 0.05²).

    Args:
        image_shape: (channels, height, width). filters: channels of the stem and the first stage. classes: output units.
        generator: the init stream of the seed.

    Errors: UserError where the images are too small for the head to see one feature.
    """

    def __init__(self, image_shape: tuple[int, int, int], filters: int, classes: int, generator: torch.Generator) -> None:
        super().__init__()
        channels, height, width = image_shape
        self.stem = NormedConv(channels, filters, 3, 1)
        stages, inputs = [], filters
        for stage, stride in enumerate(STRIDES):
            width_of_stage = filters * 2**stage
            stages.append(
                nn.Sequential(BasicBlock(inputs, width_of_stage, stride), BasicBlock(width_of_stage, width_of_stage, 1))
            )
            inputs = width_of_stage
            height, width = -(-height // stride), -(-width // stride)
        self.stages = nn.Sequential(*stages)
        features = inputs * (height // POOLED) * (width // POOLED)
        if not features:
            raise UserError(
                f"slim_resnet18 cannot learn images of {image_shape[1]}×{image_shape[2]} pixels: it halves them three times and "
                f"averages over {POOLED}×{POOLED}. Use images of at least 25×25 pixels, or an mlp."
            )
        self.output = Linear(features, classes, OUTPUT_STD, generator)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, a=5**0.5, generator=generator)

    def forward(self, images: Tensor) -> Tensor:
        """Logits: (n, channels, height, width) -> (n, classes)."""
        maps = self.stages(functional.relu(self.stem(images), inplace=True))
        return self.output(functional.avg_pool2d(maps, POOLED).flatten(1))  # type: ignore[no-any-return]

    @property
    def layers(self) -> dict[str, nn.Module]:
        """The weight layers by name, input side first."""
        named = {name: module for name, module in self.named_modules() if isinstance(module, nn.Conv2d | Linear)}
        return {_column_name(name): module for name, module in named.items()}

    @property
    def head(self) -> dict[str, nn.Module]:
        """The output layer, which the paper gain-modulates."""
        return {"output": self.output}


def _column_name(module_name: str) -> str:
    """'stem.conv' -> 'stem', 'stages.1.0.conv2.conv' -> 'stage2_block1_conv2'."""
    if not module_name.startswith("stages."):
        return module_name.split(".")[0]
    _, stage, block, layer, _ = module_name.split(".")
    return f"stage{int(stage) + 1}_block{int(block) + 1}_{layer}"
