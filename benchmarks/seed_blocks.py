"""A block of seeds on a GPU: is it the same as seed by seed, and how much faster than the straightforward loop?

python benchmarks/seed_blocks.py results/streams/split_cifar10 [--optimizer ngm_sgd] [--seeds 5] [--updates 100] [--device cuda]

1. Equality: trains every seed alone and all together, prints the largest difference of losses and accuracies.
2. Speed: seconds per update with its evaluation, together (captured), one by one, and by the loop that people write: a DataLoader
   with PIL transforms, one run, and another DataLoader over the seen test sets after every update.

Needs a stream (snakemake results/streams/BENCHMARK/stream.npz). Runs on a CPU too, with --device cpu and few updates.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from stability_gap import config
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.learner import learner_of_seed
from stability_gap.experiment.machine import make_deterministic
from stability_gap.experiment.minibatches import union
from stability_gap.experiment.seed_trainer import SeedTrainer
from stability_gap.tasks.stream_file import read


class Pictures(Dataset):
    """Images one by one through PIL, as torchvision's data sets give them."""

    def __init__(self, images, labels, transform):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def straightforward(cell, stream, on_device, updates):
    """Seconds per update of the plain loop in the first context, evaluation of its test set included."""
    flat = [transforms.Lambda(torch.flatten)] if cell.model.kind == "mlp" else []
    normal = [transforms.ToTensor(), transforms.Normalize(stream.mean / 255, stream.std / 255), *flat]
    size = stream.train_images.shape[1]
    moved = (
        [transforms.RandomCrop(size, cell.augmentation.padding), transforms.RandomHorizontalFlip()] if cell.augmentation else []
    )
    tests = DataLoader(
        Pictures(stream.test_images[: stream.test_sizes[0]], stream.test_labels, transforms.Compose(normal)), batch_size=256
    )
    batches = union(42, stream.train_sizes.tolist(), cell.iterations, cell.batch_size)[:updates]
    pictures = Pictures(stream.train_images, stream.train_labels, transforms.Compose([*moved, *normal]))
    learner = learner_of_seed(cell, on_device, 42, SeedTrainer(cell, on_device).rates(42))
    model, gain, optimizer = learner.model, learner.modulation, learner.optimizer
    logits = None
    started = time.perf_counter()
    for images, labels in DataLoader(pictures, batch_sampler=batches.tolist()):
        if gain is not None:
            gain.step(logits)
        logits = model(images.to(on_device.device))
        functional.cross_entropy(logits, labels.to(on_device.device)).backward()
        optimizer.step()
        optimizer.zero_grad()
        with torch.no_grad():
            model.eval()
            right = sum((model(x.to(on_device.device)).argmax(1).cpu() == y).sum().item() for x, y in tests)
            model.train()
    assert right <= stream.test_sizes[0]
    return (time.perf_counter() - started) / len(batches)


def seconds_of(work):
    """Result and wall time, with the GPU's queue empty before and after."""
    torch.cuda.synchronize() if torch.cuda.is_available() else None
    started = time.perf_counter()
    result = work()
    torch.cuda.synchronize() if torch.cuda.is_available() else None
    return result, time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stream", type=Path)
    parser.add_argument("--config", type=Path, default=Path("config.yaml"))
    parser.add_argument("--optimizer", default="ngm_sgd")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--updates", type=int, default=100, help="per context")
    parser.add_argument("--plain-updates", type=int, default=3, help="of the straightforward loop")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    options = parser.parse_args()
    stream = read(options.stream)
    cell = (
        config.load(options.config)
        .cell(options.stream.name, options.optimizer)
        .model_copy(update={"iterations": options.updates})
    )
    make_deterministic(1, cell.precision)
    on_device = DeviceStream(stream, cell, torch.device(options.device))
    seeds = list(range(42, 42 + options.seeds))
    name = torch.cuda.get_device_name() if options.device == "cuda" else "CPU, 1 thread"
    print(f"{cell.benchmark} {cell.optimizer}, {len(seeds)} seeds, {options.updates} updates per context, {name}")
    capture = options.device == "cuda"
    together, seconds_together = seconds_of(lambda: SeedTrainer(cell, on_device).block(seeds, capture))
    alone, seconds_alone = seconds_of(lambda: {seed: SeedTrainer(cell, on_device).one(seed) for seed in seeds})
    for quantity in ("loss", "accuracy"):
        gaps = [np.nanmax(np.abs(getattr(together[s], quantity) - getattr(alone[s], quantity))) for s in seeds]
        first = [np.nanmax(np.abs(getattr(together[s], quantity) - getattr(alone[s], quantity))[:100]) for s in seeds]
        print(f"largest difference of a test {quantity}: {max(first):.1e} in the first 100 evaluations, {max(gaps):.1e} in all")
    updates = len(seeds) * len(stream.train_sizes) * options.updates
    print(f"per update and seed, all seen tasks evaluated: together {seconds_together / updates * 1e3:.2f} ms, ", end="")
    print(f"one by one {seconds_alone / updates * 1e3:.2f} ms")
    one_context = cell.model_copy(
        update={"iterations": options.updates, "evaluation": cell.evaluation.model_copy(update={"tasks": "first"})}
    )
    first_task = DeviceStream(stream, one_context, torch.device(options.device))
    _, seconds_first = seconds_of(lambda: SeedTrainer(one_context, first_task).block(seeds, capture))
    plain = straightforward(one_context, stream, first_task, options.plain_updates)
    print(f"per update and seed, task 1 evaluated: together {seconds_first / updates * 1e3:.2f} ms, ", end="")
    print(f"the straightforward loop {plain * 1e3:.0f} ms = {plain / (seconds_first / updates):.0f} ×")


if __name__ == "__main__":
    main()
