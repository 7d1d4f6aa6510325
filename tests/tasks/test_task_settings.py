"""Settings of data sets and streams: what is refused, and with which words."""

import pytest
from pydantic import TypeAdapter, ValidationError

from stability_gap.tasks.settings import DatasetSettings, RotatedStream, StreamSettings

MNIST = {"source": "torchvision", "name": "MNIST", "mean": [0.1307], "std": [0.3081]}
NPZ = {"source": "npz", "file": "own.npz", "classes": 4, "mean": [0.5], "std": [0.5]}
FOLDER = {"source": "image_folder", "folder": "own/images", "splits": ["own/train.csv"], "mean": [0.5], "std": [0.5]}


def test_the_discriminator_chooses_the_model():
    assert isinstance(TypeAdapter(StreamSettings).validate_python({"kind": "rotated", "angles": [0, 80]}), RotatedStream)


@pytest.mark.parametrize(
    ("settings", "incremental"),
    [
        ({"kind": "split", "classes_per_task": 2}, "class"),
        ({"kind": "rotated", "angles": [0]}, "domain"),
        ({"kind": "permuted", "permutations": 2}, "domain"),
        ({"kind": "homogeneous"}, "domain"),
        ({"kind": "superclass"}, "domain"),
        ({"kind": "cumulative_superclasses", "superclasses": [1]}, "class"),
    ],
)
def test_a_kind_of_stream_says_what_its_tasks_bring(settings, incremental):
    stream = TypeAdapter(StreamSettings).validate_python(settings)
    assert stream.incremental == incremental
    assert "incremental" not in stream.model_dump()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "split", "classes_per_task": 0}, "greater than or equal to 1"),
        ({"kind": "split", "classes_per_task": "2"}, "valid integer"),
        ({"kind": "split", "classes_per_task": 2, "tasks": 5}, "Extra inputs"),
        ({"kind": "rotated", "angles": []}, "at least 1"),
        ({"kind": "rotated", "angles": [0, -80]}, "greater than or equal to 0"),
        ({"kind": "rotated", "angles": [0, 360]}, "less than 360"),
        ({"kind": "rotated", "angles": [0, 80, 80.0]}, "80.0 stands here twice"),
        ({"kind": "rotated", "angles": [float("nan")]}, "finite"),
        ({"kind": "rotated", "angles": [0], "interpolation": "cubic"}, "nearest"),
        ({"kind": "permuted", "permutations": 0}, "greater than or equal to 1"),
        ({"kind": "homogeneous", "tasks": 1}, "greater than or equal to 2"),
        ({"kind": "cumulative_superclasses", "superclasses": []}, "at least 1"),
        ({"kind": "cumulative_superclasses", "superclasses": ["fish", "fish"]}, "fish stands here twice"),
        ({"kind": "cumulative_superclasses", "superclasses": [-1]}, "0 or larger"),
        ({"kind": "cubic"}, "'split', 'rotated', 'permuted'"),
    ],
)
def test_bad_stream_settings_are_refused(settings, words):
    with pytest.raises(ValidationError, match=words):
        TypeAdapter(StreamSettings).validate_python(settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"source": "sklearn_digits", "test_fraction": 1.0}, "less than 1"),
        ({"source": "sklearn_digits", "holdout": {"fraction": 0}}, "greater than 0"),
        (MNIST | {"holdout": {"fraction": 1}}, "less than 1"),
        (NPZ | {"holdout": {"seed": -1}}, "greater than or equal to 0"),
        (FOLDER | {"holdout": 0.1}, "valid dictionary or instance of Holdout"),
        (MNIST | {"name": "SVHN"}, "MNIST"),
        (MNIST | {"mean": [33.3]}, "less than or equal to 1"),
        (MNIST | {"std": [0]}, "greater than 0"),
        (MNIST | {"mean": [0.1, 0.2, 0.3], "std": [0.1, 0.2, 0.3]}, "need 1 value each, not 3 and 3"),
        (MNIST | {"name": "CIFAR10", "mean": [0.4, 0.4, 0.4]}, "need 1 or 3 values each, not 3 and 1"),
        (NPZ | {"file": "/etc/own.npz"}, "inside data_root"),
        (NPZ | {"file": "../own.npz"}, "inside data_root"),
        (NPZ | {"train_coarse_labels": "coarse"}, "go together"),
        (NPZ | {"coarse_names": "names"}, "coarse_names needs"),
        (NPZ | {"mean": [0.5, 0.5], "std": [0.5, 0.5]}, "need 1 or 3 values each, not 2 and 2"),
        (MNIST | {"npz": {"file": "../own.npz"}}, "inside data_root"),
        (MNIST | {"npz": {"file": "own.npz", "train_coarse_labels": "coarse"}}, "go together"),
        (MNIST | {"npz": {"file": "own.npz", "classes": 10}}, "Extra inputs"),
        (FOLDER | {"folder": "/own/images"}, "inside data_root"),
        (FOLDER | {"folder": "own/../../images"}, "inside data_root"),
        (FOLDER | {"splits": ["own/train.csv", "../test.csv"]}, "inside data_root"),
        (FOLDER | {"splits": []}, "at least 1"),
        (FOLDER | {"splits": ["own/train.csv"] * 2}, "own/train.csv stands here twice"),
        (FOLDER | {"class_order": ["cat", "dog", "cat"]}, "cat stands here twice"),
        (FOLDER | {"class_order": ["cat", "dog"], "classes": 3}, "class_order names 2 classes, but classes asks for 3"),
        (FOLDER | {"test_per_class": 0}, "greater than or equal to 1"),
        (FOLDER | {"size": [84]}, "at least 2"),
        (FOLDER | {"size": [84, 0]}, "greater than or equal to 1"),
        (FOLDER | {"mean": [0.5] * 3}, "need 1 or 3 values each, not 3 and 1"),
    ],
)
def test_bad_dataset_settings_are_refused(settings, words):
    with pytest.raises(ValidationError, match=words):
        TypeAdapter(DatasetSettings).validate_python(settings)


def test_every_field_of_an_own_file_is_described():
    schema = TypeAdapter(DatasetSettings).json_schema()
    for model in ("DigitsSettings", "TorchvisionSettings", "NpzArrays", "NpzSettings", "ImageFolderSettings"):
        described = {name: "description" in field for name, field in schema["$defs"][model]["properties"].items()}
        assert all(there for name, there in described.items() if name != "source"), described
