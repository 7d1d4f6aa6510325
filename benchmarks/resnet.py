"""The slim ResNet-18 on one core: FLOPs, ceilings of the machine, bare convolutions, and our update and evaluation beside them.

    python benchmarks/resnet.py [BATCH]

Each in float32 and, where the CPU has it, in bfloat16 (`precision: bf16`).

Everything is measured in this process; medians of several repeats.
"""

import copy
import statistics
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.nn import functional

from stability_gap.experiment.device_stream import CNN_CHUNK
from stability_gap.experiment.learner import Step
from stability_gap.experiment.recording import Recorder
from stability_gap.learners.gain import entropy, raw_weight
from stability_gap.learners.linear import has_bfloat16, linear
from stability_gap.learners.resnet import SlimResNet18

REPEATS = 7


def median_seconds(work: Callable[[], object]) -> float:
    """Median time of one call after a first that is not counted."""
    work()
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def convolutions(model: SlimResNet18, images: Tensor) -> list[tuple[nn.Conv2d, Tensor]]:
    """Every convolution of the model with the very input it gets."""
    found: list[tuple[nn.Conv2d, Tensor]] = []

    def keep(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        assert isinstance(layer, nn.Conv2d)
        found.append((layer, inputs[0].detach().clone(memory_format=torch.preserve_format)))

    hooks = [layer.register_forward_hook(keep) for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    with torch.no_grad():
        model.train()(images)
    for hook in hooks:
        hook.remove()
    return found


def bare(layer: nn.Conv2d, images: Tensor) -> Tensor:
    """The convolution alone."""
    return functional.conv2d(images, layer.weight, None, layer.stride, layer.padding)


def main() -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    batch = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    report(batch, torch.channels_last, torch.float32)
    if has_bfloat16():
        report(batch, torch.channels_last, torch.bfloat16)
    report(batch, torch.contiguous_format, torch.float32)
    a, b, target = torch.randn(2048, 2048), torch.randn(2048, 2048), torch.empty(2**26)
    source = torch.ones_like(target)
    for name, work in (("torch.mm", lambda: a @ b), ("oneDNN", lambda: linear(a, b))):
        print(f"ceiling of {name}, float32: {2 * 2048**3 / median_seconds(work) / 1e9:.0f} GFLOP/s")
    moved = 2 * 4 * len(target) / median_seconds(lambda: target.copy_(source)) / 1e9
    print(f"ceiling of a copy, read and written: {moved:.1f} GB/s")


def report(batch: int, layout: torch.memory_format, dtype: torch.dtype) -> None:
    """Print one line per kind of work in one memory layout and precision."""
    half = dtype == torch.bfloat16
    random = torch.Generator().manual_seed(0)
    model = SlimResNet18((3, 32, 32), 20, 10, random).to(memory_format=layout)
    images = torch.randn(batch, 3, 32, 32, generator=random).contiguous(memory_format=layout)
    labels = torch.randint(10, (batch,), generator=random)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)
    weights = {name: raw_weight(layer) for name, layer in model.layers.items()}
    parts = {"followed": ["output"], "weights": weights, "parameters": dict(model.named_parameters()), "seeds": ()}
    recorder = Recorder(
        SimpleNamespace(**parts, dtype=torch.float32, device="cpu"), updates=1
    )  # all that it looks at in a learner
    inputs = [(copy.deepcopy(layer).to(dtype), x.to(dtype)) for layer, x in convolutions(model, images)]
    outputs = [torch.randn_like(bare(layer, x)) for layer, x in inputs]
    forward = sum(2 * out[0].numel() * layer.weight[0].numel() for (layer, _), out in zip(inputs, outputs, strict=True)) * batch
    moved = dtype.itemsize * sum(
        x.numel() + out.numel() + layer.weight.numel() for (layer, x), out in zip(inputs, outputs, strict=True)
    )
    backward = 2 * forward - 2 * outputs[0].numel() * inputs[0][0].weight[0].numel()  # images need no gradient

    def bare_update() -> None:
        for position, ((layer, x), gradient) in enumerate(zip(inputs, outputs, strict=True)):
            x.requires_grad_(position > 0)
            torch.autograd.grad(bare(layer, x), [layer.weight, x] if position else [layer.weight], gradient)

    @torch.no_grad()
    def bare_evaluation() -> None:
        for layer, x in inputs:
            bare(layer, x)

    def update() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            logits = model(images).float()
        loss = functional.cross_entropy(logits, labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        recorder.row(Step(logits.detach(), labels, loss.detach(), entropy(logits.detach()), 0.01, []))

    @torch.no_grad()
    def evaluation() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            for chunk in images.split(CNN_CHUNK):
                model(chunk).argmax(1)

    print(f"{str(layout).removeprefix('torch.')}, {str(dtype).removeprefix('torch.')}, {batch} images, 1 thread:")
    for name, work, floor, flops, read_or_written in (
        ("update", update, bare_update, forward + backward, 3 * moved),
        ("evaluation", evaluation, bare_evaluation, forward, moved),
    ):
        model.train(name == "update")
        at_least, taken = median_seconds(floor), median_seconds(work)
        print(
            f"  {name}: {flops / 1e9:.1f} GFLOP and {read_or_written / 1e9:.2f} GB of convolutions, "
            f"bare {at_least:.3f} s ({flops / at_least / 1e9:.0f} GFLOP/s), "
            f"whole {taken:.3f} s = {taken / at_least:.2f} ×"
        )


if __name__ == "__main__":
    main()
