"""A stream on the device: normalised batches, augmented where drawn, and the fixed choice of test images."""

import numpy as np
import pytest
import torch
from cells import augmented, cell, cnn_cell, coloured_images, small_cell

from stability_gap.errors import UserError
from stability_gap.experiment import device_stream
from stability_gap.experiment.augmentation import Crops, augment, draw
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.randomness import generator
from stability_gap.experiment.settings import CellSettings, EvaluationSettings
from stability_gap.learners.settings import SlimResNet18Settings
from stability_gap.tasks.class_order import shuffle_classes
from stability_gap.tasks.streams import Stream

CPU = torch.device("cpu")
SMALL_CNN = SlimResNet18Settings(kind="slim_resnet18", filters=2)


def cell_with(images_per_task: int | None) -> CellSettings:
    return small_cell("sgd", evaluation=EvaluationSettings(images_per_task=images_per_task))


def by_hand(images: np.ndarray, stream: Stream) -> np.ndarray:
    """Image by image, channel by channel: (n, H, W) or (n, H, W, channels) -> (n, channels, H, W)."""
    result = []
    for image in images.astype(np.float64):
        planes = [image] if image.ndim == 2 else [image[..., channel] for channel in range(image.shape[-1])]
        means, stds = (np.resize(numbers, len(planes)) for numbers in (stream.mean, stream.std))
        result.append([(plane - mean) / std for plane, mean, std in zip(planes, means, stds, strict=True)])
    return np.array(result)


# --- batches --------------------------------------------------------------------------------------------------------


def test_a_batch_for_a_cnn_is_normalised_by_channel_and_channels_last():
    stream = coloured_images()
    on_device = DeviceStream(stream, cnn_cell("sgd"), CPU)
    chosen = np.array([5, 0, 59, 5])
    images, labels = on_device.batch(torch.from_numpy(chosen))
    assert (images.shape, images.dtype) == ((4, 3, 26, 25), torch.float32)
    np.testing.assert_allclose(images.numpy(), by_hand(stream.train_images[chosen], stream), rtol=1e-5, atol=1e-6)
    assert labels.tolist() == stream.train_labels[chosen].tolist()
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert not images.is_contiguous()
    assert on_device.evaluate.images.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_allclose(on_device.evaluate.images.numpy(), by_hand(stream.test_images, stream), rtol=1e-5, atol=1e-6)
    assert on_device.evaluate.labels.tolist() == stream.test_labels.tolist()


def test_a_batch_for_an_mlp_is_flat(digits):
    images, _ = DeviceStream(digits, small_cell("sgd"), CPU, torch.float64).batch(torch.tensor([3, 1]))
    assert (images.shape, images.dtype) == ((2, 64), torch.float64)
    np.testing.assert_allclose(images.numpy(), by_hand(digits.train_images[[3, 1]], digits).reshape(2, 64), rtol=1e-12)


def test_a_batch_of_coloured_images_for_an_mlp_keeps_the_order_of_their_values():
    stream = coloured_images()
    images, _ = DeviceStream(stream, small_cell("sgd"), CPU, torch.float64).batch(torch.tensor([3]))
    expected = by_hand(stream.train_images[[3]], stream)[0].transpose(1, 2, 0)  # height, width, channels
    np.testing.assert_allclose(images[0].numpy(), expected.flatten(), rtol=1e-12)


