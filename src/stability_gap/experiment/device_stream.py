"""A stream's images as tensors on the device, ready for training and evaluation."""

import numpy as np
import torch
from torch import Tensor

from stability_gap.errors import UserError
from stability_gap.experiment.augmentation import Crops, augment
from stability_gap.experiment.evaluator import ContinualEvaluator
from stability_gap.experiment.randomness import generator
from stability_gap.experiment.settings import ExperimentSettings
from stability_gap.learners.linear import has_bfloat16
from stability_gap.learners.mlp import CHUNK
from stability_gap.tasks.class_order import shuffle_classes
from stability_gap.tasks.streams import Stream

# Images per forward pass of an evaluation. On a GPU enough to fill it and few enough for a block of seeds; on a CPU, where a CNN
# has large activations, few enough to stay in the cache.
GPU_CHUNK_PIXELS = 5000 * 32 * 32
CNN_CHUNK = 256


class DeviceStream:
    """Training images stay raw bytes and are augmented and normalised batch by batch; test images are normalised once.

    Args:
        settings: of the benchmark. dtype: of images and of the models trained on them.

    Errors: UserError where a task has fewer test images than `evaluation.images_per_task`.
    """

    def __init__(
        self, stream: Stream, settings: ExperimentSettings, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> None:
        self._stream, self._settings = stream, settings
        self.classes, self.device, self.dtype = stream.classes, device, dtype
        self.train_sizes: list[int] = stream.train_sizes.tolist()
        self.image_shape = tuple(stream.train_images.shape[1:])
        self._flat = settings.model.kind == "mlp"
        self._padding = settings.augmentation.padding if settings.augmentation else 0
        self._mean = torch.from_numpy(stream.mean).to(device, dtype)
        self._std = torch.from_numpy(stream.std).to(device, dtype)
        self._train_images = torch.from_numpy(stream.train_images).to(device)
        self._train_labels = torch.from_numpy(stream.train_labels).to(device)
        chosen, self.test_sizes = chosen_tests(stream.test_sizes, settings.evaluation.images_per_task)
        self._test_images = torch.from_numpy(stream.test_images[chosen]).to(device)
        self.evaluate = ContinualEvaluator(
            self._normalised(self._test_images),
            torch.from_numpy(stream.test_labels[chosen]).to(device),
            self.test_sizes,
            # Screening gives the accuracies of float32; where it would be slower, float32 is taken at once.
            screened=settings.evaluation.arithmetic == "bf16_screened" and device.type == "cpu" and has_bfloat16(),
            chunk=evaluation_chunk(device, self._flat, self.image_shape),
        )

    def of_seed(self, seed: int) -> "DeviceStream":
        """The stream that a seed meets: this one, or with `class_order: by_seed` one with the classes in its own order.

        Errors: UserError where tasks share classes.
        """
        if self._settings.class_order == "natural":
            return self
        shuffled = shuffle_classes(self._stream, generator(seed, "classes"))
        in_order = self._settings.model_copy(update={"class_order": "natural"})
        return DeviceStream(shuffled, in_order, self.device, self.dtype)

    def _normalised(self, images: Tensor) -> Tensor:
        """Raw (n, H, W[, channels]) -> (n, pixels) for an MLP, (n, channels, H, W) for a CNN."""
        images = (images.to(self.dtype) - self._mean) / self._std
        if self._flat:
            return images.flatten(1)
        images = images.unsqueeze(1) if images.dim() == 3 else images.permute(0, 3, 1, 2)
        # On a CPU the permuted view, channels-last, is the faster layout. CUDA's batch norm under vmap refuses it.
        return images if self.device.type == "cpu" else images.contiguous()

    def batch(self, indices: Tensor, crops: Crops | None = None) -> tuple[Tensor, Tensor]:
        """Normalised images and labels of minibatches: (..., batch) -> (..., batch, ...), (..., batch)."""
        flat = indices.flatten()
        images = self._train_images[flat]
        if crops is not None:
            images = augment(images, Crops(crops.offsets.view(-1, 2), crops.flips.flatten()), self._padding)
        images = self._normalised(images)
        return images.view(*indices.shape, *images.shape[1:]), self._train_labels[indices]

    def augmented_tests(self, crops: Crops) -> Tensor:
        """Normalised test images after `crops` (n,), of the first n (`augment_test`)."""
        return self._normalised(augment(self._test_images[: len(crops.flips)], crops, self._padding))


def evaluation_chunk(device: torch.device, flat: bool, image_shape: tuple[int, ...]) -> int:
    """Images per forward pass of an evaluation, (H, W[, channels]) each."""
    if device.type == "cuda":
        return max(1, GPU_CHUNK_PIXELS // (image_shape[0] * image_shape[1]))
    return CHUNK if flat else CNN_CHUNK


def chosen_tests(sizes: np.ndarray, images_per_task: int | None) -> tuple[np.ndarray, list[int]]:
    """Indices of the test images that evaluation uses, in order, and how many of each task.

    The choice is the same for every run on a stream: drawn once, uniformly without replacement, from the images of each task.
    Errors: UserError where a task has too few.
    """
    if images_per_task is None:
        return np.arange(sizes.sum()), sizes.tolist()
    if images_per_task > sizes.min():
        raise UserError(
            f"evaluation.images_per_task: {images_per_task} is more than the {sizes.min()} test images of task "
            f"{sizes.argmin() + 1}; choose at most that many."
        )
    random = np.random.default_rng(list(b"evaluation"))
    starts = np.cumsum(sizes) - sizes
    chosen = [
        start + np.sort(random.choice(size, images_per_task, replace=False)) for start, size in zip(starts, sizes, strict=True)
    ]
    return np.concatenate(chosen), [images_per_task] * len(sizes)
