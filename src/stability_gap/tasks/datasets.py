"""Load data sets as plain arrays, whatever files they come from."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stability_gap.errors import UserError
from stability_gap.files import digest
from stability_gap.tasks import image_folder, official_files
from stability_gap.tasks.arrays import (
    Array,
    Images,
    Labels,
    check_labelled_images,
    check_labels,
    check_names,
    check_normalisation,
    check_same_size,
    read_arrays,
)
from stability_gap.tasks.settings import (
    DatasetSettings,
    DigitsSettings,
    Holdout,
    ImageFolderSettings,
    NpzArrays,
    NpzSettings,
    TorchvisionSettings,
)

LABELLED_IMAGES = ("train_images", "train_labels", "test_images", "test_labels")
COARSE = ("train_coarse_labels", "test_coarse_labels", "coarse_names")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Hold images with their labels, split into training and test set.

    train_images, test_images: uint8 (n, H, W) or (n, H, W, 3), raw pixels. train_labels, test_labels: int64 (n,),
    0 … classes−1. mean, std: float32 (1,) or (3,), in raw pixel units: (pixel − mean) / std. official: made from the
    published files, checked by their digests. files: sha256 of every file the arrays come from, by its path relative to
    data_root; the images of a folder have one for all. train_coarse_labels, test_coarse_labels: superclass of every
    image, int64 (n,), where the data set has superclasses; coarse_names: their names in label order, where known.
    """

    train_images: Images
    train_labels: Labels
    test_images: Images
    test_labels: Labels
    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    classes: int
    official: bool
    files: dict[str, str]
    train_coarse_labels: Labels | None = None
    test_coarse_labels: Labels | None = None
    coarse_names: tuple[str, ...] | None = None


def load(settings: DatasetSettings, data_root: Path, download: bool) -> Dataset:
    """Load the data set that `settings` describe, from its files in `data_root`.

    With a `holdout` the test set is a part of the training set, and the real test images are in no array. Nothing is
    written unless official files are missing, no npz file takes their place and `download` is true. Errors: UserError where
    files are missing, damaged or hold something else, and where too little would be held out.
    """
    dataset = _whole(settings, data_root, download)
    return dataset if settings.holdout is None else _hold_out(dataset, settings.holdout)


def _whole(settings: DatasetSettings, data_root: Path, download: bool) -> Dataset:
    match settings:
        case DigitsSettings():
            return _load_digits(settings)
        case TorchvisionSettings():
            return _load_official(settings, data_root, download)
        case NpzSettings():
            return _load_npz(settings, data_root, settings.classes, _normalisation(settings))
        case ImageFolderSettings():
            return _load_image_folder(settings, data_root)


def assemble(
    path: Path,
    arrays: dict[str, Array],
    classes: int,
    official: bool,
    files: dict[str, str],
    names: dict[str, str] | None = None,
) -> Dataset:
    """Make a Dataset of `arrays`, which came from `path`.

    `names` maps fields of Dataset to keys of `arrays` (default: the same). Errors: UserError, naming file and array.
    """
    names = names or {field: field for field in arrays}
    train_images, train_labels, test_images, test_labels = (names[field] for field in LABELLED_IMAGES)
    train = check_labelled_images(path, arrays, train_images, train_labels, classes)
    test = check_labelled_images(path, arrays, test_images, test_labels, classes)
    check_same_size(path, arrays, train_images, test_images)
    mean, std = check_normalisation(path, arrays, train_images)

    train_coarse, test_coarse, coarse_names = (names.get(field) for field in COARSE)
    superclasses = check_names(path, arrays, coarse_names) if coarse_names else None
    coarse_classes = len(superclasses) if superclasses else classes
    return Dataset(
        *train,
        *test,
        mean,
        std,
        classes,
        official,
        files,
        check_labels(path, arrays, train_coarse, len(train[0]), coarse_classes) if train_coarse else None,
        check_labels(path, arrays, test_coarse, len(test[0]), coarse_classes) if test_coarse else None,
        superclasses,
    )


