"""Read images in a folder, listed with their labels by CSV files, as mini-ImageNet is usually stored."""

import csv
import hashlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from stability_gap.errors import UserError
from stability_gap.files import digest
from stability_gap.tasks.arrays import Array, Images
from stability_gap.tasks.settings import ImageFolderSettings, is_inside

COLUMNS = ("filename", "label")
HOW_TO_GET_IT = (
    "Copy it there, or set data_root in the configuration to the folder that has it. mini-ImageNet may not be passed on: get "
    "ImageNet under its licence (non-commercial research) and make 84×84 JPEG files of the usual split (Ravi and Larochelle)."
)


def read(settings: ImageFolderSettings, data_root: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Read the images that `settings` choose, and the sha256 of each CSV file and of all the images together.

    Arrays: train_images, test_images uint8 (n, H, W, 3), class by class; train_labels, test_labels int64 (n,), the place
    of an image's label in the class order. The sha256 of the images is that of their sha256 sums, training images first.
    Errors: UserError where a file is missing, unreadable or of another size, or where there are too few.
    """
    folder = data_root / settings.folder
    classes = _choose(settings, _list_images(settings, data_root))
    last = settings.train_per_class + settings.test_per_class
    _check_there(settings.folder, data_root, [name for names in classes for name in names[:last]])
    arrays: dict[str, Array] = {}
    sums = hashlib.sha256()
    for part, members in (("train", slice(settings.train_per_class)), ("test", slice(settings.train_per_class, last))):
        chosen = [(folder / name, label) for label, names in enumerate(classes) for name in names[members]]
        arrays[f"{part}_labels"] = np.array([label for _, label in chosen], np.int64)
        arrays[f"{part}_images"] = np.empty((len(chosen), *settings.size, 3), np.uint8)
        for position, (path, _) in enumerate(chosen):
            arrays[f"{part}_images"][position] = _read_image(path, settings.size, sums)
    files = {split: digest(data_root / split) for split in settings.splits}
    return arrays, files | {settings.folder: sums.hexdigest()}


def _list_images(settings: ImageFolderSettings, data_root: Path) -> dict[str, list[str]]:
    """List the filenames of every label, in the order of the joined CSV files, labels in the order of their first appearance."""
    listed: dict[str, list[str]] = {}
    seen: set[str] = set()
    for split in settings.splits:
        for name, label in _read_rows(split, data_root):
            if name in seen:
                raise UserError(f"splits: {name} is listed twice (again in {data_root / split}); keep one row of each image.")
            seen.add(name)
            listed.setdefault(label, []).append(name)
    return listed


def _read_rows(split: str, data_root: Path) -> list[tuple[str, str]]:
    """Read filename and label of every row of a CSV file, at least one. Errors: UserError."""
    path = data_root / split
    if not os.path.isfile(path):
        raise UserError(f"splits: {split} is not in data_root ({data_root}). {HOW_TO_GET_IT}")
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle, skipinitialspace=True)
            present = reader.fieldnames or []
            lacking = [column for column in COLUMNS if column not in present]
            if lacking:
                has = f"it has {', '.join(present)}" if present else "it is empty"
                raise UserError(f"{path} lacks the column(s) {', '.join(lacking)}; {has}. The first line is: filename,label.")
            rows = [_check_row(row, path, reader.line_num) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{path} cannot be read as CSV ({error}). Save it as UTF-8 text with the columns filename,label."
        ) from error
    if not rows:
        raise UserError(f"{path} lists no images; add a row filename,label for each, or take it out of splits.")
    return rows


def _check_row(row: dict[str, Any], path: Path, line: int) -> tuple[str, str]:
    name, label = row["filename"], row["label"]
    if not name or not label:
        raise UserError(f"{path}: line {line} lacks a filename or a label; complete it or delete it.")
    if not is_inside(name):
        raise UserError(f"{path}: line {line} names {name}, outside the folder of images; write a path inside it.")
    return name, label


def _choose(settings: ImageFolderSettings, listed: dict[str, list[str]]) -> list[list[str]]:
    """List the filenames of each chosen class, in class order. Errors: UserError where classes or images of one are too few."""
    where = ", ".join(settings.splits)
    order = settings.class_order or list(listed)
    unknown = [label for label in order if label not in listed]
    if unknown:
        raise UserError(
            f"class_order: {where} lists no {unknown[0]}; it lists {len(listed)} labels, such as {next(iter(listed))}."
        )
    if len(order) < 2:
        raise UserError(
            f"{where} lists one label, {order[0]}, only; at least two classes are needed to learn to tell them apart."
        )
    if settings.classes and len(order) < settings.classes:
        raise UserError(f"classes: {settings.classes} asked for, but {where} lists {len(order)}; lower it or add CSV files.")
    needed = settings.train_per_class + settings.test_per_class
    for label in order[: settings.classes]:
        if len(listed[label]) < needed:
            raise UserError(
                f"class {label} has {len(listed[label])} images in {where}, but {needed} are needed; "
                f"lower train_per_class ({settings.train_per_class}) or test_per_class ({settings.test_per_class})."
            )
    return [listed[label] for label in order[: settings.classes]]


def _check_there(folder: str, data_root: Path, names: list[str]) -> None:
    missing = [name for name in names if not os.path.isfile(data_root / folder / name)]
    if missing:
        others = f" and {len(missing) - 1} more listed images are" if len(missing) > 1 else " is"
        raise UserError(f"folder: {missing[0]}{others} not in {data_root / folder}. {HOW_TO_GET_IT}")


def _read_image(path: Path, size: list[int], sums: Any) -> Images:
    """Read the pixels of an image, uint8 (H, W, 3); add its sha256 to `sums`. Errors: UserError."""
    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            found = [image.height, image.width]
            if found != size:
                raise UserError(
                    f"{path} is {found[0]}×{found[1]} pixels (height × width), but size says {size[0]}×{size[1]}. "
                    "Nothing is resized here: correct size, or resize the files."
                )
            pixels = np.asarray(image.convert("RGB"))
    except UserError:
        raise
    except Exception as error:  # Pillow raises many types on damaged bytes
        raise UserError(f"{path} cannot be read as an image ({error}). Replace the file.") from error
    sums.update(hashlib.sha256(content).digest())
    return pixels
