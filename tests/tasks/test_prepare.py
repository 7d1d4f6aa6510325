"""The two steps from files to a stream, as the pipeline runs them."""

import numpy as np
import pytest

from stability_gap.errors import UserError
from stability_gap.files import digest, read_json, write_npz
from stability_gap.tasks import dataset_file, stream_file
from stability_gap.tasks.arrays import read_arrays
from stability_gap.tasks.prepare import prepare_dataset, prepare_stream
from stability_gap.tasks.settings import (
    DigitsSettings,
    Holdout,
    NpzSettings,
    PermutedStream,
    RotatedStream,
    SplitStream,
    SuperclassStream,
    TorchvisionSettings,
)

DIGITS = DigitsSettings(source="sklearn_digits")
STREAMS = [
    SplitStream(kind="split", classes_per_task=2),
    RotatedStream(kind="rotated", angles=[0, 80, 160]),
    PermutedStream(kind="permuted", permutations=2),
]


@pytest.fixture
def digits(tmp_path):
    prepare_dataset("digits", DIGITS, tmp_path / "no data needed", tmp_path / "digits")
    return tmp_path / "digits"


def test_digits_from_start_to_end(digits, tmp_path):
    about = read_json(digits / "data.json")
    assert about["dataset"] == "digits"
    assert about["official"] is True
    assert about["digest"] == digest(digits / "data.npz")
    assert about["settings"] == DIGITS.model_dump()
    assert sum(about["train_counts"]) == 1347
    assert sum(about["test_counts"]) == 450
    assert not (tmp_path / "no data needed").exists()
    for settings in STREAMS:
        prepare_stream("digits_stream", settings, digits, tmp_path / settings.kind)
        stream = stream_file.read(tmp_path / settings.kind)
        assert stream.tasks == {"split": 5, "rotated": 3, "permuted": 3}[settings.kind]
        facts = read_json(tmp_path / settings.kind / "stream.json")
        assert facts["source_digest"] == about["digest"]
        assert facts["official"] is True
        assert facts["dataset"] == "digits"


def test_a_holdout_is_told_and_its_streams_hold_no_test_image(digits, tmp_path):
    held = DIGITS.model_copy(update={"holdout": Holdout(fraction=0.1, seed=0)})
    prepare_dataset("digits_holdout", held, tmp_path, tmp_path / "held")
    about, plain = (read_json(folder / "data.json") for folder in (tmp_path / "held", digits))
    assert (about["settings"]["holdout"], plain["settings"]["holdout"]) == ({"fraction": 0.1, "seed": 0}, None)
    assert about["digest"] != plain["digest"]
    sums = (np.add(about["train_counts"], about["test_counts"]), plain["train_counts"])
    assert sums[0].tolist() == sums[1]
    tests = {image.tobytes() for image in read_arrays(digits / "data.npz")["test_images"]}
    prepare_stream("digits_stream", STREAMS[0], tmp_path / "held", tmp_path / "split")
    stream = stream_file.read(tmp_path / "split")
    assert not tests & {image.tobytes() for images in (stream.train_images, stream.test_images) for image in images}


def test_the_same_bytes_again(digits, tmp_path):
    prepare_dataset("digits", DIGITS, tmp_path, tmp_path / "again")
    folders = [(digits, tmp_path / "again")]
    for settings in STREAMS:
        pair = tmp_path / f"{settings.kind}_1", tmp_path / f"{settings.kind}_2"
        for source, output in zip(folders[0], pair, strict=True):
            prepare_stream("digits_stream", settings, source, output)
        folders.append(pair)
    for first, second in folders:
        for path in first.iterdir():
            assert path.read_bytes() == (second / path.name).read_bytes()


def test_data_npz_is_not_compressed(digits):
    assert (digits / "data.npz").stat().st_size > (1347 + 450) * (64 + 8)


def test_superclasses_survive_the_file(dataset_maker, tmp_path):
    dataset = dataset_maker(classes=12)
    arrays = {name: getattr(dataset, name) for name in ("train_images", "train_labels", "test_images", "test_labels")}
    arrays |= {f"{part}_coarse": arrays[f"{part}_labels"] % 4 for part in ("train", "test")}
    write_npz(tmp_path / "own.npz", arrays | {"names": np.array(["apes", "bees", "cats", "dogs"])})
    settings = NpzSettings(
        source="npz",
        file="own.npz",
        classes=12,
        train_coarse_labels="train_coarse",
        test_coarse_labels="test_coarse",
        coarse_names="names",
        mean=[0.5],
        std=[0.5],
    )
    prepare_dataset("own", settings, tmp_path, tmp_path / "own")
    read, facts = dataset_file.read(tmp_path / "own")
    assert facts.dataset == "own"
    assert read.coarse_names == ("apes", "bees", "cats", "dogs")
    assert read.official is False
    assert read.files == {"own.npz": digest(tmp_path / "own.npz")}
    prepare_stream("own_stream", SuperclassStream(kind="superclass"), tmp_path / "own", tmp_path / "stream")
    assert stream_file.read(tmp_path / "stream").classes == 4


def test_made_mnist_from_start_to_end(mnist_root, tmp_path):
    settings = TorchvisionSettings(source="torchvision", name="MNIST", mean=[0.1307], std=[0.3081])
    prepare_dataset("mnist", settings, mnist_root, tmp_path / "mnist", download=False)
    prepare_stream("rotated_mnist", STREAMS[1], tmp_path / "mnist", tmp_path / "rotated_mnist")
    stream = stream_file.read(tmp_path / "rotated_mnist")
    assert stream.train_images.shape == (180, 28, 28)
    assert stream.train_sizes.tolist() == [60, 60, 60]
    assert len(read_json(tmp_path / "mnist/data.json")["files"]) == 4


def test_errors_name_data_set_and_benchmark(digits, tmp_path):
    missing = NpzSettings(source="npz", file="own.npz", classes=4, mean=[0.5], std=[0.5])
    with pytest.raises(UserError, match=r"^dataset own: file: own.npz is not in data_root"):
        prepare_dataset("own", missing, tmp_path, tmp_path / "own")
    with pytest.raises(UserError, match=r"^benchmark split_digits: classes_per_task: 4 does not divide"):
        prepare_stream("split_digits", SplitStream(kind="split", classes_per_task=4), digits, tmp_path / "stream")
    with pytest.raises(UserError, match=r"^benchmark split_digits: .*data.json does not exist"):
        prepare_stream("split_digits", STREAMS[0], tmp_path / "nowhere", tmp_path / "stream")


def test_damaged_data_set_file(digits, tmp_path):
    arrays = read_arrays(digits / "data.npz")
    write_npz(digits / "data.npz", {name: array for name, array in arrays.items() if name != "mean"})
    with pytest.raises(UserError, match=r"data.npz lacks the array\(s\) mean; delete it"):
        prepare_stream("split_digits", STREAMS[0], digits, tmp_path / "stream")