def _hold_out(dataset: Dataset, holdout: Holdout) -> Dataset:
    """Make a stratified part of the training images the test set. mean and std stay, those of all training images with digits."""
    labels, coarse = dataset.train_labels, dataset.train_coarse_labels
    train, test = _stratified(labels, holdout.fraction, holdout.seed, "holdout.fraction", usual=0.1)
    return replace(
        dataset,
        train_images=dataset.train_images[train],
        train_labels=labels[train],
        test_images=dataset.train_images[test],
        test_labels=labels[test],
        train_coarse_labels=None if coarse is None else coarse[train],
        test_coarse_labels=None if coarse is None else coarse[test],
    )


def _stratified(labels: Labels, fraction: float, seed: int, key: str, usual: float) -> tuple[Labels, Labels]:
    """Positions of the labels that train and of those that test, `fraction` of each class, both in order.

    Errors: UserError naming `key`, and the class of which a part has no image.
    """
    from sklearn.model_selection import train_test_split  # slow to import, needed for digits and holdouts only

    try:
        train, test = train_test_split(np.arange(len(labels)), test_size=fraction, random_state=seed, stratify=labels)
    except ValueError as error:
        raise UserError(f"{key}: {fraction} leaves a part too small ({error}). Try {usual}.") from error
    for part in (train, test):
        absent = np.setdiff1d(labels, labels[part])
        if absent.size:
            raise UserError(
                f"{key}: {fraction} leaves a part without class {absent[0]}, which has {(labels == absent[0]).sum()} images; "
                f"try another fraction."
            )
    return np.sort(train), np.sort(test)


def _load_digits(settings: DigitsSettings) -> Dataset:
    from sklearn.datasets import load_digits  # slow to import, needed for this source only

    digits = load_digits()
    images, labels = digits.images.astype(np.uint8), digits.target.astype(np.int64)
    train, test = _stratified(labels, settings.test_fraction, settings.split_seed, "test_fraction", usual=0.25)
    return Dataset(
        images[train],
        labels[train],
        images[test],
        labels[test],
        mean=np.array([images[train].mean()], np.float32),
        std=np.array([images[train].std()], np.float32),
        classes=10,
        official=True,
        files={},
    )


def _load_official(settings: TorchvisionSettings, data_root: Path, download: bool) -> Dataset:
    classes = 100 if settings.name == "CIFAR100" else 10
    replacement = _replacement(settings, data_root)
    if replacement:
        return _load_npz(replacement, data_root, classes, _normalisation(settings))
    if download:
        official_files.download(settings.name, data_root, _npz_file(settings))
    arrays, files = official_files.read(settings.name, data_root, _npz_file(settings))
    return assemble(data_root, arrays | _normalisation(settings), classes, official=True, files=files)


def _replacement(settings: TorchvisionSettings, data_root: Path) -> NpzArrays | None:
    """Find the npz file that is there while official files are not; None where there is none or none is needed."""
    npz = settings.npz
    if npz is None or not os.path.isfile(data_root / npz.file) or not official_files.missing_files(settings.name, data_root):
        return None
    return npz


def _npz_file(settings: TorchvisionSettings) -> str | None:
    return settings.npz.file if settings.npz else None


def _load_image_folder(settings: ImageFolderSettings, data_root: Path) -> Dataset:
    arrays, files = image_folder.read(settings, data_root)
    classes = len(np.unique(arrays["train_labels"]))
    return assemble(data_root / settings.folder, arrays | _normalisation(settings), classes, official=False, files=files)


def _load_npz(npz: NpzArrays, data_root: Path, classes: int, normalisation: dict[str, Array]) -> Dataset:
    path = data_root / npz.file
    if not os.path.isfile(path):
        raise UserError(
            f"file: {npz.file} is not in data_root ({data_root}). "
            "Copy it there, or set data_root in the configuration to the folder that has it."
        )
    chosen = {field: getattr(npz, field) for field in (*LABELLED_IMAGES, *COARSE)}
    names = {field: name for field, name in chosen.items() if name is not None}
    arrays = read_arrays(path, names.values()) | normalisation
    return assemble(path, arrays, classes, official=False, files={npz.file: digest(path)}, names=names)


def _normalisation(settings: TorchvisionSettings | NpzSettings | ImageFolderSettings) -> dict[str, Array]:
    """Return mean and std in raw pixel units."""
    return {
        "mean": (np.array(settings.mean) * 255).astype(np.float32),
        "std": (np.array(settings.std) * 255).astype(np.float32),
    }
