"""Bring curves into the shape of our evaluations (docs/data-contracts.md), and refuse what would be measured wrongly."""

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd

from stability_gap.analysis.checks import check_evaluations
from stability_gap.analysis.trajectory import Integers
from stability_gap.curves.options import Options
from stability_gap.errors import UserError

LOG = logging.getLogger(__name__)

COLUMNS = ["seed", "iteration", "context", "task", "accuracy", "loss"]
TYPES = {"seed": "int32", "iteration": "int32", "context": "int16", "task": "int16"}
DENSE = 10  # evaluations of a context beside which a single one is odd
_FIX_CONTEXTS = "say where contexts change: --context-length 200, or --switches 200,400 for contexts of unequal length"


def tidy(table: pd.DataFrame, options: Options, source: str) -> pd.DataFrame:
    """Complete and check curves: `seed, iteration, context, task, accuracy[, loss]`, sorted.

    table: one row per (seed, iteration, task): iteration (updates done, at any spacing), task (1 …; left out: 1), accuracy
    (fraction, or percent where `options` say so; NaN: not yet seen, or diverged), and where there are, seed, context (1 …), loss
    (nats). Contexts come from the table, else from `options`, else from where tasks begin to have an accuracy. Accuracies on
    tasks before their context are left out. Other columns count only where text tells runs apart. source: named in messages.
    Warns of a context with a single evaluation beside others with many.
    Errors: UserError naming the column and the fix: types, percent, iterations counted otherwise than said, several runs taken
    for one, no contexts, others than the options say or fewer than tasks, switches that never come, holes, and whatever
    `check_evaluations` refuses.
    """
    if table.empty:
        raise UserError(f"{source} has no rows.")
    table, has_seed = table.copy(), "seed" in table
    if "task" not in table:
        table["task"] = 1
    if "seed" not in table:
        table["seed"] = 0 if options.seed is None else options.seed
    for name in ("seed", "iteration", "task"):
        table[name] = whole_numbers(table[name], name, source)
    _refuse_below_one(table["task"], "task", source)
    _refuse_runs_told_apart_by_text(table, source)
    table = table[[name for name in COLUMNS if name in table]].copy()
    for name in ("accuracy", "loss"):
        if name in table:
            table[name] = numbers(table[name], name, source)
    table["accuracy"] = _fractions(table["accuracy"], options.percent, source)
    table = _counted_from_one(table, options, source)
    _refuse_repeated_rows(table, has_seed, source)
    table["context"] = _contexts(table, options, source)
    _refuse_tasks_without_context(table, source)
    # Nothing is lost: what stands before a task's own context is no accuracy on an old task.
    table = table[table["task"] <= table["context"]]
    table = table[[name for name in COLUMNS if name in table]].sort_values(["seed", "iteration", "task"], ignore_index=True)
    check_evaluations(table, source)
    _warn_of_single_evaluations(table, source)
    return table.astype(TYPES)


def from_array(accuracy: np.ndarray, seeds: Sequence[int] | None = None) -> pd.DataFrame:
    """Lay out an array of accuracies as rows for `tidy`.

    accuracy: (iterations,) on task 1, (iterations, tasks), or (seeds, iterations, tasks), evaluated after every update. seeds: of
    the first axis; numbered from 0 where not given. Errors: UserError for another shape or number of seeds.
    """
    values = np.asarray(accuracy)
    if values.ndim not in (1, 2, 3) or values.dtype.kind not in "fiu" or not values.size:
        raise UserError(
            f"accuracies have the shape {values.shape} and the type {values.dtype}; give numbers of the shape (iterations,), "
            "(iterations, tasks) or (seeds, iterations, tasks)."
        )
    values = values.reshape((1,) * (3 - values.ndim) + values.shape if values.ndim > 1 else (1, *values.shape, 1))
    count, iterations, tasks = values.shape
    named = np.arange(count) if seeds is None else np.asarray(list(seeds))
    if len(named) != count:
        raise UserError(f"{len(named)} seeds are named for {count} curves; name one for each.")
    seed, iteration, task = np.meshgrid(named, np.arange(iterations) + 1, np.arange(tasks) + 1, indexing="ij")
    return pd.DataFrame(
        {"seed": seed.ravel(), "iteration": iteration.ravel(), "task": task.ravel(), "accuracy": values.ravel().astype(float)}
    )


def whole_numbers(column: pd.Series, name: str, source: str) -> pd.Series:
    """Convert a column to int64. Errors: UserError where a value is missing or no whole number."""
    values = _numeric(column)
    bad = ~(values.notna() & np.isfinite(values.to_numpy(dtype=np.float64, na_value=np.nan)) & (values % 1 == 0))
    if bad.any():
        raise UserError(f"{source}, column {name}: {_shown(column[bad])} is no whole number; write one in every row.")
    if (huge := values.abs() > 2**31 - 1).any():
        raise UserError(f"{source}, column {name}: {_shown(column[huge])} is beyond 2147483647; renumber.")
    return values.astype("int64")


