"""Draw ahead everything random of a run but its initial weights: minibatches, and the crops of their images (PROTOCOL §1)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stability_gap.experiment.augmentation import Crops, draw
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.minibatches import minibatches
from stability_gap.experiment.randomness import generator
from stability_gap.experiment.settings import ExperimentSettings


@dataclass(frozen=True, eq=False)
class Draws:
    """What a run draws; the draws of a block of S seeds have an axis of seeds behind that of the updates.

    batches: int64 (T[, S], batch), indices of training images. crops: of these images, (T[, S], batch), or None.
    test_images: n of tasks -> their test images ([S,] n, ...), augmented anew in each call, or None where they stay as they are.
    """

    batches: Tensor
    crops: Crops | None
    test_images: Callable[[int], Tensor | None]

    def update(self, update: int) -> tuple[Tensor, ...]:
        """What update number `update`, from 0, needs: indices, and offsets and flips of the crops where there are any."""
        if self.crops is None:
            return (self.batches[update],)
        return self.batches[update], self.crops.offsets[update], self.crops.flips[update]


def draw_run(settings: ExperimentSettings, stream: DeviceStream, seed: int) -> Draws:
    """Draw a run from the named random streams of its seed: the same for every optimizer, and wherever it is trained.

    Errors: UserError where the stream has too few tasks for the sampling.
    """
    batches = minibatches(settings, stream.train_sizes, seed)
    augmentation = settings.augmentation
    crops = draw(augmentation, batches.shape, generator(seed, "augmentation")).to(stream.device) if augmentation else None
    random = generator(seed, "evaluation")

    def test_images(tasks: int) -> Tensor | None:
        if augmentation is None or not settings.augment_test:
            return None
        return stream.augmented_tests(draw(augmentation, (sum(stream.test_sizes[:tasks]),), random).to(stream.device))

    return Draws(torch.from_numpy(batches).to(stream.device), crops, test_images)


def side_by_side(draws: Sequence[Draws]) -> Draws:
    """The draws of several seeds as those of a block."""
    crops = [each.crops for each in draws if each.crops is not None]

    def test_images(tasks: int) -> Tensor | None:
        images = [own for each in draws if (own := each.test_images(tasks)) is not None]
        return torch.stack(images) if images else None

    return Draws(torch.stack([each.batches for each in draws], 1), Crops.stack(crops, 1) if crops else None, test_images)
