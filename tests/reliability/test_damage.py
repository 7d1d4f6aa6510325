"""Files cut short or with a flipped bit: an error that names the file and the fix, or the same content; never another."""

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from projects import call_again, clear_errors, differences
from real_workflow import FULL, Workflow, digests

from stability_gap import files
from stability_gap.errors import UserError
from stability_gap.tasks import dataset_file, stream_file

RUN = "results/runs/split_digits_smoke/ngm_sgd/42-43"
STREAM, DATA = "results/streams/split_digits_smoke", "results/data/digits"

# What the pipeline reads a file by.
READERS: dict[str, Callable[[Path], Any]] = {
    f"{RUN}/evaluations.parquet": files.read_parquet,
    f"{RUN}/training.parquet": files.read_parquet,
    "results/small/metrics.parquet": files.read_parquet,
    f"{RUN}/run.json": files.read_json,
    f"{STREAM}/stream.json": files.read_json,
    f"{DATA}/data.json": files.read_json,
    f"{STREAM}/stream.npz": lambda path: stream_file.read(path.parent),
    f"{DATA}/data.npz": lambda path: dataset_file.read(path.parent),
}
FLIPS, CUTS = 100, 20


def damaged(content: bytes, chance: random.Random) -> list[tuple[str, bytes]]:
    """The content with single bits flipped, and cut short."""
    found = []
    for _ in range(FLIPS):
        changed, bit = bytearray(content), chance.randrange(8 * len(content))
        changed[bit // 8] ^= 1 << bit % 8
        found.append(("bit flipped", bytes(changed)))
    return found + [("cut short", content[: chance.randrange(len(content))]) for _ in range(CUTS)]


def same(one: Any, other: Any) -> bool:
    """The same content, whatever kind it is of."""
    if isinstance(one, pd.DataFrame):
        return one.equals(other)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if hasattr(one, "__dataclass_fields__"):
        return all(same(getattr(one, name), getattr(other, name)) for name in one.__dataclass_fields__)
    if isinstance(one, dict):  # a flipped bit in the name of a key of no meaning makes it another such key
        return all(name in other and same(value, other[name]) for name, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_named_or_read_as_it_was(undisturbed, seed, tally, tmp_path, name):
    read, source = READERS[name], undisturbed.folder / name
    for neighbour in filter(Path.is_file, source.parent.iterdir()):
        (tmp_path / neighbour.name).write_bytes(neighbour.read_bytes())
    path, expected, wrong = tmp_path / source.name, read(source), []
    for kind, content in damaged(source.read_bytes(), random.Random(f"{seed} {name}")):
        path.write_bytes(content)
        try:
            right = same(expected, read(path))
        except UserError as error:
            # A header of an npz file is read before its digest is compared: the error may name the array, and no fix.
            right = path.name in str(error) and (path.suffix == ".npz" or "elete" in str(error))
        tally.count(f"{path.suffix[1:]} {kind}", survived=right, lost=not right)
        if not right:
            wrong.append((kind, content))
    assert len(wrong) == 0, [kind for kind, _ in wrong]


# A file, and what is removed so that something reads it: it is the first in its job's way.
MET = {
    f"{RUN}/evaluations.parquet": "results/small/metrics.parquet",
    f"{RUN}/run.json": "results/small/metrics.parquet",
    f"{STREAM}/stream.npz": f"{RUN}/run.json",
    f"{DATA}/data.npz": f"{STREAM}/stream.npz",
}


@pytest.mark.parametrize("name", MET)
def test_the_workflow_names_a_damaged_file_and_goes_on_once_it_is_deleted(
    finished: Workflow, right: dict[str, str], seed: int, tally: Any, name: str
) -> None:
    path, target = finished.folder / name, MET[name]
    content, before = bytearray(path.read_bytes()), os.stat(path)
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # a disk that forgets tells nobody
    (finished.folder / target).unlink()
    call = ("--cores", "2", *FULL, target)

    failed = finished.snakemake(*call)
    assert any(name in line and "elete" in line for line in clear_errors(failed)), failed.stdout
    path.unlink()
    call_again(finished, *call)
    wrong = differences(digests(finished), right)
    tally.count("damaged file in the workflow", survived=not wrong, lost=len(wrong))
    assert wrong == []
