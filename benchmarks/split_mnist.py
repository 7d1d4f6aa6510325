"""How near is a run to the floor? One split_mnist run against the bare matrix products of the same shapes, same process.

python benchmarks/split_mnist.py results/streams/split_mnist [--optimizer ngm_sgd] [--repeats 3]

The floor is every product that training and continual evaluation need, in float32, and nothing else: once through torch.mm
(what torch.nn.Linear uses), once through oneDNN (what this package uses). Each shape is timed alone, median of many, and
multiplied by how often a run needs it. Prints wall seconds of the runs, the floors and the ratios.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch

from stability_gap import config
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.machine import flush_denormals, make_deterministic
from stability_gap.experiment.seed_trainer import SeedTrainer
from stability_gap.tasks.stream_file import read


def seconds(call, budget=0.5):
    """Median time of a call, over at least 5 calls and about `budget` seconds."""
    call()
    times = []
    while len(times) < 5 or (sum(times) < budget and len(times) < 200):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def by_mm(left, right):
    """left @ right.T through torch.mm."""
    return torch.mm(left, right.mT)


def by_onednn(left, right):
    """left @ right.T through oneDNN."""
    return torch.ops.mkldnn._linear_pointwise(left, right, None, "none", [], "")


def floor(product, cell, sizes, inputs, classes, first_only):
    """Seconds of the bare products of a run: (training, evaluation)."""
    hidden, batch = cell.model.hidden, cell.batch_size
    widths = [(inputs, hidden), (hidden, hidden), (hidden, classes)]
    step = 0.0
    for place, (before, after) in enumerate(widths):
        x, weight, gradient = torch.randn(batch, before), torch.randn(after, before), torch.randn(batch, after)
        step += seconds(lambda x=x, weight=weight: product(x, weight))
        step += seconds(lambda x=x, gradient=gradient: product(gradient.mT, x.mT))
        if place:
            step += seconds(lambda weight=weight, gradient=gradient: product(gradient, weight.mT))
    evaluation, images = 0.0, 0
    for size in sizes:
        images = images + size if not first_only or not images else images
        for before, after in widths:
            x, weight = torch.randn(images, before), torch.randn(after, before)
            evaluation += cell.iterations * seconds(lambda x=x, weight=weight: product(x, weight))
    return len(sizes) * cell.iterations * step, evaluation


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stream", type=Path)
    parser.add_argument("--config", type=Path, default=Path("config.yaml"))
    parser.add_argument("--optimizer", default="ngm_sgd")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    make_deterministic(1, "fp32")
    stream = read(options.stream)
    cell = config.load(options.config).cell(options.stream.name, options.optimizer)
    inputs = int(torch.tensor(stream.train_images.shape[1:]).prod())
    iterations = len(stream.train_sizes) * cell.iterations
    print(f"{options.stream.name} {options.optimizer}, {iterations} iterations, 1 thread, torch {torch.__version__}")
    for tasks in ("seen", "first"):
        arguments = (cell, stream.test_sizes.tolist(), inputs, stream.classes, tasks == "first")
        floors = {name: floor(product, *arguments) for name, product in (("torch.mm", by_mm), ("oneDNN", by_onednn))}
        for name, (training, evaluation) in floors.items():
            total = training + evaluation
            print(f"{tasks:5} floor, {name:8}: training {training:.2f} s + evaluation {evaluation:.2f} s = {total:.2f} s")
        for arithmetic in ("fp32", "bf16_screened"):
            changed = cell.evaluation.model_copy(update={"tasks": tasks, "arithmetic": arithmetic})
            settings = cell.model_copy(update={"evaluation": changed})
            walls = []
            for _ in range(options.repeats):
                start = time.perf_counter()
                with flush_denormals():
                    SeedTrainer(settings, DeviceStream(stream, settings, torch.device("cpu"))).one(42)
                walls.append(time.perf_counter() - start)
            wall = statistics.median(walls)
            ratios = ", ".join(f"{wall / sum(each):.2f} × floor by {name}" for name, each in floors.items())
            print(
                f"{tasks:5} run, {arithmetic:13}: {wall:6.2f} s (of {[round(each, 1) for each in walls]}) = {ratios}", flush=True
            )


if __name__ == "__main__":
    main()
