"""From the recorded trajectories of runs to the tidy table of metrics (`metrics.parquet` in docs/data-contracts.md)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from stability_gap.analysis import gap
from stability_gap.errors import UserError
from stability_gap.files import read_json, read_parquet

KEYS = ["seed", "iteration", "context", "task"]
TRAINING_KEYS = ["seed", "iteration", "context"]
GAIN_EDGE = 10  # iterations averaged at the end of a block
GAIN_BURST = 50  # iterations after a switch in which the peak of the gain is sought

ACCURACIES = ["avg_acc", "min_acc", "wc_acc", "lca_10"]
GAPS = ["sg_previous", "sg_first", "sg_seen", "avg_sg_previous", "avg_sg_first", "avg_sg_seen", "wf_10", "wf_100"]
GAPS += ["gap_area", "avg_gap_area", "forgetting"]


@dataclass(frozen=True)
class Run:
    """One file of evaluations with its names; `classes` (of the single head) is None where nobody said how many."""

    benchmark: str
    optimizer: str
    classes: int | None
    evaluations: pd.DataFrame
    training: pd.DataFrame | None
    source: Path


def measure(
    paths: list[Path], classes: int | None = None, benchmark: str | None = None, optimizer: str | None = None
) -> pd.DataFrame:
    """All metrics of all seeds of the given runs: `benchmark, optimizer, seed, metric, context, value`, sorted.

    paths: what `read_runs` takes. classes, benchmark, optimizer: see there.
    Errors: UserError for unreadable or inconsistent files, and for one (benchmark, optimizer, seed) in two of them.
    """
    tables = []
    for run in read_runs(paths, classes, benchmark, optimizer):
        cell = [cell_metrics(run.evaluations, run.classes, str(run.source))]
        if run.training is not None:
            cell.append(gain_metrics(run.training, str(run.source.parent / "training.parquet")))
        tables += [table.assign(benchmark=run.benchmark, optimizer=run.optimizer) for table in cell]
    columns = ["benchmark", "optimizer", "seed", "metric", "context", "value"]
    return pd.concat(tables)[columns].sort_values(columns[:-1], ignore_index=True)


def cell_metrics(evaluations: pd.DataFrame, classes: int | None = None, source: str = "evaluations") -> pd.DataFrame:
    """Metrics of every seed of one run: `seed, metric, context (null: whole stream), value (NaN: undefined)`, sorted.

    The metrics are those of `stability_gap.analysis.gap`, and `diverged` (1 or 0). A seed with a NaN accuracy
    diverged. It is a result and never dropped: each of its metrics that the stream defines takes its worst value.

    | metric                                                                | value of a diverged run    |
    |-----------------------------------------------------------------------|----------------------------|
    | avg_acc, min_acc, wc_acc, lca_10                                      | chance, 1/classes          |
    | sg_*, avg_sg_*, wf_*, gap_area, avg_gap_area, forgetting              | 1, the full gap            |
    | bwt                                                                   | −1                         |
    | wp_*, recovered                                                       | 0                          |
    | recovery                                                              | NaN, as it never recovers  |

    evaluations: as in docs/data-contracts.md, in any order; only KEYS and accuracy are used. Task 1 alone is fine:
    metrics that need the other tasks are NaN. classes: of the single head; needed only where a seed diverged. source:
    named in messages.
    Errors: UserError from `check_evaluations`, or where chance is needed and `classes` is None.
    """
    check_evaluations(evaluations, source)
    records: list[tuple[int, str, int | None, float]] = []
    for seed, rows in _groups(evaluations, "seed"):
        iteration, context, task = (rows[name].to_numpy(dtype=np.int64) for name in KEYS[1:])
        accuracy = rows["accuracy"].to_numpy(dtype=np.float64)
        diverged = bool(np.isnan(accuracy).any())
        if diverged:
            # Numbers in every place that was recorded show which metrics the stream defines.
            worst = _worst(_chance(classes, source))
            defined = _curve_metrics(gap.trajectory(iteration, context, task, np.ones(len(rows))))
            values = [(metric, k, np.nan if np.isnan(value) else worst[metric]) for metric, k, value in defined]
        else:
            values = _curve_metrics(gap.trajectory(iteration, context, task, accuracy))
        values.append(("diverged", None, float(diverged)))
        records += [(seed, *value) for value in values]
    return _tidy(records)


def gain_metrics(training: pd.DataFrame, source: str = "training") -> pd.DataFrame:
    """What the gain does, per seed; the shape of `cell_metrics`. Gains are the mean over layers, without unit.

    Per context `mean_gain`, the mean over its iterations. Per switch k ≥ 2 `gain_before` (mean of the last 10
    iterations of block k−1), `gain_peak` (maximum over the first 50 of block k) and `gain_end` (mean of the last 10
    of block k); a shorter block gives what it has. NaN where a value is NaN, so after a run diverged.
    Errors: UserError from `gain_trajectory`.
    """
    records: list[tuple[int, str, int | None, float]] = []
    for seed, rows in _groups(gain_trajectory(training, source), "seed"):
        blocks = {context: block["gain"].to_numpy() for context, block in _groups(rows, "context")}
        values = [("mean_gain", k, block.mean()) for k, block in blocks.items()]
        for k in sorted(blocks)[1:]:
            values.append(("gain_before", k, blocks[k - 1][-GAIN_EDGE:].mean()))
            values.append(("gain_peak", k, blocks[k][:GAIN_BURST].max()))
            values.append(("gain_end", k, blocks[k][-GAIN_EDGE:].mean()))
        records += [(seed, *value) for value in values]
    return _tidy(records)


def gain_trajectory(training: pd.DataFrame, source: str = "training") -> pd.DataFrame:
    """Mean gain over the layers at each iteration: `seed, iteration, context, gain`, sorted by seed and iteration.

    NaN where a layer's gain is. Errors: UserError where a key or every gain_* column is missing, where a (seed,
    iteration) stands twice, or where the contexts are not 1 … K in the order of the iterations.
    """
    _check_columns(training, TRAINING_KEYS, source)
    gains = [name for name in training.columns if name.startswith("gain_")]
    if not gains:
        raise UserError(f"{source} has no column gain_…, one per layer; write 1 for a layer without gain modulation.")
    _check_unique(training, ["seed", "iteration"], source)
    table = training[TRAINING_KEYS].assign(gain=training[gains].to_numpy(dtype=np.float64).mean(axis=1))
    table = table.sort_values(["seed", "iteration"], ignore_index=True)
    for _, rows in _groups(table, "seed"):
        _check_contexts(rows["context"].to_numpy(), source)
    return table


def at_chance(evaluations: pd.DataFrame, classes: int | None = None, source: str = "evaluations") -> pd.DataFrame:
    """The evaluations with chance accuracy (1/classes) where a run diverged, for curves and their means over seeds.

    Errors: UserError from `check_evaluations`, or where a run diverged and `classes` is None.
    """
    check_evaluations(evaluations, source)
    if not evaluations["accuracy"].isna().any():
        return evaluations
    return evaluations.assign(accuracy=evaluations["accuracy"].fillna(_chance(classes, source)))


def read_runs(
    paths: list[Path], classes: int | None = None, benchmark: str | None = None, optimizer: str | None = None
) -> list[Run]:
    """Read runs: each path is a run folder or a parquet file of evaluations, anybody's.

    A folder holds evaluations.parquet and maybe run.json and training.parquet; the path of its evaluations.parquet
    means the same. Names and classes come from run.json. Without one the benchmark is `unnamed`, the optimizer is the
    name of the file without its suffix (of the folder, for a file called evaluations.parquet), and the classes are
    unknown. benchmark, optimizer: names to use instead, for all paths. classes: used where run.json does not say.
    Errors: UserError for no path, unreadable files, and one (benchmark, optimizer, seed) in two of them.
    """
    if not paths:
        raise UserError("no runs given; name at least one run folder or evaluations.parquet.")
    runs = [_read_run(Path(path), classes, benchmark, optimizer) for path in paths]
    first: dict[tuple[str, str, int], Path] = {}
    for run in runs:
        for seed in run.evaluations["seed"].unique():
            key = (run.benchmark, run.optimizer, seed)
            if key in first:
                raise UserError(
                    f"seed {seed} of {run.benchmark}/{run.optimizer} stands in both {first[key]} and {run.source}; "
                    "leave one out, or name them apart with --benchmark and --optimizer."
                )
            first[key] = run.source
    return runs


def check_evaluations(table: pd.DataFrame, source: str) -> None:
    """Refuse evaluations that are not what docs/data-contracts.md says; NaN accuracies are fine (a diverged run).

    Errors: UserError naming `source` and the column: missing or of the wrong type, accuracy infinite or not a
    fraction, a row twice, contexts or tasks not numbered 1 … K, a task before its context, rows missing in a seed.
    """
    _check_columns(table, [*KEYS, "accuracy"], source)
    _check_accuracy(table["accuracy"], source)
    _check_unique(table, ["seed", "iteration", "task"], source)
    grid = table[["iteration", "context"]].drop_duplicates().sort_values("iteration")
    twice = grid.loc[grid["iteration"].duplicated(), "iteration"]
    if len(twice):
        raise UserError(f"{source}, column context: iteration {twice.iloc[0]} has two contexts; give it one.")
    contexts = grid["context"].to_numpy()
    _check_contexts(contexts, source)
    tasks = np.unique(table["task"])
    if not (np.array_equal(tasks, [1]) or np.array_equal(tasks, np.arange(1, contexts[-1] + 1))):
        raise UserError(
            f"{source}, column task: the tasks are {', '.join(map(str, tasks))}; "
            f"they must be 1 … {contexts[-1]}, one per context, or 1 alone."
        )
    early = table.loc[table["task"] > table["context"], [*KEYS]]
    if len(early):
        seed, iteration, context, task = early.iloc[0]
        raise UserError(
            f"{source}, column task: task {task} stands in context {context} (seed {seed}, iteration {iteration}), "
            "before it was seen; leave such rows out."
        )
    # No row is double or out of place, so a seed is complete if every iteration has as many rows as seen tasks.
    expected = pd.Series(np.minimum(contexts, len(tasks)), index=grid["iteration"])
    for seed, rows in _groups(table, "seed"):
        if len(rows) < expected.sum():
            present = rows["iteration"].value_counts().reindex(expected.index, fill_value=0)
            lacking = expected.index[present < expected][0]
            raise UserError(
                f"{source}, column iteration: seed {seed} lacks rows at iteration {lacking}; "
                "all seeds need every task seen so far at the same iterations (NaN from where a run diverged)."
            )


def _read_run(path: Path, classes: int | None, benchmark: str | None, optimizer: str | None) -> Run:
    file = path / "evaluations.parquet" if path.is_dir() else path
    evaluations = read_parquet(file, [*KEYS, "accuracy"])
    in_folder = file.name == "evaluations.parquet"
    described, training = file.with_name("run.json"), file.with_name("training.parquet")
    names: dict[str, Any] = {"benchmark": "unnamed", "optimizer": file.stem}
    if in_folder:
        names["optimizer"] = file.resolve().parent.name
    if in_folder and described.exists():
        names = read_json(described)
        for name in ("benchmark", "optimizer"):
            if name not in names:
                raise UserError(f"{described} lacks the key {name}; see docs/data-contracts.md.")
    return Run(
        benchmark or names["benchmark"],
        optimizer or names["optimizer"],
        names.get("classes", classes),
        evaluations,
        _read_gains(training) if in_folder and training.exists() else None,
        file,
    )


def _read_gains(path: Path) -> pd.DataFrame:
    keys = read_parquet(path, TRAINING_KEYS)
    gains = [name for name in pq.read_schema(path).names if name.startswith("gain_")]
    return keys.join(read_parquet(path, gains))


def _worst(chance: float) -> dict[str, float]:
    """The worst value of each metric: the table of `cell_metrics`."""
    worst = {**dict.fromkeys(ACCURACIES, chance), **dict.fromkeys(GAPS, 1.0)}
    return worst | {"bwt": -1.0, "wp_10": 0.0, "wp_100": 0.0, "recovered": 0.0, "recovery": np.nan}


def _groups(table: pd.DataFrame, column: str) -> Iterator[tuple[int, pd.DataFrame]]:
    """Value of an integer column and the rows that have it, in ascending order."""
    for key, rows in table.groupby(column):
        yield cast(int, key), rows


def _curve_metrics(curve: gap.Trajectory) -> list[tuple[str, int | None, float]]:
    """(metric, switch or None, value) of one seed."""
    stream = {
        "avg_acc": gap.avg_acc(curve),
        "min_acc": gap.min_acc(curve),
        "wc_acc": gap.wc_acc(curve),
        "avg_sg_previous": gap.avg_sg(curve, "previous"),
        "avg_sg_first": gap.avg_sg(curve, "first"),
        "avg_sg_seen": gap.avg_sg(curve, "seen"),
        "wf_10": gap.wf(curve, 10),
        "wf_100": gap.wf(curve, 100),
        "wp_10": gap.wp(curve, 10),
        "wp_100": gap.wp(curve, 100),
        "lca_10": gap.lca(curve, 10),
        "forgetting": gap.forgetting(curve),
        "bwt": gap.bwt(curve),
        "avg_gap_area": gap.avg_gap_area(curve),
    }
    recovery, recovered = gap.recovery(curve)
    switches = {
        "sg_previous": gap.sg(curve, "previous"),
        "sg_first": gap.sg(curve, "first"),
        "sg_seen": gap.sg(curve, "seen"),
        "recovery": recovery,
        "recovered": recovered,
        "gap_area": gap.gap_area(curve),
    }
    values: list[tuple[str, int | None, float]] = [(name, None, value) for name, value in stream.items()]
    values += [(name, k, float(value)) for name, row in switches.items() for k, value in enumerate(row, start=2)]
    return values


def _chance(classes: int | None, source: str) -> float:
    if classes is None:
        raise UserError(
            f"{source} holds a diverged run (NaN accuracy), which counts as chance accuracy; "
            "say how many classes there are with --classes."
        )
    if classes < 1:
        raise UserError(f"classes is {classes}; it must be at least 1 (--classes, or the key classes in run.json).")
    return 1 / classes


def _tidy(records: list[tuple[int, str, int | None, float]]) -> pd.DataFrame:
    table = pd.DataFrame(records, columns=["seed", "metric", "context", "value"])
    return table.astype({"seed": "int32", "metric": "str", "context": "Int16", "value": "float64"}).sort_values(
        ["seed", "metric", "context"], ignore_index=True
    )


def _check_columns(table: pd.DataFrame, columns: list[str], source: str) -> None:
    """Refuse an empty table, missing columns and wrong types: a float for accuracy, integers for the keys."""
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise UserError(f"{source} lacks the column(s) {', '.join(missing)}; see docs/data-contracts.md.")
    if table.empty:
        raise UserError(f"{source} has no rows.")
    for name in columns:
        kind = table[name].dtype
        if name == "accuracy":
            if not pd.api.types.is_float_dtype(kind):
                raise UserError(f"{source}, column accuracy: the type is {kind}; it must be a float, a fraction 0 … 1.")
        elif not pd.api.types.is_integer_dtype(kind) or table[name].isna().any():
            raise UserError(f"{source}, column {name}: the type is {kind}; it must be an integer, never null.")


def _check_accuracy(accuracy: pd.Series, source: str) -> None:
    values = accuracy.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(values).any():
        raise UserError(f"{source}, column accuracy: infinite values; write NaN from where a run diverged.")
    if (values > 1).any():
        raise UserError(f"{source}, column accuracy: {np.nanmax(values):g} looks like percent; divide by 100.")
    if (values < 0).any():
        raise UserError(f"{source}, column accuracy: {np.nanmin(values):g} is below 0; write fractions 0 … 1.")


def _check_unique(table: pd.DataFrame, keys: list[str], source: str) -> None:
    double = table.loc[table.duplicated(keys), keys]
    if len(double):
        where = ", ".join(f"{name} {value}" for name, value in double.iloc[0].items())
        raise UserError(f"{source}, columns {', '.join(keys)}: {where} stands twice; keep one row each.")


def _check_contexts(contexts: np.ndarray, source: str) -> None:
    """Refuse contexts, in the order of the iterations, that are not 1 … K one after the other."""
    steps = np.diff(contexts.astype(np.int64), prepend=0)
    if steps[0] != 1 or not np.isin(steps[1:], [0, 1]).all():
        raise UserError(f"{source}, column context: contexts must be 1, 2, … K in the order of the iterations.")
