"""Read and check the arrays of npz files, with messages that name file and array."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stability_gap.errors import UserError

Array = NDArray[Any]
Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


def read_arrays(path: Path, names: Iterable[str] | None = None) -> dict[str, Array]:
    """Read the arrays `names` of an npz file, or all it has. Errors: UserError (missing, damaged, Python objects)."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: _read_array(path, archive, name) for name in names or archive.files}
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist; run the step that makes it (snakemake {path}).") from error
    except UserError:
        raise
    except Exception as error:  # numpy and zipfile raise many types on damaged bytes
        raise UserError(f"{path} is damaged or no plain npz file ({error}); delete it and make it again.") from error


def check_labelled_images(
    path: Path, arrays: dict[str, Array], images_name: str, labels_name: str, classes: int
) -> tuple[Images, Labels]:
    """Return images, uint8 (n, H, W) or (n, H, W, 3), and their labels, 0 … classes−1, int64 (n,). Errors: UserError."""
    images = arrays[images_name]
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] != 3):
        raise UserError(
            f"{path}: array '{images_name}' is {_describe(images)}; "
            "images are uint8 (n, height, width) or uint8 (n, height, width, 3)."
        )
    if not images.size:
        raise UserError(f"{path}: array '{images_name}' holds no pixels, its shape is {images.shape}.")
    return images, check_labels(path, arrays, labels_name, len(images), classes)


def check_labels(path: Path, arrays: dict[str, Array], name: str, count: int, classes: int) -> Labels:
    """Return labels, 0 … classes−1, of `count` images, int64 (count,). Errors: UserError."""
    labels = arrays[name]
    if not np.issubdtype(labels.dtype, np.integer) or labels.shape != (count,):
        raise UserError(f"{path}: array '{name}' is {_describe(labels)}; {count} images need {count} integers.")
    if labels.min() < 0 or labels.max() >= classes:
        raise UserError(
            f"{path}: array '{name}' holds labels from {labels.min()} to {labels.max()}; "
            f"{classes} classes are numbered 0 to {classes - 1}."
        )
    return labels.astype(np.int64)


def check_names(path: Path, arrays: dict[str, Array], name: str) -> tuple[str, ...]:
    """Return the texts of an array of names (n,). Errors: UserError."""
    names = arrays[name]
    if names.dtype.kind != "U" or names.ndim != 1 or not names.size:
        raise UserError(f"{path}: array '{name}' is {_describe(names)}; names are text (n,).")
    return tuple(names.tolist())


def check_same_size(path: Path, arrays: dict[str, Array], train_name: str, test_name: str) -> None:
    """Refuse training and test images that differ in height, width or channels. Errors: UserError."""
    train, test = arrays[train_name].shape[1:], arrays[test_name].shape[1:]
    if train != test:
        raise UserError(f"{path}: the images of array '{train_name}' are {train}, those of '{test_name}' {test}.")


def check_normalisation(
    path: Path, arrays: dict[str, Array], images_name: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return `mean` and `std`, float32 (1,) or (channels,), finite, std above 0. Errors: UserError."""
    channels = arrays[images_name].shape[3:]
    for name in ("mean", "std"):
        values = arrays[name]
        if values.dtype != np.float32 or values.shape not in ((1,), channels):
            expected = " or ".join(f"float32 {shape}" for shape in dict.fromkeys([(1,), channels]) if shape)
            raise UserError(f"{path}: {name} is {_describe(values)}, but the images need {expected}.")
        if not np.isfinite(values).all() or (name == "std" and (values <= 0).any()):
            raise UserError(f"{path}: {name} is {values.tolist()}, which no pixel can be normalised with.")
    return arrays["mean"], arrays["std"]


def _describe(array: Array) -> str:
    return f"{array.dtype} {array.shape}"


def _read_array(path: Path, archive: Any, name: str) -> Array:
    if name not in archive.files:
        raise UserError(f"{path} lacks the array '{name}'; it has {', '.join(archive.files) or 'none'}.")
    try:
        array: Array = archive[name]
    except MemoryError as error:
        raise UserError(f"{path}: array '{name}' does not fit into memory, or its header is damaged ({error}).") from error
    except ValueError as error:
        raise UserError(
            f"{path}: array '{name}' cannot be read ({error}). Save it as plain numbers or text; "
            "arrays of Python objects are refused, they could run code."
        ) from error
    return array
