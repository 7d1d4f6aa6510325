"""Read wide tables: one row per evaluation, one column per task.

`iteration, acc_task1, acc_task2, …` and maybe `seed, context, loss_task1, …`. `accuracy_task_1`, `acc_1`,
`task1` and `1` are understood too. A task that was not seen yet is empty. Other columns are left aside, but for text that tells
runs apart.
"""

import re

import pandas as pd

from stability_gap.curves.content import Content
from stability_gap.curves.options import Options
from stability_gap.curves.tidy import tidy
from stability_gap.errors import UserError

_ACCURACY = re.compile(r"(?:acc(?:uracy)?)?[ _]*(?:task)?[ _]*(\d+)")
_LOSS = re.compile(r"loss[ _]*(?:task)?[ _]*(\d+)")


def matches(content: Content) -> bool:
    """Tell whether the table has the columns iteration and at least one of a task."""
    return "iteration" in content.columns and bool(_tasks(content.columns, _ACCURACY))


def read(content: Content, options: Options) -> pd.DataFrame:
    """Read a wide table. Errors: UserError where tasks are not numbered 1, 2, … or two columns are of one, and as from `tidy`."""
    table = content.rows()
    accuracies, losses = (_columns(content, pattern) for pattern in (_ACCURACY, _LOSS))
    expected = list(range(1, len(accuracies) + 1))
    if sorted(accuracies) != expected:
        raise UserError(
            f"{content.source}: the columns are of the tasks {', '.join(map(str, sorted(accuracies)))}; number them from 1, in "
            "the order in which they are learned."
        )
    of_tasks = {"task", "accuracy", "loss", *accuracies.values(), *losses.values()}
    kept = [name for name in table if name not in of_tasks]
    parts = []
    for task, column in sorted(accuracies.items()):
        part = table[kept].assign(task=task, accuracy=table[column])
        parts.append(part.assign(loss=table[losses[task]]) if task in losses else part)
    return tidy(pd.concat(parts, ignore_index=True), options, content.source)


def _tasks(columns: list[str], pattern: re.Pattern[str]) -> list[tuple[int, str]]:
    found = [(pattern.fullmatch(name), name) for name in columns]
    return [(int(match[1]), name) for match, name in found if match]


def _columns(content: Content, pattern: re.Pattern[str]) -> dict[int, str]:
    """Map tasks to their column. Errors: UserError where a task has two."""
    columns: dict[int, str] = {}
    for task, name in _tasks(content.columns, pattern):
        if task in columns:
            raise UserError(f"{content.source}: the columns {columns[task]} and {name} are both of task {task}; keep one.")
        columns[task] = name
    return columns
