"""Write and read prepared data sets: data.npz and data.json in one folder."""

from pathlib import Path

import numpy as np

from stability_gap.errors import UserError
from stability_gap.files import digest, write_json, write_npz
from stability_gap.tasks.arrays import Array, read_arrays
from stability_gap.tasks.datasets import COARSE, LABELLED_IMAGES, Dataset, assemble
from stability_gap.tasks.facts import DatasetFacts, read_facts
from stability_gap.tasks.settings import DatasetSettings


def write(dataset: Dataset, name: str, settings: DatasetSettings, folder: Path) -> None:
    """Write data.npz (the arrays of Dataset under their own names) and data.json (what they are and where from)."""
    fields = {field: getattr(dataset, field) for field in (*LABELLED_IMAGES, "mean", "std", *COARSE)}
    write_npz(folder / "data.npz", {field: np.asarray(value) for field, value in fields.items() if value is not None})
    write_json(
        folder / "data.json",
        {
            "dataset": name,
            "settings": settings.model_dump(mode="json"),
            "classes": dataset.classes,
            "official": dataset.official,
            "files": dataset.files,
            "digest": digest(folder / "data.npz"),
            "train_counts": _counts(dataset.train_labels, dataset.classes),
            "test_counts": _counts(dataset.test_labels, dataset.classes),
        },
    )


def read(folder: Path) -> tuple[Dataset, DatasetFacts]:
    """Read the data set that `write` left in `folder`, and what data.json says of it. Errors: UserError."""
    facts = read_facts(folder / "data.json", DatasetFacts)
    path = folder / "data.npz"
    arrays = read_arrays(path)
    lacking = [field for field in (*LABELLED_IMAGES, "mean", "std") if field not in arrays]
    if lacking:
        raise UserError(f"{path} lacks the array(s) {', '.join(lacking)}; delete it and run again.")
    return assemble(path, arrays, facts.classes, facts.official, facts.files), facts


def _counts(labels: Array, classes: int) -> list[int]:
    """Count the images of each class."""
    counts: list[int] = np.bincount(labels, minlength=classes).tolist()
    return counts
