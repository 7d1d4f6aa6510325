"""Random crops and flips of whole batches of images, on the device they lie on (PROTOCOL §4)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stability_gap.experiment.settings import AugmentationSettings


@dataclass(frozen=True, eq=False)
class Crops:
    """What is drawn for a batch: offsets int64 (..., 2) of rows and columns, 0 … 2·padding, and flips bool (...)."""

    offsets: Tensor
    flips: Tensor

    def __getitem__(self, chosen: int | slice) -> "Crops":
        return Crops(self.offsets[chosen], self.flips[chosen])

    @staticmethod
    def stack(crops: Sequence["Crops"], axis: int) -> "Crops":
        """Draws of several runs, along a new axis."""
        return Crops(torch.stack([each.offsets for each in crops], axis), torch.stack([each.flips for each in crops], axis))

    def to(self, device: torch.device) -> "Crops":
        """The same draws on another device."""
        return Crops(self.offsets.to(device), self.flips.to(device))


def draw(settings: AugmentationSettings, shape: tuple[int, ...], random: np.random.Generator) -> Crops:
    """Crops of images in an array of `shape`; each image has its own."""
    offsets = random.integers(2 * settings.padding + 1, size=(*shape, 2), dtype=np.uint8)
    flips = random.integers(2, size=shape, dtype=np.uint8).astype(bool) if settings.flip else np.zeros(shape, bool)
    return Crops(torch.from_numpy(offsets), torch.from_numpy(flips))


def augment(images: Tensor, crops: Crops, padding: int) -> Tensor:
    """Crop and flip raw images, (n, H, W) or (n, H, W, channels); what comes in from outside is black (0).

    Image i is padded by `padding` black pixels on each side, cut to its size from row and column `crops.offsets[i]` on, and then
    mirrored left to right where `crops.flips[i]`, as torchvision's RandomCrop and RandomHorizontalFlip do it.
    """
    count, height, width = images.shape[:3]
    padded = images.new_zeros(count, height + 2 * padding, width + 2 * padding, *images.shape[3:])
    padded[:, padding : padding + height, padding : padding + width] = images
    offsets = crops.offsets.long()
    rows = offsets[:, :1] + torch.arange(height, device=images.device)
    columns = torch.arange(width, device=images.device).expand(count, width)
    columns = offsets[:, 1:] + torch.where(crops.flips[:, None], width - 1 - columns, columns)
    return padded[torch.arange(count, device=images.device)[:, None, None], rows[:, :, None], columns[:, None, :]]
