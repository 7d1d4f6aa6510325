"""Measure runs: from recorded curves to the tidy table of metrics (`metrics.parquet` in docs/data-contracts.md)."""

import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from stability_gap.analysis.checks import KEYS, chance, check_columns, check_evaluations, gain_per_update, groups
from stability_gap.analysis.metrics.registry import METRICS, Source
from stability_gap.analysis.runs import Run, read_table
from stability_gap.analysis.trajectory import WATCHED, Curve, GainTrajectory, Trajectory
from stability_gap.errors import UserError
from stability_gap.files import METRICS as COLUMNS

LOG = logging.getLogger(__name__)

Records = list[tuple[int, str, int | None, float]]


def measure(runs: Iterable[Run]) -> pd.DataFrame:
    """Compute every registered metric of every seed: `benchmark, optimizer, seed, metric, context, value`, sorted.

    Warns of runs whose evaluations are too far apart to see a gap. Errors: UserError for inconsistent tables.
    """
    tables, hidden = [], dict[str, list[Path]]()
    for run in runs:
        cell = [cell_metrics(run.evaluations, run.facts.classes, str(run.source))]
        for words in what_evaluations_hide(run.evaluations):
            hidden.setdefault(words, []).append(run.source)
        if run.training is not None:
            cell.append(gain_metrics(run.training, run.training_source))
        tables += [table.assign(benchmark=run.facts.benchmark, optimizer=run.facts.optimizer) for table in cell]
    for words, sources in hidden.items():
        LOG.warning("%s%s: %s", sources[0], f" and {len(sources) - 1} more" if len(sources) > 1 else "", words)
    return pd.concat(tables)[COLUMNS].sort_values(COLUMNS[:-1], ignore_index=True)


def cell_metrics(evaluations: pd.DataFrame, classes: int | None = None, source: str = "evaluations") -> pd.DataFrame:
    """Compute the metrics of the accuracy, per seed: `seed, metric, context (null: whole stream), value`, sorted.

    A seed with a NaN accuracy diverged. It is a result and never dropped: each metric that its stream defines takes the
    value that the metric declares for a diverged run. NaN: undefined.

    evaluations: as in docs/data-contracts.md, in any order; only KEYS and accuracy are used. Task 1 alone is fine:
    metrics that need the other tasks are NaN. classes: of the single head; needed only where a seed diverged. source:
    named in messages.
    Errors: UserError from `checks.check_evaluations`, or where chance is needed and `classes` is None.
    """
    check_evaluations(evaluations, source)
    records: Records = []
    for seed, rows in groups(evaluations, "seed"):
        iteration, context, task = (rows[name].to_numpy(dtype=np.int64) for name in KEYS[1:])
        accuracy = rows["accuracy"].to_numpy(dtype=np.float64, na_value=np.nan)
        if not np.isnan(accuracy).any():
            records += _values(seed, Trajectory.of_rows(iteration, context, task, accuracy), "accuracy")
            continue
        guess = chance(classes, source)
        # Numbers in every place that was recorded show which metrics the stream defines.
        for _, name, k, value in _values(seed, Trajectory.of_rows(iteration, context, task, np.ones(len(rows))), "accuracy"):
            worst = METRICS[name].diverged
            if worst is None or np.isnan(value):
                records.append((seed, name, k, np.nan))
            else:
                records.append((seed, name, k, guess if worst == "chance" else float(worst)))
    return _tidy(records)


def gain_metrics(training: pd.DataFrame, source: str = "training") -> pd.DataFrame:
    """Compute the metrics of the gain, per seed; the shape of `cell_metrics`.

    The gain of a run is the mean over its layers, without unit. Errors: UserError from `checks.gain_per_update`.
    """
    records: Records = []
    for seed, rows in groups(gain_per_update(training, source), "seed"):
        iterations, contexts = (rows[name].to_numpy(dtype=np.int64) for name in ("iteration", "context"))
        records += _values(seed, GainTrajectory(iterations, contexts, rows["gain"].to_numpy()), "gain")
    return _tidy(records)


def read_metrics(path: Path) -> pd.DataFrame:
    """Read a metrics.parquet.

    Errors: UserError where it is missing or damaged, lacks a column or holds another type there, or has a value twice.
    """
    table = read_table(path, COLUMNS)
    check_columns(table, ["seed"], ["value"], str(path))
    for name in ("benchmark", "optimizer", "metric"):
        if not table[name].map(lambda value: isinstance(value, str)).all():
            raise UserError(f"{path}, column {name}: the type is {table[name].dtype}; it must be text, never null.")
    if not pd.api.types.is_integer_dtype(table["context"].dtype):
        raise UserError(f"{path}, column context: the type is {table['context'].dtype}; it must be an integer or null.")
    twice = table.loc[table.duplicated(COLUMNS[:-1]), COLUMNS[:-1]]
    if len(twice):
        raise UserError(
            f"{path} has two values of {' '.join(map(str, twice.iloc[0]))}; delete it and run the metrics step again."
        )
    return table


def _values(seed: int, curve: Curve, source: Source) -> Records:
    of_source = [metric for metric in METRICS.values() if metric.source == source]
    return [(seed, metric.name, k, value) for metric in of_source for k, value in metric.values(curve)]


def _tidy(records: Records) -> pd.DataFrame:
    table = pd.DataFrame(records, columns=["seed", "metric", "context", "value"])
    return table.astype({"seed": "int32", "metric": "str", "context": "Int16", "value": "float64"}).sort_values(
        ["seed", "metric", "context"], ignore_index=True
    )


def what_evaluations_hide(evaluations: pd.DataFrame) -> list[str]:
    """Say what is not seen where the first updates after a switch or its placebo were not all evaluated, a text for each.

    evaluations: as `cell_metrics` takes them; all seeds have the same evaluations.
    """
    grid = evaluations[["iteration", "context"]].drop_duplicates().sort_values("iteration")
    curve = Curve(grid["iteration"].to_numpy(dtype=np.int64), grid["context"].to_numpy(dtype=np.int64))
    told, widest = [], 1
    for k in range(2, curve.tasks + 1):
        passed = curve.iterations[curve.end(k - 1) : curve.end(k) + 1] - curve.before(k)
        widest = max(widest, int(np.diff(passed)[passed[:-1] < WATCHED].max()))
    if widest > 1:
        told.append(
            f"after a switch only one update in {widest} was evaluated. A fall between evaluations is not seen: gaps and drops "
            f"come out too small, recovery is rounded up to {widest} updates. Evaluate each of the first updates of a context."
        )
    if not all(len(curve.watched_twice(k)) for k in range(2, curve.tasks + 1)):
        told.append(
            "after the middle of a context fewer updates were evaluated than after its beginning, so placebo and net gaps are "
            "undefined. Evaluate the same numbers of updates after both."
        )
    return told
