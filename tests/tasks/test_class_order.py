"""Streams with their classes in another order, against an image-by-image reference."""

from itertools import chain

import numpy as np
import pytest

from stability_gap.errors import UserError
from stability_gap.tasks.class_order import regroup, shuffle_classes
from stability_gap.tasks.settings import HomogeneousStream, RotatedStream, SplitStream
from stability_gap.tasks.streams import build

SPLIT = SplitStream(kind="split", classes_per_task=3)


@pytest.fixture
def stream(dataset_maker):
    return build(dataset_maker(classes=12), SPLIT)


def classes_of(stream, part):
    """The classes of each task."""
    labels, sizes = getattr(stream, f"{part}_labels"), getattr(stream, f"{part}_sizes")
    return [sorted(set(own.tolist())) for own in np.split(labels, np.cumsum(sizes)[:-1])]


def shuffled(stream, seed):
    return shuffle_classes(stream, np.random.default_rng(seed))


def test_every_class_is_in_one_task_and_tasks_test_what_they_train(stream):
    orders = set()
    for seed in range(20):
        other = shuffled(stream, seed)
        classes = classes_of(other, "train")
        assert classes == classes_of(other, "test")
        assert sorted(chain.from_iterable(classes)) == list(range(12))
        assert [len(own) for own in classes] == [3, 3, 3, 3]
        orders.add(str(classes))
    assert len(orders) == 20


@pytest.mark.parametrize("part", ["train", "test"])
def test_images_keep_their_labels_and_their_order_within_a_task(stream, part):
    images, labels = getattr(stream, f"{part}_images"), getattr(stream, f"{part}_labels")
    other, position = shuffled(stream, 1), 0
    for own in classes_of(other, part):
        for image, label in zip(images, labels, strict=True):
            if label in own:
                assert np.array_equal(getattr(other, f"{part}_images")[position], image)
                assert getattr(other, f"{part}_labels")[position] == label
                position += 1
    assert position == len(labels)
    assert getattr(other, f"{part}_sizes").dtype == np.int64
    assert (other.classes, other.mean is stream.mean) == (12, True)


def test_the_same_seed_has_the_same_order(stream):
    assert shuffled(stream, 5).train_images.tobytes() == shuffled(stream, 5).train_images.tobytes()


def test_the_natural_order_is_the_stream_itself(stream):
    same = regroup(stream, [np.arange(first, first + 3) for first in range(0, 12, 3)])
    for name in ("train_images", "train_labels", "train_sizes", "test_images", "test_labels", "test_sizes"):
        assert getattr(same, name).tobytes() == getattr(stream, name).tobytes()


@pytest.mark.parametrize(
    "settings", [RotatedStream(kind="rotated", angles=[0, 80]), HomogeneousStream(kind="homogeneous", tasks=2)]
)
def test_tasks_that_share_classes_cannot_be_shuffled(dataset_maker, settings):
    with pytest.raises(
        UserError, match="class_order: by_seed needs tasks that share no class, as of a split stream; write natural"
    ):
        shuffled(build(dataset_maker(), settings), 0)


def test_tasks_that_test_other_classes_cannot_be_shuffled(dataset_maker):
    stream = build(dataset_maker(), SplitStream(kind="split", classes_per_task=2))
    stream.test_labels[:] = 0
    with pytest.raises(UserError, match="by_seed needs tasks that share no class"):
        shuffled(stream, 0)


def test_one_task_stays_one_task(dataset_maker):
    stream = build(dataset_maker(), SplitStream(kind="split", classes_per_task=4))
    assert shuffled(stream, 0).train_images.tobytes() == stream.train_images.tobytes()
