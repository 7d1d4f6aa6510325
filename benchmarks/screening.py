"""Does `bf16_screened` evaluation change a class? Trains each optimizer once and evaluates every update in both arithmetics.

python benchmarks/screening.py results/streams/rotated_mnist [--updates 60]

Prints, per optimizer: images whose class bfloat16 alone gets wrong, images whose class differs after screening (must be 0),
evaluations done again in float32 as a whole, and the largest difference of an accuracy and of a loss.
"""

import argparse
from pathlib import Path

import torch

from stability_gap import config
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.evaluator import ContinualEvaluator
from stability_gap.experiment.machine import make_deterministic
from stability_gap.experiment.screening import close_calls, is_rounded_too_much
from stability_gap.experiment.seed_trainer import SeedTrainer
from stability_gap.tasks.stream_file import read


class BothArithmetics(ContinualEvaluator):
    """Evaluates in float32 and keeps the tally of what the screened pass would have said."""

    def __init__(self, images, labels, sizes):
        super().__init__(images, labels, sizes, screened=True)
        self.plain = ContinualEvaluator(images, labels, sizes)
        self.images_seen = self.evaluations = self.whole = self.again = self.flips_raw = self.flips = 0
        self.accuracy_error = self.loss_error = 0.0

    @torch.no_grad()
    def __call__(self, model, tasks, images=None):
        weights = [layer.weight for layer in model.layers.values()]
        raw = torch.cat([screen.logits(*weights) for screen in self.screens[:tasks]])
        screened, exact = self._logits(model, tasks, None), self.plain._logits(model, tasks, None)
        close = close_calls(raw)
        self.evaluations += 1
        self.whole += is_rounded_too_much(raw, exact[close], close)
        self.images_seen += len(exact)
        self.again += len(close)
        self.flips_raw += int((raw.argmax(1) != exact.argmax(1)).sum())
        self.flips += int((screened.argmax(1) != exact.argmax(1)).sum())
        result, reference = super().__call__(model, tasks), self.plain(model, tasks)
        self.accuracy_error = max(self.accuracy_error, (result[0] - reference[0]).abs().max().item())
        self.loss_error = max(self.loss_error, (result[1] - reference[1]).abs().max().item())
        return reference


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stream", type=Path, help="results/streams/{benchmark} of an MNIST benchmark")
    parser.add_argument("--config", type=Path, default=Path("config.yaml"))
    parser.add_argument("--updates", type=int, default=60, help="per context")
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    make_deterministic(1, "fp32")
    chosen = config.load(options.config)
    stream = read(options.stream)
    for optimizer in chosen.chosen_suite.optimizers:
        cell = chosen.cell(options.stream.name, optimizer).model_copy(update={"iterations": options.updates})
        on_device = DeviceStream(stream, cell, torch.device("cpu"))
        on_device.evaluate = BothArithmetics(on_device.evaluate.images, on_device.evaluate.labels, on_device.test_sizes)
        SeedTrainer(cell, on_device).one(options.seed)
        seen = on_device.evaluate
        print(
            f"{optimizer:8} {seen.images_seen} images in {seen.evaluations} evaluations: other classes with bf16 alone "
            f"{seen.flips_raw}, screened {seen.flips}; again {seen.again / seen.images_seen:.1%} of images and "
            f"{seen.whole} whole evaluations; largest difference accuracy {seen.accuracy_error:.1e}, loss {seen.loss_error:.1e}",
            flush=True,
        )


if __name__ == "__main__":
    main()