def numbers(column: pd.Series, name: str, source: str) -> pd.Series:
    """Convert a column to float64; empty is NaN. Errors: UserError where a value is no number."""
    values = _numeric(column).astype("float64")
    bad = values.isna() & column.notna()
    if bad.any():
        raise UserError(f"{source}, column {name}: {_shown(column[bad])} is no number; write one with a point, or leave it out.")
    return values


def _numeric(column: pd.Series) -> pd.Series:
    """Convert what is a real number, and make the rest NaN."""
    values = pd.to_numeric(column, errors="coerce")
    return pd.Series(np.nan, index=column.index) if values.dtype.kind == "c" else values


def _shown(column: pd.Series) -> str:
    """Write the first value of a column as a Python literal."""
    value = column.iloc[0]
    return repr(value.item() if isinstance(value, np.generic) else value)


def _fractions(accuracy: pd.Series, percent: bool, source: str) -> pd.Series:
    high = accuracy.max()
    if high > 100:
        raise UserError(f"{source}, column accuracy: {high:g} is above 100 percent; write fractions 0 … 1, or percent.")
    if high > 1 and not percent:
        raise UserError(f"{source}, column accuracy: {high:g} looks like percent; say so with --percent, or divide by 100.")
    if percent and 0 < high <= 1:  # all correct as a fraction, none as percent: nothing tells which
        raise UserError(
            f"{source}, column accuracy: none is above {high:g}, so --percent is hard to believe; write fractions everywhere, "
            "dividing what is percent by 100, and leave the option out."
        )
    return accuracy / 100 if percent else accuracy


def _counted_from_one(table: pd.DataFrame, options: Options, source: str) -> pd.DataFrame:
    first = int(table["iteration"].min())
    if first < 0:
        raise UserError(f"{source}, column iteration: {first} is below 0; count the updates done, from 1.")
    if first > 0 and options.count_from == 0:
        raise UserError(
            f"{source}, column iteration: it begins at {first}, so --count-from 0 says nothing of it; write the updates done, "
            "from 1 on, and leave the option out."
        )
    if first > 0:
        return table
    if options.count_from == 0:
        return table.assign(iteration=table["iteration"] + 1)
    if options.count_from is None:
        raise UserError(
            f"{source}, column iteration: it begins at 0. If 0 is the evaluation after the first update, give --count-from 0; "
            "if it is the one before any update, --count-from 1 (it is then left out)."
        )
    return table[table["iteration"] > 0]


def _refuse_runs_told_apart_by_text(table: pd.DataFrame, source: str) -> None:
    """Refuse a column of text, none of ours, by which rows are of several runs: they would be pooled as seeds of one curve.

    That is text that is the same all through a seed and not in all, or without which rows stand twice. Other text, such as the
    name of a task or a time, tells no runs apart.
    """
    keys = ["seed", "iteration", "task"]
    for name in map(str, table.columns):
        if name in COLUMNS or pd.api.types.is_numeric_dtype(table[name]):
            continue
        values = table[name].dropna()
        if not values.map(lambda value: isinstance(value, str)).all() or values.nunique() < 2:
            continue
        within_seeds = table.groupby("seed")[name].nunique()
        if within_seeds.max() == 1 or (table.duplicated(keys).any() and not table.duplicated([*keys, name]).any()):
            first = ", ".join(values.unique()[:3])
            raise UserError(
                f"{source}, column {name}: it has the values {first}{', …' if values.nunique() > 3 else ''}; give one file each, "
                "or leave the column out where it only names the seeds of one curve."
            )


def _refuse_repeated_rows(table: pd.DataFrame, has_seed: bool, source: str) -> None:
    """Refuse a (seed, iteration, task) that stands twice, and say what it mostly comes from."""
    keys = ["seed", "iteration", "task"]
    double = table.loc[table.duplicated(keys), keys]
    if double.empty:
        return
    contexts = whole_numbers(table["context"], "context", source) if "context" in table else 1
    if not table[keys].assign(context=contexts).duplicated().any():
        fix = "it is in two contexts, so count iterations over the whole stream, not anew in each"
    elif has_seed:
        fix = "keep one row each, and count iterations over the whole stream"
    else:
        fix = "rows of several runs need a column seed; count iterations over the whole stream"
    where = ", ".join(f"{name} {value}" for name, value in double.iloc[0].items() if has_seed or name != "seed")
    raise UserError(f"{source}: {where} stands twice; {fix}.")


