"""Rotations against torchvision, permutations against the authors' way of drawing them."""

import numpy as np
import pytest

from stability_gap.tasks.transforms import permutations, permute, rotate


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    return np.kron(load_digits().images[:6] * 15, np.ones((1, 3, 3))).astype(np.uint8)  # 24×24


@pytest.mark.parametrize("angle", [30, 80, 90, 160, 180, 271.5])
def test_nearest_is_torchvisions_rotation_of_tensors(digits, angle):
    import torch
    from torchvision.transforms.v2 import functional

    expected = functional.rotate(torch.from_numpy(digits)[:, None], angle)[:, 0].numpy()
    assert np.array_equal(rotate(digits, angle), expected)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("angle", [80, 160])
def test_both_are_torchvisions_rotation_of_pil_images(digits, angle, interpolation):
    from PIL import Image
    from torchvision.transforms.v2 import InterpolationMode, functional

    colour = np.stack([digits, digits[::-1], digits.transpose(0, 2, 1)], axis=-1)
    for images in (digits, colour):
        mode = InterpolationMode(interpolation)
        expected = [np.asarray(functional.rotate(Image.fromarray(each), angle, mode)) for each in images]
        assert np.array_equal(rotate(images, angle, interpolation), expected)


def test_real_mnist_is_rotated_as_torchvision_does(shared_data):
    import gzip

    import torch
    from torchvision.transforms.v2 import functional

    packed = shared_data("MNIST/raw/t10k-images-idx3-ubyte.gz").read_bytes()
    images = np.frombuffer(gzip.decompress(packed), np.uint8, offset=16).reshape(-1, 28, 28)[:300]
    for angle in (80, 160):
        expected = functional.rotate(torch.tensor(images)[:, None], angle)[:, 0].numpy()
        assert np.array_equal(rotate(images, angle), expected)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_no_rotation_changes_nothing(digits, interpolation):
    assert np.array_equal(rotate(digits, 0, interpolation), digits)


def test_a_quarter_turn_is_counter_clockwise(digits):
    assert np.array_equal(rotate(digits, 90), np.rot90(digits, axes=(1, 2)))


def test_permutations_are_drawn_one_after_the_other():
    random = np.random.RandomState(42)
    first, second = permutations(784, 2, seed=42)
    assert np.array_equal(first, random.permutation(784))
    assert np.array_equal(second, random.permutation(784))


def test_permuting_moves_pixels_and_keeps_colours_together():
    images = np.arange(2 * 2 * 3 * 3, dtype=np.uint8).reshape(2, 2, 3, 3)
    order = np.array([5, 0, 4, 1, 3, 2])
    permuted = permute(images, order)
    assert permuted.shape == images.shape
    for position, origin in enumerate(order):
        assert np.array_equal(permuted[:, position // 3, position % 3], images[:, origin // 3, origin % 3])
