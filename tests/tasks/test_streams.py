"""Streams: which images and labels each task holds."""

import numpy as np
import pytest

from stability_gap.errors import UserError
from stability_gap.tasks.datasets import load
from stability_gap.tasks.settings import (
    CumulativeClassesStream,
    DigitsSettings,
    HomogeneousStream,
    PermutedStream,
    RotatedStream,
    SplitStream,
    SuperclassStream,
)
from stability_gap.tasks.streams import build
from stability_gap.tasks.transforms import rotate

SPLIT = SplitStream(kind="split", classes_per_task=2)
ROTATED = RotatedStream(kind="rotated", angles=[0, 80, 160])
PERMUTED = PermutedStream(kind="permuted", permutations=2)
SUPERCLASS = SuperclassStream(kind="superclass")
CUMULATIVE = CumulativeClassesStream(kind="cumulative_superclasses", superclasses=["aquatic_mammals", "fish", "flowers"])


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return load(DigitsSettings(source="sklearn_digits"), tmp_path_factory.mktemp("data"), download=False)


@pytest.fixture
def superclasses(dataset_maker):
    """12 fine classes in 4 superclasses; fine class f belongs to superclass f % 4."""
    dataset = dataset_maker(classes=12)
    coarse = {f"{part}_coarse_labels": getattr(dataset, f"{part}_labels") % 4 for part in ("train", "test")}
    return dataset_maker(classes=12, **coarse, coarse_names=("apes", "bees", "cats", "dogs"))


def tasks_of(stream, part="train"):
    """Images and labels of each task."""
    edges = np.cumsum(getattr(stream, f"{part}_sizes"))[:-1]
    return list(
        zip(
            np.split(getattr(stream, f"{part}_images"), edges),
            np.split(getattr(stream, f"{part}_labels"), edges),
            strict=True,
        )
    )


@pytest.mark.parametrize("part", ["train", "test"])
def test_split_digits(digits, part):
    stream = build(digits, SPLIT)
    images, labels = getattr(digits, f"{part}_images"), getattr(digits, f"{part}_labels")
    assert stream.tasks == 5
    assert stream.classes == 10
    assert getattr(stream, f"{part}_sizes").sum() == len(images) == len(getattr(stream, f"{part}_images"))
    for task, (task_images, task_labels) in enumerate(tasks_of(stream, part)):
        members = labels // 2 == task
        assert np.array_equal(task_images, images[members])
        assert np.array_equal(task_labels, labels[members])
    assert stream.mean is digits.mean


@pytest.mark.parametrize("part", ["train", "test"])
def test_rotated_digits(digits, part):
    stream = build(digits, ROTATED)
    images = getattr(digits, f"{part}_images")
    assert stream.tasks == 3
    for angle, (task_images, labels) in zip(ROTATED.angles, tasks_of(stream, part), strict=True):
        assert np.array_equal(task_images, rotate(images, angle))
        assert np.array_equal(labels, getattr(digits, f"{part}_labels"))
    assert np.array_equal(tasks_of(stream, part)[0][0], images)


@pytest.mark.parametrize("part", ["train", "test"])
def test_permuted_digits(digits, part):
    stream = build(digits, PERMUTED)
    images = getattr(digits, f"{part}_images").reshape(-1, 64)
    random = np.random.RandomState(42)
    orders = [np.arange(64), random.permutation(64), random.permutation(64)]
    assert stream.tasks == 3
    for order, (task_images, labels) in zip(orders, tasks_of(stream, part), strict=True):
        assert np.array_equal(task_images.reshape(-1, 64), images[:, order])
        assert np.array_equal(labels, getattr(digits, f"{part}_labels"))


def test_classes_that_do_not_divide(digits):
    with pytest.raises(UserError, match=r"classes_per_task: 3 does not divide the 10 classes.*1, 2, 5, 10"):
        build(digits, SplitStream(kind="split", classes_per_task=3))


