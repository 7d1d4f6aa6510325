"""Check what run folders and tables hold: one message that names the file, the column and the fix."""

from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
import pandas as pd

from stability_gap.errors import UserError

KEYS = ["seed", "iteration", "context", "task"]
TRAINING_KEYS = ["seed", "iteration", "context"]
LARGEST = {"seed": 2**31 - 1, "context": 2**15 - 1}  # what the columns of metrics.parquet can hold


def check_columns(table: pd.DataFrame, integers: Sequence[str], numbers: Sequence[str], source: str) -> None:
    """Refuse an empty table, missing columns, keys that are no integers and values that are no numbers.

    Errors: UserError naming `source` and the column.
    """
    if missing := [name for name in (*integers, *numbers) if name not in table.columns]:
        raise UserError(f"{source} lacks the column(s) {', '.join(missing)}; see docs/data-contracts.md.")
    if table.empty:
        raise UserError(f"{source} has no rows.")
    for name in numbers:
        kind = table[name].dtype
        if name == "accuracy" and not pd.api.types.is_float_dtype(kind):
            raise UserError(f"{source}, column accuracy: the type is {kind}; it must be a float, a fraction 0 … 1.")
        if not (pd.api.types.is_float_dtype(kind) or pd.api.types.is_integer_dtype(kind)):
            raise UserError(f"{source}, column {name}: the type is {kind}; it must be a number.")
    for name in integers:
        kind = table[name].dtype
        if not pd.api.types.is_integer_dtype(kind) or table[name].isna().any():
            raise UserError(f"{source}, column {name}: the type is {kind}; it must be an integer, never null.")
        low, high = int(table[name].min()), int(table[name].max())
        if low < 0 or high > LARGEST.get(name, 2**31 - 1):
            beyond = low if low < 0 else high
            raise UserError(f"{source}, column {name}: {beyond} is not in 0 … {LARGEST.get(name, 2**31 - 1)}; renumber.")


def check_evaluations(table: pd.DataFrame, source: str) -> None:
    """Refuse evaluations that are not what docs/data-contracts.md says; NaN to the end of a seed is a diverged run.

    Errors: UserError naming `source` and the column: missing or of the wrong type, accuracy infinite or not a
    fraction, a row twice, a hole, contexts or tasks not numbered 1 … K, a task before its context, rows missing in a seed.
    """
    check_columns(table, KEYS, ["accuracy"], source)
    _check_accuracy(table["accuracy"], source)
    _check_unique(table, ["seed", "iteration", "task"], source)
    _check_holes(table, source)
    grid = table[["iteration", "context"]].drop_duplicates().sort_values("iteration")
    twice = grid.loc[grid["iteration"].duplicated(), "iteration"]
    if len(twice):
        raise UserError(f"{source}, column context: iteration {twice.iloc[0]} has two contexts; give it one.")
    contexts = grid["context"].to_numpy(dtype=np.int64)
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
    for seed, rows in groups(table, "seed"):
        if len(rows) < expected.sum():
            present = rows["iteration"].value_counts().reindex(expected.index, fill_value=0)
            lacking = expected.index[present < expected][0]
            raise UserError(
                f"{source}, column iteration: seed {seed} lacks rows at iteration {lacking}; "
                "all seeds need every task seen so far at the same iterations (NaN from where a run diverged)."
            )


def gain_per_update(training: pd.DataFrame, source: str = "training") -> pd.DataFrame:
    """Average the gains over the layers at each update: `seed, iteration, context, gain`, sorted by seed and iteration.

    NaN where a layer's gain is. Errors: UserError where a key or every gain_* column is missing or has the wrong type,
    where a (seed, iteration) stands twice, or where the contexts are not 1 … K in the order of the iterations.
    """
    gains = [name for name in training.columns if name.startswith("gain_")]
    if not gains:
        raise UserError(f"{source} has no column gain_…, one per layer; write 1 for a layer without gain modulation.")
    check_columns(training, TRAINING_KEYS, gains, source)
    _check_unique(training, ["seed", "iteration"], source)
    table = training[TRAINING_KEYS].assign(gain=training[gains].to_numpy(dtype=np.float64, na_value=np.nan).mean(axis=1))
    table = table.sort_values(["seed", "iteration"], ignore_index=True)
    for _, rows in groups(table, "seed"):
        _check_contexts(rows["context"].to_numpy(dtype=np.int64), source)
    return table


def at_chance(evaluations: pd.DataFrame, classes: int | None = None, source: str = "evaluations") -> pd.DataFrame:
    """Fill in chance accuracy (1/classes) where a run diverged, for curves and their means over seeds.

    Errors: UserError from `check_evaluations`, or where a run diverged and `classes` is None.
    """
    check_evaluations(evaluations, source)
    if not evaluations["accuracy"].isna().any():
        return evaluations
    return evaluations.assign(accuracy=evaluations["accuracy"].fillna(chance(classes, source)))


def chance(classes: int | None, source: str) -> float:
    """Compute the accuracy of guessing, 1/classes. Errors: UserError where `classes` is None or below 1."""
    if classes is None:
        raise UserError(
            f"{source} holds a diverged run (NaN accuracy), which counts as chance accuracy; "
            "say how many classes there are with --classes, or by the key classes in its run.json."
        )
    if classes < 1:
        raise UserError(f"classes is {classes}; it must be at least 1 (--classes, or the key classes in run.json).")
    return 1 / classes


def groups(table: pd.DataFrame, column: str) -> Iterator[tuple[int, pd.DataFrame]]:
    """Yield each value of an integer column and the rows that have it, in ascending order."""
    for key, rows in table.groupby(column):
        yield cast(int, key), rows


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
    steps = np.diff(contexts, prepend=0)
    if steps[0] != 1 or not np.isin(steps[1:], [0, 1]).all():
        raise UserError(f"{source}, column context: contexts must be 1, 2, … K in the order of the iterations.")


def _check_holes(table: pd.DataFrame, source: str) -> None:
    """Refuse NaN accuracies but for those from some iteration of a seed to its end, on all tasks: a run that diverged."""
    empty = table[table["accuracy"].isna()]
    if empty.empty:
        return
    begin = empty.groupby("seed")["iteration"].min().rename("begin")
    later = table.merge(begin, how="inner", on="seed")
    later = later[(later["iteration"] >= later["begin"]) & later["accuracy"].notna()]
    if len(later):
        seed = int(later["seed"].iloc[0])
        hole = empty[empty["seed"] == seed].sort_values(["iteration", "task"]).iloc[0]
        raise UserError(
            f"{source}, column accuracy: seed {seed} has none on task {hole['task']:.0f} at iteration {hole['iteration']:.0f}, "
            "but has some at that iteration or later. Empty means not yet seen, or diverged to the end; evaluate every task seen "
            "so far at the same iterations, or leave those iterations out."
        )
