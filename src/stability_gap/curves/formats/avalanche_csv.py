"""Read `eval_results.csv` of Avalanche's CSVLogger: the columns `eval_exp, training_exp, eval_accuracy, eval_loss, forgetting`.

It is written between two calls of `train` only: one evaluation per training experience, in which no gap can be seen unless
experiences are a few updates long. Prefer `avalanche_metrics`.
Source: the docstring of `avalanche.logging.CSVLogger`, ContinualAI/avalanche at cc2205f (0.5); experiences count from 0.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from stability_gap.analysis.trajectory import Integers
from stability_gap.curves.content import Content
from stability_gap.curves.options import Options
from stability_gap.curves.tidy import tidy, whole_numbers
from stability_gap.errors import UserError


def matches(content: Content) -> bool:
    """Tell whether the columns are those of eval_results.csv."""
    return {"eval_exp", "training_exp", "eval_accuracy"} <= set(content.columns)


def read(content: Content, options: Options) -> pd.DataFrame:
    """Read eval_results.csv; the context of a row is its training experience, so the options must say where those end.

    Rows before any training (training_exp None) are left out; of several evaluations after an experience the last counts.
    Errors: UserError where no option tells how many updates an experience has, and as from `tidy`.
    """
    rows = content.rows()
    rows = rows[rows["training_exp"].notna()]
    context = whole_numbers(rows["training_exp"], "training_exp", content.source) + 1
    tasks = whole_numbers(rows["eval_exp"], "eval_exp", content.source) + 1
    if (context < 1).any() or (tasks < 1).any():
        raise UserError(f"{content.source}: experiences count from 0; a row has one below.")
    ends = _ends(context.to_numpy(), options)
    if ends is None:
        raise UserError(f"{content.source} does not count updates; say how many an experience has: --context-length 200.")
    table = pd.DataFrame({"iteration": ends, "context": context, "task": tasks, "accuracy": rows["eval_accuracy"]})
    # A loss that is not monitored is logged as 0 everywhere.
    if "eval_loss" in rows and (rows["eval_loss"] != 0).any():
        table["loss"] = rows["eval_loss"]
    table = table.drop_duplicates(["iteration", "task"], keep="last")
    return tidy(table, replace(options, context_length=None, switches=None), content.source)


def _ends(contexts: Integers, options: Options) -> Integers | None:
    """Find the last update of each of these contexts; None where the options do not say."""
    if options.context_length is not None:
        return options.context_length * contexts
    if options.switches is not None and len(options.switches) >= contexts.max(initial=0) - 1:
        # The end of the last context is not among the switches; any later update will do.
        ends = np.array([*options.switches, max([0, *options.switches]) + 1], dtype=np.int64)
        return np.asarray(ends[contexts - 1])
    return None
