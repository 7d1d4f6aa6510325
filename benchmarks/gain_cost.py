"""What a gain costs: time and memory of one update with and without gain modulation. No part of the pipeline.

    python benchmarks/gain_cost.py [BENCHMARK] [--repeats 40] [--updates 25] [--device cpu]

One learner with a gain and one without take turns, `updates` updates each, so that whatever else the machine does hits both;
the median of the times is compared. Memory: of parameters and buffers, and on a GPU the peak within an update.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch

from stability_gap import config
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.learner import Learner, learner_of_seed
from stability_gap.experiment.machine import make_deterministic, resolve_device
from stability_gap.experiment.sampling import draw_run
from stability_gap.experiment.seed_trainer import SeedTrainer
from stability_gap.tasks.datasets import load
from stability_gap.tasks.streams import build

OPTIMIZERS = ("sgd", "ngm_sgd")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("benchmark", nargs="?", default="split_digits")
    options.add_argument("--repeats", type=int, default=40)
    options.add_argument("--updates", type=int, default=25)
    options.add_argument("--device", default="cpu")
    given = options.parse_args()
    settings = config.load(Path("config.yaml"))
    benchmark = settings.benchmarks[given.benchmark]
    data = build(load(settings.datasets[benchmark.dataset], Path(settings.data_root), download=False), benchmark.stream)
    place = resolve_device(given.device)
    make_deterministic(1, "fp32")
    times: dict[str, list[float]] = {name: [] for name in OPTIMIZERS}
    made = {}
    for name in OPTIMIZERS:
        cell = settings.cell(given.benchmark, name)
        stream = DeviceStream(data, cell, place)
        rates = SeedTrainer(cell, stream).rates(42)
        made[name] = learner_of_seed(cell, stream, 42, rates), stream, draw_run(cell, stream, 42), rates
    for repeat in range(given.repeats + 1):
        for name, (learner, stream, draws, rates) in made.items():
            batches = [stream.batch(draws.batches[update]) for update in range(given.updates)]
            wait(place)
            started = time.perf_counter()
            for images, labels in batches:
                learner.update(images, labels, rates[0])
            wait(place)
            if repeat:  # the first warms up
                times[name].append((time.perf_counter() - started) / given.updates)
    plain, gained = (statistics.median(times[name]) for name in OPTIMIZERS)
    print(f"{given.benchmark} on {place}, microseconds per update: {1e6 * plain:.0f} without, {1e6 * gained:.0f} with a gain")
    held = {name: memory(learner) for name, (learner, *_) in made.items()}
    print(f"parameters and buffers: {held['sgd']} bytes without, {held['ngm_sgd']} with a gain: +{held['ngm_sgd'] - held['sgd']}")
    if place.type == "cuda":
        for name, (learner, stream, draws, rates) in made.items():
            torch.cuda.reset_peak_memory_stats()
            learner.update(*stream.batch(draws.batches[0]), rates[0])
            print(f"peak of an update, {name}: {torch.cuda.max_memory_allocated()} bytes")


def wait(place: torch.device) -> None:
    if place.type == "cuda":
        torch.cuda.synchronize()


def memory(learner: Learner) -> int:
    """Bytes of what the model keeps between updates."""
    return sum(tensor.numel() * tensor.element_size() for tensor in learner.model.state_dict().values())


if __name__ == "__main__":
    main()
