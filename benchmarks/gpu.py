"""What does this GPU do with blocks of seeds and CUDA graphs? Equality, fallbacks, speed and memory, in minutes and without data.

python benchmarks/gpu.py [-o gpu.json]   all of it, on a GPU
python benchmarks/gpu.py --device cpu --updates 4 --benchmarks split_mnist   without what needs CUDA, to try this script

Images are noise in the sizes of MNIST and CIFAR-10, so accuracies mean nothing; times, memory and rounding do not depend on what
is seen. Every section goes on where one before it failed, and says how it failed.

1. rehearsal: a block, captured and not, against the plain loop (`seed_blocks.rehearse`), beside the tolerance that a job allows.
2. apart: whether the other seeds of a block have the same bytes beside a seed that diverged.
3. again: the same captured block twice, bit by bit.
4. fallbacks: a capture that must fail, and a capture after it; a block that does not fit into a part of the memory.
5. speed: milliseconds per update of all seeds together, with and without evaluation, and the memory that was reserved.

What was found is written after every row, so that a call that is cut keeps what it has.
"""

import argparse
import json
import time
import traceback
from pathlib import Path

import numpy as np
import torch

from stability_gap import config
from stability_gap.experiment.cuda_graph import CaptureFailed, captured
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.machine import make_deterministic
from stability_gap.experiment.seed_blocks import TOLERANCE, fitting, forget_tensors, rehearse
from stability_gap.experiment.seed_trainer import SeedTrainer
from stability_gap.experiment.settings import EvaluationSettings
from stability_gap.tasks.streams import Stream

CONFIG = config.load(Path(__file__).parents[1] / "config.yaml")
SHAPES = {"split_mnist": (28, 28), "split_cifar10": (32, 32, 3)}
OPTIMIZERS = ("sgd", "msgd", "adam", "ngm_sgd", "msgd_plain_head")
TASKS, TRAIN, TEST = 2, 10_000, 2000  # images per task
SEEDS = [42, 43, 44, 45, 46]


def noise(shape):
    """Two tasks of five classes."""
    random = np.random.default_rng(0)
    return Stream(
        train_images=random.integers(0, 256, (TASKS * TRAIN, *shape), dtype=np.uint8),
        train_labels=np.concatenate([random.integers(5 * task, 5 * task + 5, TRAIN) for task in range(TASKS)]),
        train_sizes=np.full(TASKS, TRAIN),
        test_images=random.integers(0, 256, (TASKS * TEST, *shape), dtype=np.uint8),
        test_labels=np.concatenate([random.integers(5 * task, 5 * task + 5, TEST) for task in range(TASKS)]),
        test_sizes=np.full(TASKS, TEST),
        mean=np.full(shape[2:] or 1, 127.5, np.float32),
        std=np.full(shape[2:] or 1, 60.0, np.float32),
        classes=10,
    )