def _contexts(table: pd.DataFrame, options: Options, source: str) -> pd.Series:
    _refuse_switches_that_never_come(table, options, source)
    told = options.contexts(table["iteration"].to_numpy(dtype=np.int64))
    if "context" in table:
        written = whole_numbers(table["context"], "context", source)
        _refuse_below_one(written, "context", source)
        if told is not None and (different := written.to_numpy() != told).any():
            first = int(np.argmax(different))
            raise UserError(
                f"{source}, column context: iteration {table['iteration'].iloc[first]} is in context {written.iloc[first]}, by "
                f"--context-length or --switches in {told[first]}; leave the option out or correct it."
            )
        return written
    if told is not None:
        if options.context_length is not None:
            _refuse_another_length(table, told, options.context_length, source)
        return pd.Series(told, index=table.index)
    return pd.Series(_begun_tasks(table, source), index=table.index)


def _refuse_switches_that_never_come(table: pd.DataFrame, options: Options, source: str) -> None:
    last = table["iteration"].max()
    if options.switches is not None and (late := [int(switch) for switch in options.switches if switch > last]):
        raise UserError(
            f"{source}: the switch after update {late[0]} never comes, the last evaluation is after update {last}; correct "
            "--switches, or give the whole curve."
        )


def _warn_of_single_evaluations(table: pd.DataFrame, source: str) -> None:
    """Warn of a context with a single evaluation beside others with many, which hardly begins where it seems to."""
    counts = table.drop_duplicates("iteration").groupby("context")["iteration"].agg(["size", "first"])
    single = counts[(counts["size"] == 1) & (counts.index > 1)]
    if len(single) and counts["size"].max() >= DENSE:
        LOG.warning(
            "%s: context %d holds one evaluation, after update %d, another context %d. Does it begin there? If its task is "
            "evaluated at its end only, evaluate it all along; if the stream ends before, leave that evaluation out. "
            "--context-length or --switches say where contexts change.",
            source,
            single.index[0],
            single["first"].iloc[0],
            counts["size"].max(),
        )


def _refuse_below_one(column: pd.Series, name: str, source: str) -> None:
    if (low := column.min()) < 1:
        raise UserError(f"{source}, column {name}: {low} is below 1; {name}s count from 1.")


def _refuse_tasks_without_context(table: pd.DataFrame, source: str) -> None:
    """Refuse accuracies on tasks whose context never comes: they would be left out, and those kept would be of other contexts."""
    tasks, contexts = table.loc[table["accuracy"].notna(), "task"].max(), table["context"].max()
    if tasks > contexts:
        raise UserError(
            f"{source} has accuracies on {tasks:.0f} tasks, but contexts: {contexts}; correct the column context, "
            "--context-length or --switches, or leave tasks that were never learned out."
        )


def _refuse_another_length(table: pd.DataFrame, told: Integers, length: int, source: str) -> None:
    """Refuse a context length by which a task has accuracies before its context, though in the file tasks begin one by one.

    They would be left out, and the gap sought at the wrong updates. An evaluation right before a task's first update is fine,
    and so are files that evaluate future tasks: there several tasks begin at once, which tells nothing.
    """
    seen = table.assign(told=told)[table["accuracy"].notna()]
    begins = seen.groupby("task")["iteration"].min()
    if not begins.is_unique or not begins.is_monotonic_increasing:
        return
    early = seen[(seen["told"] < seen["task"]) & (seen["iteration"] != length * (seen["task"] - 1))]
    if len(early):
        task = int(early["task"].iloc[0])
        raise UserError(
            f"{source}: task {task} has accuracies from iteration {begins[task]} on, but by --context-length {length} its "
            f"context begins at {length * (task - 1) + 1}; leave the option out, as the file tells, or correct it. Where tasks "
            "are evaluated before they are learned, give --switches instead."
        )


def _begun_tasks(table: pd.DataFrame, source: str) -> Integers:
    """Take the last task that has had an accuracy so far as the context.

    Errors: UserError where all have one from the start, or where all seeds diverged before some task began.
    """
    seen = table[table["accuracy"].notna()]
    if len(seen) and table["task"].max() > seen["task"].max() and seen["iteration"].max() < table["iteration"].max():
        raise UserError(f"{source} diverged before task {table['task'].max()} began, and has no column context; {_FIX_CONTEXTS}.")
    newest = seen.groupby("iteration")["task"].max().cummax()
    if newest.empty or newest.iloc[0] != 1 or newest.iloc[-1] == 1:
        what = "only one task" if not newest.empty and newest.iloc[-1] == 1 else "accuracies on later tasks from the start"
        raise UserError(f"{source} has {what} and no column context; {_FIX_CONTEXTS}.")
    iterations = np.sort(table["iteration"].unique())
    whole = newest.reindex(iterations).ffill().bfill().astype("int64")
    return np.asarray(table["iteration"].map(whole), dtype=np.int64)
