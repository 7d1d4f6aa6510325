"""Streams on disk: what is written comes back, what is wrong is named."""

import numpy as np
import pytest

from stability_gap.errors import UserError
from stability_gap.files import digest, read_json, write_json, write_npz
from stability_gap.tasks import stream_file
from stability_gap.tasks.arrays import read_arrays
from stability_gap.tasks.facts import StreamFacts, read_facts
from stability_gap.tasks.settings import SplitStream
from stability_gap.tasks.streams import build

SPLIT = SplitStream(kind="split", classes_per_task=2)


@pytest.fixture
def stream(dataset_maker):
    return build(dataset_maker(), SPLIT)


@pytest.fixture
def folder(stream, tmp_path):
    facts = {"benchmark": "split_made", "dataset": "made", "official": False, "source_digest": "abc"}
    stream_file.write(stream, SPLIT, tmp_path / "stream", **facts)
    return tmp_path / "stream"


def test_written_and_read(stream, folder):
    read = stream_file.read(folder)
    for name in stream_file.ARRAYS:
        assert np.array_equal(getattr(read, name), getattr(stream, name))
        assert getattr(read, name).dtype == getattr(stream, name).dtype
    assert (read.tasks, read.classes) == (2, 4)


def test_the_contract(folder):
    arrays = read_arrays(folder / "stream.npz")
    assert {name: str(array.dtype) for name, array in arrays.items()} == {
        "train_images": "uint8",
        "train_labels": "int64",
        "train_sizes": "int64",
        "test_images": "uint8",
        "test_labels": "int64",
        "test_sizes": "int64",
        "mean": "float32",
        "std": "float32",
    }
    assert read_json(folder / "stream.json") == {
        "benchmark": "split_made",
        "dataset": "made",
        "tasks": 2,
        "classes": 4,
        "incremental": "class",
        "settings": {"kind": "split", "classes_per_task": 2},
        "official": False,
        "digest": digest(folder / "stream.npz"),
        "source_digest": "abc",
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train_sizes": np.array([12, 11])}, "'train_sizes' adds up to 23, but there are 24 images"),
        ({"test_sizes": np.array([12])}, "'test_sizes' is int64 .* 2 tasks need 2 positive int64"),
        ({"test_sizes": np.array([12, 0])}, "'test_sizes' is int64"),
        ({"train_labels": np.full(24, 4)}, "'train_labels' holds labels from 4 to 4"),
        ({"train_images": np.zeros((24, 5, 5))}, "'train_images' is float64"),
        ({"test_images": np.zeros((12, 4, 5), np.uint8)}, r"'test_images' \(4, 5\)"),
        ({"std": np.array([0.0], np.float32)}, "std is .*0.0"),
        ({"mean": np.array([np.nan], np.float32)}, "mean is .*nan"),
        ({"mean": np.array([0.0])}, "mean is float64"),
        ({"std": np.array([77.0], np.float32)}, "is not the file that stream.json beside it describes"),
    ],
)
def test_bad_arrays_are_named(folder, changes, words):
    write_npz(folder / "stream.npz", read_arrays(folder / "stream.npz") | changes)
    with pytest.raises(UserError, match=rf"stream\.npz.*{words}"):
        stream_file.read(folder)


def test_missing_array_and_object_array(folder):
    arrays = read_arrays(folder / "stream.npz")
    with (folder / "stream.npz").open("wb") as handle:
        np.savez(handle, **(arrays | {"mean": np.array([{}])}))
    with pytest.raises(UserError, match=r"array 'mean' cannot be read .*Python objects are refused"):
        stream_file.read(folder)
    write_npz(folder / "stream.npz", {name: array for name, array in arrays.items() if name != "train_sizes"})
    with pytest.raises(UserError, match="lacks the array 'train_sizes'"):
        stream_file.read(folder)


def test_cut_off_missing_and_incomplete_files(folder):
    content = (folder / "stream.npz").read_bytes()
    (folder / "stream.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"stream.npz is damaged"):
        stream_file.read(folder)
    (folder / "stream.npz").unlink()
    with pytest.raises(UserError, match=r"stream.npz does not exist"):
        stream_file.read(folder)
    write_json(folder / "stream.json", {"tasks": 2})
    with pytest.raises(UserError, match=r"stream.json: classes: missing; add this key.\n.*stream.json: official: missing"):
        stream_file.read(folder)


def test_a_stream_from_elsewhere_need_not_say_what_its_tasks_bring(folder):
    facts = {
        key: value
        for key, value in read_json(folder / "stream.json").items()
        if key in ("tasks", "classes", "official", "digest")
    }
    write_json(folder / "stream.json", facts)
    assert stream_file.read(folder).tasks == 2
    assert read_facts(folder / "stream.json", StreamFacts).incremental is None


BAD = [None, -1, 0, 1, 2.5, "2", True, [], {}, 10**30]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (key, value)
        for key in ("tasks", "classes", "official", "digest", "incremental")
        for value in BAD
        if (key, value) != ("incremental", None) and not (key == "official" and value is True)
    ],
)
def test_a_fact_of_the_wrong_kind_is_named(folder, key, value):
    facts = read_json(folder / "stream.json")
    write_json(folder / "stream.json", facts | {key: value})
    with pytest.raises(UserError) as error:
        stream_file.read(folder)
    assert str(folder) in str(error.value)
    assert key in str(error.value) or "stream.npz" in str(error.value)


@pytest.mark.parametrize("content", ["null", "5", '"text"', "[1]", "true", "[" * 5000])
def test_facts_that_are_no_object_are_refused(folder, content):
    (folder / "stream.json").write_text(content)
    with pytest.raises(UserError, match=r"stream\.json (holds no JSON object|is not valid JSON)"):
        stream_file.read(folder)