class Check:
    """Trainers on noise, and a list of what was found."""

    def __init__(self, device, updates, output=None):
        self.device, self.updates, self.output, self.found = torch.device(device), updates, output, []
        self.streams = {name: noise(shape) for name, shape in SHAPES.items()}

    def trainer(self, benchmark, optimizer, precision="fp32", evaluated=True):
        cell = CONFIG.cell(benchmark, optimizer).model_copy(
            update={
                "iterations": self.updates,
                "precision": precision,
                "evaluation": EvaluationSettings(every=1 if evaluated else self.updates),
            }
        )
        make_deterministic(1, precision)
        return SeedTrainer(cell, DeviceStream(self.streams[benchmark], cell, self.device))

    def tell(self, section, what, work):
        """Run `work`, print what it gives or how it fails, and keep it."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        started = time.perf_counter()
        try:
            result = work()
        except Exception as error:
            traceback.print_exc()
            result = f"FAILED: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
        self.found.append(
            {"section": section, "what": what, "result": result, "seconds": round(time.perf_counter() - started, 2)}
        )
        print(f"{section:10} {what:60} {result}", flush=True)
        if self.output is not None:
            self.output.write_text(json.dumps(self.found, indent=2) + "\n", encoding="utf-8")
        forget_tensors()

    def timed(self, benchmark, optimizer, seeds, capture, precision, evaluated):
        """Milliseconds per update of all seeds: of the second half of a run, so that warm-up and capture do not count.

        Up to the update before the last: at the last every run is evaluated.
        """
        trainer, clock = self.trainer(benchmark, optimizer, precision, evaluated), []

        class Clock:
            def __init__(self, *_):
                pass

            def see(self, iteration, step):
                if iteration in (trainer.settings.iterations + 10, TASKS * trainer.settings.iterations - 1):
                    step.loss.cpu()  # waits for the GPU
                    clock.append(time.perf_counter())

        made = SeedTrainer(trainer.settings, trainer.stream, watchers=(Clock,))
        made.block(seeds, capture)
        milliseconds = 1e3 * (clock[1] - clock[0]) / (self.updates - 11)
        memory = torch.cuda.max_memory_reserved() / 2**20 if self.device.type == "cuda" else 0
        return f"{milliseconds:.2f} ms, {memory:.0f} MiB"


def capture_that_fails():
    """Whether a capture that waits for the GPU fails as `CaptureFailed`, and whether the next one works."""
    bad, good = captured(lambda x: x * x.sum().item()), captured(lambda x: 2 * x)
    numbers = torch.ones(3, device="cuda")
    try:
        for _ in range(4):
            bad(numbers)
        outcome = "did not fail"
    except CaptureFailed as error:
        outcome = f"failed as it should ({str(error).partition(chr(10))[0]})"
    forget_tensors()
    doubled = [good(numbers * step).sum().item() for step in range(1, 7)]
    return f"{outcome}; the next one is {'right' if doubled == [6.0 * step for step in range(1, 7)] else 'WRONG'}"


def block_that_does_not_fit(check):
    """Train twenty seeds of a CNN in a part of the memory that holds a few."""
    trainer = check.trainer("split_cifar10", "ngm_sgd", evaluated=False)
    whole = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, 6 * 2**30 / whole))
    try:
        ways = [record.way for record in fitting(trainer, list(range(20))).values()]
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    return (
        f"blocks of {sorted({way.together for way in ways})}, captured {sum(way.captured for way in ways)}, {ways[0].fallbacks}"
    )


def same_twice(trainer, seeds):
    """How many seeds of two captured blocks have the same bytes."""
    one, other = trainer.block(seeds, True), trainer.block(seeds, True)
    equal = sum(one[seed].loss.tobytes() == other[seed].loss.tobytes() for seed in seeds)
    return f"{equal} of {len(seeds)} seeds the same"


def beside_a_diverged_seed(trainer, seeds):
    """How many other seeds of a block have the same bytes whether the first one's weights are numbers or not."""

    class Spoils:
        def __init__(self, learner, *_):
            self.learner = learner

        def see(self, iteration, step):
            if iteration == 1:
                with torch.no_grad():
                    for weight in self.learner.parameters.values():
                        weight[0] = torch.nan

    whole = trainer.block(seeds)
    spoiled = SeedTrainer(trainer.settings, trainer.stream, watchers=(Spoils,)).block(seeds)
    equal = sum(whole[seed].loss.tobytes() == spoiled[seed].loss.tobytes() for seed in seeds[1:])
    return f"{equal} of {len(seeds) - 1} seeds the same; the spoiled one diverged at update {spoiled[seeds[0]].diverged_at}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--updates", type=int, default=60, help="per context, of two; more than 11 for times")
    parser.add_argument("--benchmarks", nargs="+", choices=list(SHAPES), default=list(SHAPES))
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    check, cuda = Check(options.device, options.updates, options.output), options.device == "cuda"
    where = torch.cuda.get_device_properties(0) if cuda else "CPU"
    check.tell(
        "machine", "torch, CUDA, cuDNN", lambda: f"{torch.__version__}, {torch.version.cuda}, {torch.backends.cudnn.version()}"
    )
    check.tell("machine", "device", lambda: str(where))
    captures = (True, False) if cuda else (False,)
    for benchmark in options.benchmarks:
        for optimizer in OPTIMIZERS:
            for capture in captures:
                what = f"{benchmark} {optimizer}, {'captured' if capture else 'as it is'}, allowed {TOLERANCE['fp32']:g}"
                check.tell(
                    "rehearsal",
                    what,
                    lambda b=benchmark, o=optimizer, c=capture: f"{rehearse(check.trainer(b, o), SEEDS[:3], c):.2g}",
                )
    for benchmark in options.benchmarks:
        check.tell(
            "apart", f"{benchmark} ngm_sgd", lambda b=benchmark: beside_a_diverged_seed(check.trainer(b, "ngm_sgd"), SEEDS)
        )
    if cuda:
        for benchmark in options.benchmarks:
            check.tell("again", f"{benchmark} ngm_sgd", lambda b=benchmark: same_twice(check.trainer(b, "ngm_sgd"), SEEDS))
        check.tell("fallbacks", "a capture that waits for the GPU", capture_that_fails)
        check.tell("fallbacks", "20 seeds of a CNN in 6 GiB", lambda: block_that_does_not_fit(check))
    if options.updates > 11:
        for benchmark in options.benchmarks:
            for precision in ("fp32", "tf32", "bf16") if cuda and benchmark == "split_cifar10" else ("fp32",):
                for seeds in (1, 5, 20) if cuda else (1, 2):
                    for capture in captures:
                        for evaluated in (True, False):
                            name = f"{benchmark} ngm_sgd {precision}, {seeds} seeds, {'captured' if capture else 'as it is'}"
                            check.tell(
                                "speed",
                                f"{name}, {'evaluated' if evaluated else 'not evaluated'}",
                                lambda b=benchmark, n=seeds, c=capture, p=precision, e=evaluated: check.timed(
                                    b, "ngm_sgd", list(range(n)), c, p, e
                                ),
                            )


if __name__ == "__main__":
    main()