def test_grey_images_for_a_cnn_have_one_channel(digits):
    images, _ = DeviceStream(digits, cell("sgd", model=SMALL_CNN), CPU).batch(torch.tensor([3, 1]))
    assert images.shape == (2, 1, 8, 8)
    np.testing.assert_allclose(images.numpy(), by_hand(digits.train_images[[3, 1]], digits), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("grey", [False, True])
def test_batches_of_several_seeds_hold_the_batch_of_each(digits, grey):
    settings = cell("sgd", model=SMALL_CNN, **augmented())
    on_device = DeviceStream(digits if grey else coloured_images(), settings, CPU)
    random = np.random.default_rng(0)
    indices = torch.from_numpy(random.integers(0, 60, (3, 5)))
    crops = draw(settings.augmentation, (3, 5), random)
    images, labels = on_device.batch(indices, crops)
    assert images.shape == (3, 5, *((1, 8, 8) if grey else (3, 26, 25)))
    for seed in range(3):
        own_images, own_labels = on_device.batch(indices[seed], crops[seed])
        assert torch.equal(images[seed], own_images)
        assert torch.equal(labels[seed], own_labels)


def test_crops_are_cut_from_raw_images_so_that_padding_is_black_before_normalisation():
    stream, settings = coloured_images(), cnn_cell("sgd", **augmented())
    on_device = DeviceStream(stream, settings, CPU)
    indices = torch.tensor([7, 30])
    crops = Crops(torch.tensor([[0, 8], [3, 1]]), torch.tensor([True, False]))
    images, _ = on_device.batch(indices, crops)
    raw = augment(torch.from_numpy(stream.train_images[indices.numpy()]), crops, 4).numpy()
    np.testing.assert_allclose(images.numpy(), by_hand(raw, stream), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(images[0, :, 0, 12].numpy(), -stream.mean / stream.std, rtol=1e-6)  # black
    plain, _ = on_device.batch(indices)
    assert not torch.equal(plain, images)


def test_augmented_test_images_are_the_first_of_those_evaluated():
    stream = coloured_images()
    settings = cnn_cell("sgd", evaluation=EvaluationSettings(images_per_task=5), **augmented(test=True))
    on_device = DeviceStream(stream, settings, CPU)
    chosen, _ = device_stream.chosen_tests(stream.test_sizes, 5)
    for count in (5, 10):
        crops = draw(settings.augmentation, (count,), np.random.default_rng(0))
        raw = augment(torch.from_numpy(stream.test_images[chosen[:count]]), crops, 4).numpy()
        result = on_device.augmented_tests(crops).numpy()
        np.testing.assert_allclose(result, by_hand(raw, stream), rtol=1e-5, atol=1e-6)


# --- the choice of test images --------------------------------------------------------------------------------------


def test_without_a_number_all_test_images_are_used_in_order(digits):
    on_device = DeviceStream(digits, cell_with(None), CPU)
    assert on_device.test_sizes == on_device.evaluate.sizes == digits.test_sizes.tolist()
    assert torch.equal(on_device.evaluate.labels, torch.from_numpy(digits.test_labels))


def test_the_choice_is_the_same_every_time_within_each_task_and_without_repeats():
    sizes = np.array([40, 25, 60])
    chosen, counts = device_stream.chosen_tests(sizes, 20)
    again, _ = device_stream.chosen_tests(sizes, 20)
    assert chosen.tolist() == again.tolist()
    assert counts == [20, 20, 20]
    for part, first, size in zip(np.split(chosen, 3), (0, 40, 65), sizes, strict=True):
        assert len(set(part.tolist())) == 20
        assert part.min() >= first
        assert part.max() < first + size
        assert part.tolist() == sorted(part.tolist())
    assert not np.array_equal(chosen[:20], np.arange(20))  # not simply the first


def test_the_choice_is_the_one_that_published_results_came_from():
    chosen, _ = device_stream.chosen_tests(np.array([10, 12]), 4)
    assert chosen.tolist() == [1, 3, 5, 9, 15, 19, 20, 21]


def test_all_images_of_a_task_are_chosen_where_as_many_are_asked_for():
    chosen, _ = device_stream.chosen_tests(np.array([3, 3]), 3)
    assert chosen.tolist() == [0, 1, 2, 3, 4, 5]


def test_every_image_is_as_likely_to_be_chosen_as_any_other():
    """Five of ten images in each of 400 tasks: 200 ± 10 times each."""
    chosen, _ = device_stream.chosen_tests(np.full(400, 10), 5)
    counts = np.bincount(chosen % 10)
    assert len(counts) == 10
    assert np.abs(counts - 200).max() < 50


def test_two_streams_evaluate_the_same_chosen_images(digits):
    one, other = (DeviceStream(digits, cell_with(20), CPU) for _ in range(2))
    assert one.test_sizes == one.evaluate.sizes == [20] * 5
    assert torch.equal(one.evaluate.images, other.evaluate.images)
    chosen, _ = device_stream.chosen_tests(digits.test_sizes, 20)
    assert torch.equal(one.evaluate.labels, torch.from_numpy(digits.test_labels[chosen]))
    everything = DeviceStream(digits, cell_with(None), CPU).evaluate.images
    assert torch.equal(one.evaluate.images, everything[torch.from_numpy(chosen)])


def test_more_images_than_a_task_has_are_refused_with_the_task(digits):
    smallest = int(digits.test_sizes.min())
    task = digits.test_sizes.tolist().index(smallest) + 1
    DeviceStream(digits, cell_with(smallest), CPU)
    with pytest.raises(UserError) as error:
        DeviceStream(digits, cell_with(smallest + 1), CPU)
    assert str(error.value) == (
        f"evaluation.images_per_task: {smallest + 1} is more than the {smallest} test images of task {task}; "
        "choose at most that many."
    )


# --- arithmetic -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_bfloat16", [True, False])
@pytest.mark.parametrize("arithmetic", ["fp32", "bf16_screened"])
def test_the_screen_is_made_where_it_is_asked_for_and_pays(digits, arithmetic, has_bfloat16, monkeypatch):
    monkeypatch.setattr(device_stream, "has_bfloat16", lambda: has_bfloat16)
    settings = small_cell("sgd", evaluation=EvaluationSettings(arithmetic=arithmetic))
    assert bool(DeviceStream(digits, settings, CPU).evaluate.screens) == (arithmetic == "bf16_screened" and has_bfloat16)


# --- the order of the classes -----------------------------------------------------------------------------------------


def test_in_natural_order_all_seeds_share_one_stream(digits):
    stream = DeviceStream(digits, small_cell("sgd"), CPU)
    assert stream.of_seed(1) is stream


@pytest.mark.parametrize("images_per_task", [None, 20])
def test_a_class_order_by_seed_is_the_shuffled_stream(digits, images_per_task):
    natural = cell_with(images_per_task)
    stream = DeviceStream(digits, natural.model_copy(update={"class_order": "by_seed"}), CPU)
    for seed in (1, 2):
        expected = DeviceStream(shuffle_classes(digits, generator(seed, "classes")), natural, CPU)
        own = stream.of_seed(seed)
        assert (own.train_sizes, own.test_sizes) == (expected.train_sizes, expected.test_sizes)
        everything = torch.arange(sum(own.train_sizes))
        for ours, theirs in zip(own.batch(everything), expected.batch(everything), strict=True):
            assert torch.equal(ours, theirs)
        assert torch.equal(own.evaluate.images, expected.evaluate.images)
        assert torch.equal(own.evaluate.labels, expected.evaluate.labels)
        trained = own.batch(torch.arange(own.train_sizes[0]))[1].unique()
        assert torch.equal(trained, own.evaluate.labels[: own.test_sizes[0]].unique())
        assert own.of_seed(seed) is own
    assert not torch.equal(stream.of_seed(1).evaluate.labels, stream.of_seed(2).evaluate.labels)
