"""Crops and flips of whole batches against a loop over images, and against torchvision on the same draws."""

import numpy as np
import pytest
import torch

from stability_gap.experiment.augmentation import Crops, augment, draw
from stability_gap.experiment.randomness import generator
from stability_gap.experiment.settings import AugmentationSettings

SHAPES = [(9, 8, 6), (9, 8, 6, 3), (9, 5, 5, 1), (1, 6, 8, 3)]


def settings(padding: int = 4, flip: bool = True) -> AugmentationSettings:
    return AugmentationSettings(padding=padding, flip=flip)


def images_of(shape: tuple[int, ...]) -> torch.Tensor:
    """No pixel is black, so that padding is told from content."""
    return torch.from_numpy(np.random.default_rng(0).integers(1, 256, shape, dtype=np.uint8))


def one_by_one(images: torch.Tensor, crops: Crops, padding: int) -> np.ndarray:
    """Pixel by pixel."""
    source = images.numpy()
    count, height, width = source.shape[:3]
    result = np.zeros_like(source)
    for image in range(count):
        top, left = (int(offset) - padding for offset in crops.offsets[image])
        for row in range(height):
            for column in range(width):
                from_row, from_column = top + row, left + (width - 1 - column if crops.flips[image] else column)
                if 0 <= from_row < height and 0 <= from_column < width:
                    result[image, row, column] = source[image, from_row, from_column]
    return result


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("padding", [0, 1, 4, 9])
def test_a_batch_equals_a_loop_over_its_pixels(shape, padding):
    images, crops = images_of(shape), draw(settings(padding), shape[:1], np.random.default_rng(1))
    kept = images.clone()
    result = augment(images, crops, padding)
    assert result.dtype == torch.uint8
    np.testing.assert_array_equal(result.numpy(), one_by_one(images, crops, padding))
    assert torch.equal(images, kept)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_equals_torchvision_on_the_same_draws(shape):
    from torchvision.transforms import functional as transforms  # takes seconds

    images, crops = images_of(shape), draw(settings(3), shape[:1], np.random.default_rng(2))
    planes = images.unsqueeze(-1) if images.dim() == 3 else images
    for image, (top, left), flip, result in zip(
        planes, crops.offsets.tolist(), crops.flips, augment(images, crops, 3), strict=True
    ):
        expected = transforms.crop(transforms.pad(image.permute(2, 0, 1), [3]), top, left, *shape[1:3])
        expected = transforms.hflip(expected) if flip else expected
        assert torch.equal(result.reshape(image.shape), expected.permute(1, 2, 0))


def test_the_middle_crop_without_flip_leaves_images_as_they_are():
    images = images_of((4, 8, 6, 3))
    crops = Crops(torch.full((4, 2), 4, dtype=torch.uint8), torch.zeros(4, dtype=torch.bool))
    assert torch.equal(augment(images, crops, 4), images)


@pytest.mark.parametrize("padding", [0, 2, 4, 64])
def test_offsets_cover_what_padding_allows_evenly_and_rows_and_columns_are_independent(padding):
    positions = 2 * padding + 1
    crops = draw(settings(padding), (400, positions), np.random.default_rng(3))
    assert crops.offsets.shape == (400, positions, 2)
    for axis in (0, 1):
        counts = np.bincount(crops.offsets[..., axis].flatten().numpy())
        assert len(counts) == positions  # 0 … 2·padding, no other
        assert counts.min() > 400 - 6 * 20  # 400 each, standard deviation 20
        assert counts.max() < 400 + 6 * 20
    if padding:
        correlation = np.corrcoef(crops.offsets.reshape(-1, 2).numpy().T)[0, 1]
        assert abs(correlation) < 5 / (400 * positions) ** 0.5


def test_half_of_the_images_are_flipped_or_none_and_the_crops_are_the_same():
    with_flips, without = (draw(settings(4, flip), (100, 50), generator(42, "augmentation")) for flip in (True, False))
    assert abs(with_flips.flips.float().mean().item() - 0.5) < 5 * 0.5 / 5000**0.5
    assert not without.flips.any()
    assert torch.equal(with_flips.offsets, without.offsets)


def test_crops_are_the_ones_that_published_results_came_from():
    """Changing any of these numbers changes every published CNN result: raise the version and train again."""
    crops = draw(settings(4), (2, 3), generator(42, "augmentation"))
    assert crops.offsets.tolist() == [[[5, 1], [6, 4], [2, 3]], [[4, 5], [4, 7], [0, 3]]]
    assert crops.flips.int().tolist() == [[1, 1, 0], [1, 0, 0]]


def test_a_part_of_the_crops_is_that_of_the_images():
    crops = draw(settings(4), (5, 3), np.random.default_rng(4))
    assert torch.equal(crops[2].offsets, crops.offsets[2])
    assert torch.equal(crops[1:3].flips, crops.flips[1:3])
    moved = crops.to(torch.device("cpu"))
    assert torch.equal(moved.offsets, crops.offsets)
    assert torch.equal(moved.flips, crops.flips)
