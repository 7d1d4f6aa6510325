"""Describe the settings of data sets and streams: what may stand in the configuration, with units."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from stability_gap.settings import Settings

PixelMean = Annotated[float, Field(ge=0, le=1)]
PixelStd = Annotated[float, Field(gt=0, le=1)]
Angle = Annotated[float, Field(ge=0, lt=360)]
Mean = Annotated[
    list[PixelMean],
    Field(min_length=1, description="Mean per channel, of pixels scaled to 0..1; one value serves all."),
]
Std = Annotated[
    list[PixelStd],
    Field(min_length=1, description="Standard deviation per channel, of pixels scaled to 0..1; one value serves all."),
]
Pixels = Annotated[int, Field(ge=1, le=4096)]
Classes = Annotated[int, Field(ge=2, le=100_000)]
Incremental = Literal["class", "domain"]  # tasks bring new classes, or new inputs for the same classes
RandomSeed = Annotated[int, Field(ge=0, lt=2**32)]


class Holdout(Settings):
    """A part of the training images in place of the test images, for tuning (PROTOCOL §8)."""

    fraction: float = Field(0.1, gt=0, lt=1, description="Fraction of each class's training images.")
    seed: RandomSeed = Field(0, description="Seed of the stratified choice.")


class Source(Settings):
    """What every data set may have, wherever it comes from."""

    holdout: Holdout | None = Field(
        None, description="Test on a part of the training images, which is not trained on; the test images are dropped."
    )


class DigitsSettings(Source):
    """scikit-learn's bundled 8×8 digits (1797 images, pixels 0..16), normalised by their own training mean and std."""

    source: Literal["sklearn_digits"]
    test_fraction: float = Field(0.25, gt=0, lt=1, description="Fraction of the images held out as test set.")
    split_seed: RandomSeed = Field(0, description="Seed of the stratified train/test split.")


class NpzArrays(Settings):
    """An npz file and the names of its arrays: images uint8 (n, H, W) or (n, H, W, 3), integer labels (n,) from 0."""

    file: str = Field(description="The npz file, relative to data_root.")
    train_images: str = Field("train_images", description="Name of the array of training images.")
    train_labels: str = Field("train_labels", description="Name of the array of training labels.")
    test_images: str = Field("test_images", description="Name of the array of test images.")
    test_labels: str = Field("test_labels", description="Name of the array of test labels.")
    train_coarse_labels: str | None = Field(None, description="Name of the array of superclasses of the training images.")
    test_coarse_labels: str | None = Field(None, description="Name of the array of superclasses of the test images.")
    coarse_names: str | None = Field(None, description="Name of the array of superclass names (text), in label order.")

    @field_validator("file")
    @classmethod
    def _inside(cls, file: str) -> str:
        _check_inside(file, example="cifar10.npz")
        return file

    @model_validator(mode="after")
    def _superclasses(self) -> "NpzArrays":
        if (self.train_coarse_labels is None) != (self.test_coarse_labels is None):
            raise ValueError("train_coarse_labels and test_coarse_labels go together: give both or neither")
        if self.coarse_names is not None and self.train_coarse_labels is None:
            raise ValueError("coarse_names needs train_coarse_labels and test_coarse_labels")
        return self


class TorchvisionSettings(Source):
    """The official files of a data set that torchvision knows, checked against the md5 sums published there."""

    source: Literal["torchvision"]
    name: Literal["MNIST", "CIFAR10", "CIFAR100"] = Field(description="Data set, by torchvision's name.")
    mean: Mean
    std: Std
    npz: NpzArrays | None = Field(
        None, description="An npz file used, and nothing downloaded, where the official files are not in data_root."
    )

    @model_validator(mode="after")
    def _channels(self) -> "TorchvisionSettings":
        _check_channels(self.mean, self.std, channels=1 if self.name == "MNIST" else 3)
        return self


class NpzSettings(NpzArrays, Source):
    """An npz file of your own: images uint8 (n, H, W) or (n, H, W, 3), integer labels (n,) from 0 to classes−1."""

    source: Literal["npz"]
    classes: int = Field(ge=2, le=100_000, description="Number of classes.")
    mean: Mean
    std: Std

    @model_validator(mode="after")
    def _channels(self) -> "NpzSettings":
        _check_channels(self.mean, self.std, channels=3)
        return self


