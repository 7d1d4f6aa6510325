"""Write and read streams: stream.npz and stream.json in one folder (docs/data-contracts.md)."""

from pathlib import Path

import numpy as np

from stability_gap.errors import UserError
from stability_gap.files import digest, write_json, write_npz
from stability_gap.tasks.arrays import Array, check_labelled_images, check_normalisation, check_same_size, read_arrays
from stability_gap.tasks.facts import StreamFacts, read_facts
from stability_gap.tasks.settings import StreamSettings
from stability_gap.tasks.streams import Stream

ARRAYS = (
    "train_images",
    "train_labels",
    "train_sizes",
    "test_images",
    "test_labels",
    "test_sizes",
    "mean",
    "std",
)


def write(
    stream: Stream,
    settings: StreamSettings,
    folder: Path,
    *,
    benchmark: str,
    dataset: str,
    official: bool,
    source_digest: str,
) -> None:
    """Write stream.npz and stream.json. `dataset` is the data set's name, `source_digest` that of its data.npz."""
    path = folder / "stream.npz"
    write_npz(path, {name: getattr(stream, name) for name in ARRAYS})
    write_json(
        folder / "stream.json",
        {
            "benchmark": benchmark,
            "dataset": dataset,
            "tasks": stream.tasks,
            "classes": stream.classes,
            "incremental": settings.incremental,
            "settings": settings.model_dump(mode="json"),
            "official": official,
            "digest": digest(path),
            "source_digest": source_digest,
        },
    )


def read(folder: Path) -> Stream:
    """Read the stream that `write` left in `folder`.

    Errors: UserError where an array is missing, of the wrong kind or out of step with the others, and where stream.npz
    is not the file that stream.json describes.
    """
    about, path = read_facts(folder / "stream.json", StreamFacts), folder / "stream.npz"
    arrays = read_arrays(path, ARRAYS)
    classes = about.classes
    train = check_labelled_images(path, arrays, "train_images", "train_labels", classes)
    test = check_labelled_images(path, arrays, "test_images", "test_labels", classes)
    check_same_size(path, arrays, "train_images", "test_images")
    mean, std = check_normalisation(path, arrays, "train_images")
    for name, images in (("train_sizes", train[0]), ("test_sizes", test[0])):
        _check_sizes(path, name, arrays[name], tasks=about.tasks, total=len(images))
    if digest(path) != about.digest:
        raise UserError(f"{path} is not the file that stream.json beside it describes; delete both and run again.")
    return Stream(*train, arrays["train_sizes"], *test, arrays["test_sizes"], mean, std, classes)


def _check_sizes(path: Path, name: str, sizes: Array, tasks: int, total: int) -> None:
    if sizes.dtype != np.int64 or sizes.shape != (tasks,) or (sizes <= 0).any():
        raise UserError(f"{path}: array '{name}' is {sizes.dtype} {sizes.shape}; {tasks} tasks need {tasks} positive int64.")
    if sizes.sum() != total:
        raise UserError(f"{path}: array '{name}' adds up to {sizes.sum()}, but there are {total} images.")
