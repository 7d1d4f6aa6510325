"""One run: one learner, one seed, one stream, with continual evaluation (PROTOCOL §1-2)."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from stability_gap.experiment.augmentation import Crops, draw
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.randomness import generator, minibatches, torch_generator
from stability_gap.experiment.recording import Recorder, Trajectory, trajectory
from stability_gap.experiment.settings import CellSettings
from stability_gap.learners.build import Model, attach_gain, build_model, build_optimizer, gain_layers, raw_weight
from stability_gap.learners.gain import GainModulation, entropy


def train(
    settings: CellSettings, stream: DeviceStream, seed: int, progress: Callable[[int], None] = lambda iteration: None
) -> Trajectory:
    """Train one seed through the whole stream.

    Order within a step: gains move with the entropy of the previous step's output, forward with the new gains, gradient with
    respect to the raw weights, optimizer step, entropy of this step's output, continual evaluation with the gains frozen.

    Args:
        progress: called with the number of finished iterations.
    """
    model, gain = fresh_learner(settings, stream, seed)
    optimizer = build_optimizer(settings.training, dict(model.named_parameters()))
    weights = {name: raw_weight(layer) for name, layer in model.layers.items()}
    recorder = Recorder(list(gain_layers(model, settings.training.gain)), weights, list(model.parameters()))
    draws = draw_run(settings, stream, seed)
    seen = tasks_seen(settings, len(stream.train_sizes))
    every = settings.evaluation.every

    rows = torch.full((len(draws.batches), len(recorder.names)), torch.nan, dtype=stream.dtype)
    accuracy = torch.full((len(seen), len(stream.train_sizes)), torch.nan, dtype=stream.dtype)
    loss = accuracy.clone()
    output_entropy: Tensor | float = 0.0
    for update, indices in enumerate(draws.batches):
        if gain is not None:
            gain.move(output_entropy)
        images, labels = stream.batch(indices, draws.crops[update] if draws.crops else None)
        with arithmetic(settings, stream.device):
            logits = model(images).to(stream.dtype)
        batch_loss = functional.cross_entropy(logits, labels)
        batch_loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        gains = gain.gains if gain else []
        learning_rate = optimizer.param_groups[0]["lr"]
        logits = logits.detach()
        output_entropy = entropy(logits)
        row = recorder.row(logits, labels, batch_loss.detach(), output_entropy, learning_rate, gains)
        rows[update] = row
        if not row.isfinite().all():
            break
        if (update + 1) % every == 0:
            evaluation = update // every
            tasks = int(seen[evaluation])
            with arithmetic(settings, stream.device):
                scores = stream.evaluate(model, tasks, draws.test_images(tasks))
            accuracy[evaluation, :tasks], loss[evaluation, :tasks] = scores
        progress(update + 1)
    return trajectory(recorder.names, rows.numpy(), accuracy.numpy(), loss.numpy(), seen)


def fresh_learner(settings: CellSettings, stream: DeviceStream, seed: int) -> tuple[Model, GainModulation | None]:
    """The model of a seed before its first update, on the stream's device, and its gain modulation."""
    model = build_model(settings.model, stream.image_shape, stream.classes, torch_generator(seed, "init"))
    model = model.to(stream.device, stream.dtype)
    if settings.model.kind != "mlp" and stream.device.type == "cpu":
        model = model.to(memory_format=torch.channels_last)  # the layout that images have, and the faster one on CPUs
    return model, attach_gain(model, settings.training.gain)


@dataclass(frozen=True, eq=False)
class Draws:
    """Everything random of a run but its initial weights.

    batches: (T, batch) indices of training images. crops: of these images, (T, batch), or None. test_images: n of tasks -> their
    test images, augmented anew in each call, or None where test images are left as they are.
    """

    batches: Tensor
    crops: Crops | None
    test_images: Callable[[int], Tensor | None]


def draw_run(settings: CellSettings, stream: DeviceStream, seed: int) -> Draws:
    """Draw a run from the named random streams of its seed: the same for every optimizer, and wherever it is trained."""
    batches = minibatches(seed, stream.train_sizes, settings.iterations, settings.batch_size)
    augmentation = settings.augmentation
    crops = draw(augmentation, batches.shape, generator(seed, "augmentation")).to(stream.device) if augmentation else None
    random = generator(seed, "evaluation")

    def test_images(tasks: int) -> Tensor | None:
        if augmentation is None or not settings.augment_test:
            return None
        return stream.augmented_tests(draw(augmentation, (sum(stream.test_sizes[:tasks]),), random).to(stream.device))

    return Draws(torch.from_numpy(batches).to(stream.device), crops, test_images)


def tasks_seen(settings: CellSettings, tasks: int) -> np.ndarray:
    """How many tasks each evaluation covers: int (evaluations,)."""
    every = settings.evaluation.every
    contexts = np.arange(every - 1, tasks * settings.iterations, every) // settings.iterations + 1
    return np.minimum(contexts, 1) if settings.evaluation.tasks == "first" else contexts


@contextlib.contextmanager
def arithmetic(settings: CellSettings, device: torch.device) -> Iterator[None]:
    """The precision that `settings` ask for; tf32 and fp32 are settings of the whole process (run.make_deterministic)."""
    with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
        yield
