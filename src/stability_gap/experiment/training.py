"""One run: one learner, one seed, one stream, with continual evaluation (PROTOCOL §1-2)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from stability_gap.experiment.evaluation import ContinualEvaluator
from stability_gap.experiment.randomness import minibatches, torch_generator
from stability_gap.experiment.recording import Recorder
from stability_gap.experiment.settings import CellSettings
from stability_gap.learners.build import attach_gain, build_model, build_optimizer
from stability_gap.tasks.streams import Stream


class DeviceStream:
    """A stream's images as tensors on the device, ready for training and evaluation.

    Training images stay raw bytes and are normalised batch by batch; test images are normalised once.

    Args:
        flat: give images as vectors. screened: see ContinualEvaluator. dtype: of images and of the models trained on them.
    """

    def __init__(
        self,
        stream: Stream,
        device: torch.device,
        flat: bool,
        screened: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.classes = stream.classes
        self.train_sizes = stream.train_sizes.tolist()
        self.device, self.dtype = device, dtype
        self._flat = flat
        self._mean = torch.from_numpy(stream.mean).to(device, dtype)
        self._std = torch.from_numpy(stream.std).to(device, dtype)
        self._train_images = torch.from_numpy(stream.train_images).to(device)
        self._train_labels = torch.from_numpy(stream.train_labels).to(device)
        self.image_shape = tuple(stream.train_images.shape[1:])
        test_images = self._normalised(torch.from_numpy(stream.test_images).to(device))
        test_labels = torch.from_numpy(stream.test_labels).to(device)
        self.evaluate = ContinualEvaluator(test_images, test_labels, stream.test_sizes.tolist(), screened)

    def _normalised(self, images: Tensor) -> Tensor:
        images = (images.to(self.dtype) - self._mean) / self._std
        return images.flatten(1) if self._flat else images

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised images and labels of one minibatch: (batch,) -> (batch, ...), (batch,)."""
        return self._normalised(self._train_images[indices]), self._train_labels[indices]


@dataclass
class Trajectory:
    """What one run leaves behind.

    Attributes:
        accuracy, loss: (evaluations, K), NaN for tasks not seen yet and after divergence.
        evaluated: int (evaluations,), the 1-based iterations of the evaluations.
        training: name -> (T,), one value per iteration; NaN after divergence.
        diverged_at: the first iteration whose training loss or weights were not finite, or None.
    """

    accuracy: np.ndarray
    loss: np.ndarray
    evaluated: np.ndarray
    training: dict[str, np.ndarray]
    diverged_at: int | None


def train(
    settings: CellSettings, stream: DeviceStream, seed: int, progress: Callable[[int], None] = lambda iteration: None
) -> Trajectory:
    """Train one seed through the whole stream.

    Order within a step: gains move with the entropy of the previous step's output, forward with the new gains, gradient with
    respect to the raw weights, optimizer step, entropy of this step's output, continual evaluation with the gains frozen.

    Args:
        progress: called with the number of finished iterations.
    """
    model = build_model(settings.model, stream.image_shape, stream.classes, torch_generator(seed, "init"))
    model = model.to(stream.device, stream.dtype)
    gain = attach_gain(model, settings.training.gain)
    optimizer = build_optimizer(settings.training, model)
    tasks, per_context, every = len(stream.train_sizes), settings.iterations, settings.evaluation.every
    batches = torch.from_numpy(minibatches(seed, stream.train_sizes, per_context, settings.batch_size)).to(stream.device)
    total = tasks * per_context

    weights = list(model.parameters())
    recorder = Recorder(list(model.layers), weights, total)
    accuracy = torch.full((total // every, tasks), torch.nan, dtype=stream.dtype)
    loss = accuracy.clone()
    logits: Tensor | None = None
    diverged_at = None
    for update in range(total):
        if gain is not None:
            gain.step(logits)
        images, labels = stream.batch(batches[update])
        logits = model(images)
        batch_loss = functional.cross_entropy(logits, labels)
        batch_loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        learning_rate = optimizer.param_groups[0]["lr"]
        if not recorder.record(update, logits.detach(), labels, batch_loss.detach(), learning_rate, gain):
            diverged_at = update + 1
            break
        if (update + 1) % every == 0:
            seen = 1 if settings.evaluation.tasks == "first" else update // per_context + 1
            row = update // every
            accuracy[row, :seen], loss[row, :seen] = stream.evaluate(model, seen)
        progress(update + 1)
    evaluated = np.arange(every, total + 1, every)
    return Trajectory(accuracy.numpy(), loss.numpy(), evaluated, recorder.columns(), diverged_at)
