"""Transform whole arrays of images, once for all runs."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stability_gap.tasks.arrays import Images

RESAMPLING = {"nearest": Image.Resampling.NEAREST, "bilinear": Image.Resampling.BILINEAR}


def rotate(images: Images, angle: float, interpolation: str = "nearest") -> Images:
    """Rotate images, uint8 (n, H, W) or (n, H, W, 3), counter-clockwise by `angle` degrees about their centre.

    The size stays, what comes in from outside is 0. `interpolation` is "nearest" or "bilinear". The bytes are those of
    torchvision's rotate on PIL images, which is what the published code applies to each image (nearest: on tensors
    too, tested). Pillow itself is used because 70,000 MNIST images take it about 1.5 s, and importing torchvision alone
    takes 3 s or more.
    """
    if angle == 0:
        return images
    rotated = np.empty_like(images)
    for position, image in enumerate(images):
        rotated[position] = np.asarray(Image.fromarray(image).rotate(angle, resample=RESAMPLING[interpolation]))
    return rotated


def permutations(pixels: int, count: int, seed: int) -> list[NDArray[np.int64]]:
    """Draw `count` permutations of `pixels` positions, one after the other from one RandomState, as the authors do."""
    random = np.random.RandomState(seed)
    return [random.permutation(pixels) for _ in range(count)]


def permute(images: Images, permutation: NDArray[np.int64]) -> Images:
    """Move pixel permutation[i] to position i (row by row) in every image; colours of a pixel stay together."""
    flat = images.reshape(len(images), len(permutation), *images.shape[3:])
    return flat[:, permutation].reshape(images.shape)
