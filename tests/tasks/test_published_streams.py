"""The benchmarks of PROTOCOL §4 on real label tables, through the data sets of config.yaml: which task holds what."""

from pathlib import Path

import numpy as np
import pytest

from stability_gap import config
from stability_gap.tasks.datasets import load
from stability_gap.tasks.settings import CumulativeClassesStream, SplitStream, SuperclassStream
from stability_gap.tasks.streams import build

DATASETS = config.load(Path(__file__).parents[2] / "config.yaml").datasets
PARTS = ("train", "test")


@pytest.fixture(scope="module")
def cifar(shared_data, tmp_path_factory):
    """CIFAR-10 and CIFAR-100 by name: real labels and file layout; each "image" is one pixel that spells its position."""
    root = tmp_path_factory.mktemp("data")
    script = shared_data("unpack.py")
    unpack = {"__name__": "unpack", "__file__": str(script)}
    exec(script.read_text(encoding="utf-8"), unpack)  # an import would leave bytecode beside the data
    unpack["mosaics"] = lambda folder, prefix, total: positions(total)
    unpack["cifar10"](root)
    unpack["cifar100"](root)
    return {name: load(DATASETS[name], root, download=True) for name in ("cifar10", "cifar100")}


@pytest.fixture(scope="module")
def fine_names(shared_data):
    with np.load(shared_data("cifar100/labels.npz"), allow_pickle=False) as tables:
        return tables["fine_names"]


def positions(count):
    """Images uint8 (count, 1, 1, 3) that hold their position in base 256."""
    return np.arange(count, dtype="<u4").view(np.uint8).reshape(count, 1, 1, 4)[..., :3]


def members(dataset, stream, part):
    """For each task: its images' fine classes (n,) in the data set, and their labels (n,) in the stream."""
    digits = getattr(stream, f"{part}_images")[:, 0, 0].astype(np.int64)
    fine = getattr(dataset, f"{part}_labels")[digits @ [1, 256, 256**2]]
    edges = np.cumsum(getattr(stream, f"{part}_sizes"))[:-1]
    return list(zip(np.split(fine, edges), np.split(getattr(stream, f"{part}_labels"), edges), strict=True))


def counts(values):
    return dict(zip(*(each.tolist() for each in np.unique(values, return_counts=True)), strict=True))


def test_split_mnist(shared_data):
    stream = build(
        load(DATASETS["mnist"], shared_data("MNIST").parent, download=False), SplitStream(kind="split", classes_per_task=2)
    )
    assert stream.train_sizes.tolist() == [12665, 12089, 11263, 12183, 11800]
    assert stream.test_sizes.tolist() == [2115, 2042, 1874, 1986, 1983]


@pytest.mark.parametrize(("part", "per_class"), [("train", 5_000), ("test", 1_000)])
def test_split_cifar10(cifar, part, per_class):
    stream = build(cifar["cifar10"], SplitStream(kind="split", classes_per_task=2))
    assert stream.classes == 10
    tasks = members(cifar["cifar10"], stream, part)
    assert len(tasks) == 5
    for task, (fine, labels) in enumerate(tasks):
        assert counts(labels) == {2 * task: per_class, 2 * task + 1: per_class}
        assert np.array_equal(fine, labels)


@pytest.mark.parametrize(("part", "per_class"), [("train", 500), ("test", 100)])
def test_domain_cifar100(cifar, fine_names, part, per_class):
    dataset = cifar["cifar100"]
    stream = build(dataset, SuperclassStream(kind="superclass"))
    assert stream.classes == 20
    tasks = members(dataset, stream, part)
    superclass_of = dict(zip(dataset.train_labels.tolist(), dataset.train_coarse_labels.tolist(), strict=True))
    ordered = {each: sorted(fine for fine in superclass_of if superclass_of[fine] == each) for each in range(20)}
    assert len(tasks) == 3
    for task, (fine, labels) in enumerate(tasks):
        assert counts(labels) == dict.fromkeys(range(20), per_class)
        pairs = set(zip(labels.tolist(), fine.tolist(), strict=True))
        assert pairs == {(superclass, classes[task]) for superclass, classes in ordered.items()}
    names = [[fine_names[fine[labels == superclass][0]] for fine, labels in tasks] for superclass in (0, 19)]
    assert names == [["beaver", "dolphin", "otter"], ["lawn_mower", "rocket", "streetcar"]]


@pytest.mark.parametrize(("part", "per_class"), [("train", 500), ("test", 100)])
def test_domain_cifar100_v1(cifar, fine_names, part, per_class):
    dataset = cifar["cifar100"]
    settings = CumulativeClassesStream(kind="cumulative_superclasses", superclasses=["aquatic_mammals", "fish", "flowers"])
    stream = build(dataset, settings)
    assert stream.classes == 100
    kinds = [
        ["beaver", "dolphin", "otter", "seal", "whale"],
        ["aquarium_fish", "flatfish", "ray", "shark", "trout"],
        ["orchid", "poppy", "rose", "sunflower", "tulip"],
    ]
    for names, (fine, labels) in zip(kinds, members(dataset, stream, part), strict=True):
        assert counts(fine_names[fine]) == dict.fromkeys(names, per_class)
        assert np.array_equal(fine, labels)


def test_the_cifar_files_are_not_official(cifar):
    for name, dataset in cifar.items():
        assert not dataset.official
        assert set(dataset.files) == {f"{name}.npz"}
    assert [len(each.train_labels) for each in cifar.values()] == [50_000, 33_000]


def test_split_mini_imagenet(shared_data):
    """The shipped settings on the sample, which has fewer images of each class."""
    root = shared_data("mini-imagenet-sample")
    changes = {"folder": "images", "splits": ["train.csv"], "train_per_class": 3, "test_per_class": 1}
    dataset = load(DATASETS["mini_imagenet"].model_copy(update=changes), root, download=True)
    stream = build(dataset, SplitStream(kind="split", classes_per_task=10))
    assert stream.classes == 50
    assert stream.train_images.shape[1:] == (84, 84, 3)
    for part, per_class in (("train", 3), ("test", 1)):
        sizes, labels = getattr(stream, f"{part}_sizes"), getattr(stream, f"{part}_labels")
        assert sizes.tolist() == [10 * per_class] * 5
        assert labels.tolist() == np.repeat(np.arange(50), per_class).tolist()


def test_mini_imagenet_as_published():
    settings = DATASETS["mini_imagenet"]
    assert (settings.train_per_class, settings.test_per_class, settings.size) == (500, 100, [84, 84])
    assert settings.class_order is None
