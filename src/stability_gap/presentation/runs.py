"""The runs of one benchmark, read for its figures."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from stability_gap.errors import UserError
from stability_gap.files import read_json, read_parquet

EVALUATIONS = ["seed", "iteration", "context", "task", "accuracy", "loss"]


@dataclass(frozen=True)
class BenchmarkRuns:
    """All runs of one benchmark: the tables of docs/data-contracts.md with a column `optimizer`, and the classes."""

    benchmark: str
    classes: int
    evaluations: pd.DataFrame
    training: pd.DataFrame


def load_runs(folders: Sequence[Path], seeds: Collection[int] | None = None) -> BenchmarkRuns:
    """Read run folders ``results/runs/{benchmark}/{optimizer}/{seeds}`` of one benchmark; of the training tables only
    the gains.

    `seeds`: those to keep, all by default. A seed in two folders of an optimizer is taken from the first: its numbers
    do not depend on the folder. Errors: UserError for no folder, folders of several benchmarks, or a file that is
    missing or lacks columns.
    """
    if not folders:
        raise UserError("no run folders given; name at least one folder results/runs/{benchmark}/{optimizer}/{seeds}.")
    names = [read_json(Path(folder) / "run.json") for folder in folders]
    benchmarks = sorted({name["benchmark"] for name in names})
    if len(benchmarks) > 1:
        raise UserError(f"the runs are of several benchmarks ({', '.join(benchmarks)}); give the folders of one.")
    evaluations: list[pd.DataFrame] = []
    training: list[pd.DataFrame] = []
    taken: set[tuple[str, int]] = set()
    for folder, name in zip(folders, names, strict=True):
        optimizer = name["optimizer"]
        tables = _tables(Path(folder))
        found = {int(seed) for seed in tables[0]["seed"].unique() if seeds is None or int(seed) in seeds}
        fresh = {seed for seed in found if (optimizer, seed) not in taken}
        taken |= {(optimizer, seed) for seed in fresh}
        for table, parts in zip(tables, (evaluations, training), strict=True):
            parts.append(table[table["seed"].isin(list(fresh))].assign(optimizer=optimizer))
    return BenchmarkRuns(
        benchmarks[0],
        int(names[0]["classes"]),
        pd.concat(evaluations, ignore_index=True),
        pd.concat(training, ignore_index=True),
    )


def _tables(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    path = folder / "training.parquet"
    keys = read_parquet(path, ["seed", "iteration", "context"])
    gains = [name for name in pq.read_schema(path).names if name.startswith("gain_")]
    return read_parquet(folder / "evaluations.parquet", EVALUATIONS), keys.join(read_parquet(path, gains))