class ImageFolderSettings(Source):
    """Images in a folder, listed by CSV files with the columns filename and label, as mini-ImageNet is usually stored."""

    source: Literal["image_folder"]
    folder: str = Field(description="Folder that the filenames are relative to, itself relative to data_root.")
    splits: list[str] = Field(
        min_length=1, description="CSV files, relative to data_root; they are joined, their own split is not used."
    )
    classes: int | None = Field(None, ge=2, description="How many classes, the first in class order; left out: all.")
    class_order: list[str] | None = Field(
        None, min_length=2, description="Labels in the order that numbers them; left out: of first appearance in the CSV files."
    )
    train_per_class: int = Field(500, ge=1, le=10**6, description="Training images of a class: its first in CSV order.")
    test_per_class: int = Field(100, ge=1, le=10**6, description="Test images of a class: the next in CSV order.")
    size: list[Pixels] = Field([84, 84], min_length=2, max_length=2, description="Height and width that every image has.")
    mean: Mean
    std: Std

    @field_validator("folder")
    @classmethod
    def _folder_inside(cls, folder: str) -> str:
        _check_inside(folder, example="mini-imagenet/images")
        return folder

    @field_validator("splits")
    @classmethod
    def _splits_inside(cls, splits: list[str]) -> list[str]:
        for split in splits:
            _check_inside(split, example="mini-imagenet/train.csv")
        _check_unique(splits)
        return splits

    @field_validator("class_order")
    @classmethod
    def _unique(cls, class_order: list[str] | None) -> list[str] | None:
        _check_unique(class_order or [])
        return class_order

    @model_validator(mode="after")
    def _consistent(self) -> "ImageFolderSettings":
        if self.classes and self.class_order and len(self.class_order) < self.classes:
            raise ValueError(f"class_order names {len(self.class_order)} classes, but classes asks for {self.classes}")
        _check_channels(self.mean, self.std, channels=3)
        return self


DatasetSettings = Annotated[
    DigitsSettings | TorchvisionSettings | NpzSettings | ImageFolderSettings, Field(discriminator="source")
]


class SplitStream(Settings):
    """Class-incremental: task t holds the t-th group of classes, in natural order (classes 0, 1, then 2, 3, …)."""

    incremental: ClassVar[Incremental] = "class"
    kind: Literal["split"]
    classes_per_task: int = Field(ge=1, description="Classes of each task; divides the number of classes.")


class RotatedStream(Settings):
    """Domain-incremental: task t holds every image, rotated by the t-th angle."""

    incremental: ClassVar[Incremental] = "domain"
    kind: Literal["rotated"]
    angles: list[Angle] = Field(min_length=1, description="One angle per task, in degrees, counter-clockwise.")
    interpolation: Literal["nearest", "bilinear"] = Field("nearest", description="How rotated pixels are interpolated.")

    @field_validator("angles")
    @classmethod
    def _unique(cls, angles: list[float]) -> list[float]:
        _check_unique(angles)
        return angles


class PermutedStream(Settings):
    """Domain-incremental: task 1 holds the images as they are, each later one a fixed pixel permutation of them."""

    incremental: ClassVar[Incremental] = "domain"
    kind: Literal["permuted"]
    permutations: int = Field(ge=1, le=1000, description="Number of permutations; the stream has one task more, the identity.")
    permutation_seed: RandomSeed = Field(42, description="Seed of the permutations, shared by all runs.")


class HomogeneousStream(Settings):
    """Domain-incremental in name: each task is a random part of all images, with the same share of every class."""

    incremental: ClassVar[Incremental] = "domain"
    kind: Literal["homogeneous"]
    tasks: int = Field(5, ge=2, le=100_000, description="Number of tasks; no image is in two of them.")
    split_seed: RandomSeed = Field(0, description="Seed of the stratified split, shared by all runs.")


class SuperclassStream(Settings):
    """Domain-incremental: the label is the superclass, task t holds the t-th fine class (label order) of each."""

    incremental: ClassVar[Incremental] = "domain"
    kind: Literal["superclass"]
    tasks: int = Field(3, ge=1, le=100_000, description="Number of tasks: fine classes used of every superclass.")


class CumulativeClassesStream(Settings):
    """Class-incremental: task t adds the fine classes of the t-th superclass to those seen before."""

    incremental: ClassVar[Incremental] = "class"
    kind: Literal["cumulative_superclasses"]
    superclasses: list[str | int] = Field(min_length=1, description="One superclass per task, by name or coarse label.")
    classes: int = Field(100, ge=2, le=100_000, description="Outputs of the single head.")

    @field_validator("superclasses")
    @classmethod
    def _unique(cls, superclasses: list[str | int]) -> list[str | int]:
        _check_unique(superclasses)
        if any(isinstance(entry, int) and entry < 0 for entry in superclasses):
            raise ValueError("a coarse label is 0 or larger")
        return superclasses


StreamSettings = Annotated[
    SplitStream | RotatedStream | PermutedStream | HomogeneousStream | SuperclassStream | CumulativeClassesStream,
    Field(discriminator="kind"),
]


def is_inside(path: str) -> bool:
    """Tell whether a relative path, joined to a folder, stays in that folder."""
    return bool(path) and not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts


def _check_inside(path: str, example: str) -> None:
    if not is_inside(path):
        raise ValueError(f"write a path inside data_root, e.g. '{example}'")


def _check_unique(entries: Sequence[float | str]) -> None:
    repeated = [str(entry) for position, entry in enumerate(entries) if entry in entries[:position]]
    if repeated:
        raise ValueError(f"{', '.join(repeated)} stands here twice; give every entry once")


def _check_channels(mean: list[float], std: list[float], channels: int) -> None:
    if len(mean) != len(std) or len(mean) not in (1, channels):
        expected = "1 value" if channels == 1 else f"1 or {channels} values"
        raise ValueError(f"mean and std need {expected} each, not {len(mean)} and {len(std)}")