@pytest.mark.parametrize(("part", "word"), [("train", "training"), ("test", "test")])
def test_missing_class(dataset_maker, part, word):
    labels = getattr(dataset_maker(), f"{part}_labels").copy()
    labels[labels == 3] = 2
    with pytest.raises(UserError, match=f"task 2 needs class 3, of which the data set has no {word} images"):
        build(dataset_maker(**{f"{part}_labels": labels}), SPLIT)


def test_superclasses(superclasses):
    stream = build(superclasses, SUPERCLASS)
    assert stream.tasks == 3
    assert stream.classes == 4
    for task, (images, labels) in enumerate(tasks_of(stream)):
        members = superclasses.train_labels // 4 == task  # the t-th fine class of each superclass
        assert np.array_equal(images, superclasses.train_images[members])
        assert np.array_equal(labels, superclasses.train_labels[members] % 4)


def test_cumulative_superclasses(superclasses):
    settings = CumulativeClassesStream(kind="cumulative_superclasses", superclasses=["cats", 0])
    stream = build(superclasses, settings)
    assert stream.classes == 100
    assert [np.unique(labels).tolist() for _, labels in tasks_of(stream, "test")] == [[2, 6, 10], [0, 4, 8]]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (SuperclassStream(kind="superclass", tasks=4), "task 4 needs one more class of superclass 0, which has 3"),
        (CUMULATIVE, "no superclass 'aquatic_mammals'; known are apes, bees, cats, dogs"),
        (CUMULATIVE.model_copy(update={"superclasses": [7]}), "task 1 needs superclass 7"),
        (CUMULATIVE.model_copy(update={"superclasses": ["dogs"], "classes": 11}), "classes: 11 is too small.*class 11"),
    ],
)
def test_superclasses_that_are_not_there(superclasses, settings, words):
    with pytest.raises(UserError, match=words):
        build(superclasses, settings)


@pytest.mark.parametrize("settings", [SUPERCLASS, CUMULATIVE])
def test_superclass_streams_need_superclasses(digits, settings):
    with pytest.raises(UserError, match=f"a {settings.kind} stream needs a data set with superclasses"):
        build(digits, settings)


@pytest.mark.parametrize("part", ["train", "test"])
def test_homogeneous_tasks_are_disjoint_parts_with_the_same_share_of_each_class(digits, part):
    stream = build(digits, HomogeneousStream(kind="homogeneous"))
    images, labels = getattr(digits, f"{part}_images"), getattr(digits, f"{part}_labels")
    pairs = [(label, image.tobytes()) for label, image in zip(labels, images, strict=True)]
    dealt = list(zip(getattr(stream, f"{part}_labels"), getattr(stream, f"{part}_images"), strict=True))
    assert sorted((label, image.tobytes()) for label, image in dealt) == sorted(pairs)
    shares = np.bincount(labels) / 5
    for _, task_labels in tasks_of(stream, part):
        assert np.abs(np.bincount(task_labels) - shares).max() < 1
    assert (stream.tasks, stream.classes) == (5, 10)
    assert np.ptp(getattr(stream, f"{part}_sizes")) <= 10


def test_homogeneous_tasks_are_of_the_split_seed(digits):
    first, again, other = (
        build(digits, HomogeneousStream(kind="homogeneous", split_seed=seed)).train_images.tobytes() for seed in (0, 0, 1)
    )
    assert first == again != other


def test_homogeneous_tasks_need_an_image_of_each_class(dataset_maker):
    assert build(dataset_maker(), HomogeneousStream(kind="homogeneous", tasks=3)).test_sizes.tolist() == [4, 4, 4]
    with pytest.raises(
        UserError, match="tasks: 4 is more than the 3 images that class 0 has in the training or test set; choose at"
    ):
        build(dataset_maker(), HomogeneousStream(kind="homogeneous", tasks=4))


def test_twenty_rotations(dataset_maker):
    stream = build(dataset_maker(), RotatedStream(kind="rotated", angles=list(range(0, 180, 9))))
    assert stream.train_sizes.tolist() == [24] * 20
    assert np.array_equal(tasks_of(stream)[19][0], rotate(dataset_maker().train_images, 171))
