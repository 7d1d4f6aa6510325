"""Record the evaluations of a training loop of one's own in our form."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stability_gap import files
from stability_gap.curves.options import Options
from stability_gap.curves.tidy import tidy
from stability_gap.errors import UserError

PerTask = Mapping[int, float] | Sequence[float] | float
"""By task 1, 2, …: a mapping, a sequence that begins with task 1, or one number for task 1 alone."""


class Recorder:
    """Collect accuracies (and losses) after updates and save them as docs/data-contracts.md has evaluations.

    Args:
        context_length: updates of every context. switches: updates after which the next context begins, for contexts of unequal
            length. One of the two; or neither, if `add` is told the context each time.

    Errors: UserError from `add` for what cannot be meant, from `table` and `save` for what is missing over all.

    Example: record while training, then measure or compare the file.

        >>> from stability_gap import Recorder, measure
        >>> recorder = Recorder(context_length=3)
        >>> for iteration, accuracy in enumerate([0.5, 0.7, 0.8, 0.2, 0.6, 0.8], start=1):
        ...     recorder.add(seed=42, iteration=iteration, accuracy={1: accuracy, 2: 0.9})  # task 2 counts from its context on
        >>> recorder
        Recorder(1 seed, 6 evaluations, 2 contexts)
        >>> path = recorder.save("mine.parquet")
        >>> metrics = measure(path)
        >>> round(float(metrics.loc[metrics["metric"] == "avg_sg_first", "value"].iloc[0]), 3)
        0.75
    """

    def __init__(self, *, context_length: int | None = None, switches: Sequence[int] | None = None) -> None:
        self._options = Options(context_length=context_length, switches=switches)
        self._rows: list[tuple[int, int, int, int, float, float]] = []
        self._last: dict[int, tuple[int, int]] = {}

    def __repr__(self) -> str:
        """Count what has been recorded."""
        seeds, contexts = len(self._last), max((context for _, context in self._last.values()), default=0)
        evaluations = len({row[:2] for row in self._rows})
        words = zip((seeds, evaluations, contexts), ("seed", "evaluation", "context"), strict=True)
        return "Recorder(" + ", ".join(f"{count} {word}{'s' * (count != 1)}" for count, word in words) + ")"

    def add(
        self, *, iteration: int, accuracy: PerTask, seed: int = 0, loss: PerTask | None = None, context: int | None = None
    ) -> None:
        """Record the evaluation after an update.

        Args:
            iteration: updates done so far, counted over the whole stream from 1. accuracy: fractions, of every task seen so far;
                those of later tasks are left out; NaN from where the run diverged. seed: names the run. loss: nats, of the same
                tasks. context: 1, 2, …, needed where the Recorder was not told how long contexts are.

        Errors: UserError for iterations that do not grow, percent, tasks counted from 0, a task seen but missing, or a context
        unknown or contradicted.
        """
        iteration, seed = _whole(iteration, "iteration"), _whole(seed, "seed")
        where = f"seed {seed}, iteration {iteration}"
        if iteration < 1:
            raise UserError(f"{where}: count updates from 1; the evaluation after the first update is iteration 1.")
        told = self._options.contexts(np.array([iteration], dtype=np.int64))
        if told is None and context is None:
            raise UserError(f"{where}: which context is this? Give Recorder(context_length=…), or context= here.")
        k = int(told[0]) if told is not None else _whole(context, "context")
        if context is not None and _whole(context, "context") != k:
            raise UserError(f"{where}: context {context} is given, by its length or switches it is {k}; leave context out.")
        last, in_context = self._last.get(seed, (0, 1))
        if iteration <= last:
            raise UserError(f"{where}: iteration {last} of this seed is recorded already; count updates over the whole stream.")
        if not in_context <= k <= in_context + 1:
            raise UserError(f"{where}: context {k} comes after context {in_context}; contexts are 1, 2, … in order.")
        accuracies, losses = _per_task(accuracy, "accuracy", where), _per_task(loss, "loss", where)
        wanted = [1] if set(accuracies) == {1} else range(1, k + 1)
        for task in wanted:
            if task not in accuracies:
                raise UserError(f"{where}: no accuracy of task {task}, which was seen; give tasks 1 to {k}, or always 1 alone.")
            if accuracies[task] > 1:
                raise UserError(f"{where}: accuracy {accuracies[task]:g} looks like percent; give fractions, 0 to 1.")
            if losses and task not in losses:
                raise UserError(f"{where}: no loss of task {task}, but of others; give the loss of every task, or none.")
        self._rows += [(seed, iteration, k, task, accuracies[task], losses.get(task, math.nan)) for task in wanted]
        self._last[seed] = (iteration, k)

    def table(self) -> pd.DataFrame:
        """Give what was recorded: `seed, iteration, context, task, accuracy[, loss]`, sorted and checked.

        Errors: UserError where nothing was recorded, or seeds were not evaluated at the same iterations.
        """
        if not self._rows:
            raise UserError("nothing was recorded yet; call add after each update.")
        table = pd.DataFrame(self._rows, columns=["seed", "iteration", "context", "task", "accuracy", "loss"])
        if table["loss"].isna().all():
            table = table.drop(columns="loss")
        return tidy(table, Options(), "the recorder")

    def save(self, path: str | Path) -> Path:
        """Write the table as parquet, or as CSV where the name ends so, and return the path.

        Errors: UserError from `table`, or where the file cannot be written.
        """
        table, path = self.table(), Path(path)
        values = {name: "float32" for name in ("accuracy", "loss") if name in table}
        (files.write_csv if path.suffix == ".csv" else files.write_parquet)(path, table.astype(values))
        return path


def _whole(value: object, name: str) -> int:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not number.is_integer():
        raise UserError(f"{name} is {value!r}; give a whole number.")
    return int(number)


def _number(value: Any) -> float:
    """A number, whatever holds it; torch warns of a tensor that is still part of a graph."""
    return float(value.detach() if hasattr(value, "detach") else value)


def _per_task(values: PerTask | None, name: str, where: str) -> dict[int, float]:
    """Bring values into the form task -> value."""
    if values is None:
        return {}
    try:
        if isinstance(values, Mapping):
            pairs = list(values.items())
        else:  # a number has no length; a tensor of no dimension has one that it refuses to tell
            one = not hasattr(values, "__len__") or getattr(values, "ndim", 1) == 0
            sequence: Any = [values] if one else values
            pairs = list(enumerate(sequence, start=1))
        by_task = {_whole(task, "task"): _number(value) for task, value in pairs}
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}: {name} is {values!r}; give numbers by task, such as {{1: 0.9, 2: 0.8}}.") from error
    if (low := min(by_task, default=1)) < 1:
        raise UserError(f"{where}: {name} has the task {low}; tasks count from 1, in the order in which they are learned.")
    return by_task
