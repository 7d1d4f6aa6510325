"""Read Avalanche's curves of all metrics: what `EvaluationPlugin.get_all_metrics()` returns, as JSON.

An object of name -> [updates, values], such as `"Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp000": [[0, 0, 1], [0.1, …]]`.
Source: ContinualAI/avalanche: `EvaluationPlugin.get_all_metrics` and `metric_utils.get_metric_name` (cc2205f) for the names,
`training/templates/base_sgd.py` (PeriodicEval, 006ca7c) and `training/plugins/clock.py` (4c1c2f7) for the counting.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from stability_gap.curves.content import Content
from stability_gap.curves.options import Options
from stability_gap.curves.tidy import numbers, tidy, whole_numbers
from stability_gap.errors import UserError

_NAME = re.compile(r"(Top1_Acc|Loss)_Exp/eval_phase/(\w+)_stream/(?:Task\d+/)?Exp(\d+)")


def matches(content: Content) -> bool:
    """Tell whether an accuracy per experience is among the keys, and none tracked by ContinualEvaluation."""
    keys = content.keys
    tracked = any(key.startswith("TRACK_MB_acc/") for key in keys)
    return not tracked and any(_NAME.fullmatch(key) and key.startswith("Top1_Acc_Exp/") for key in keys)


def read(content: Content, options: Options) -> pd.DataFrame:
    """Read the accuracies (and losses) per experience, of the test stream where there are several streams.

    With `eval_every=1, peval_mode="iteration"` an evaluation after update i is written down with the number i−1, as Avalanche's
    clock moves last; those before the first and after the last update of an experience have the exact number. So two evaluations
    with number 0 tell that there were some within experiences; of several with one number the last is then that after the next
    update. Errors: UserError where nothing tells the contexts, for curves of another shape, and as from `tidy`.
    """
    accuracies, losses = curves(content, _NAME, "Top1_Acc"), curves(content, _NAME, "Loss")
    within = sum(accuracies[min(accuracies)]["iteration"] == 0) > 1
    if not within and options.contexts(np.ones(1, dtype=np.int64)) is None:
        raise UserError(f"{content.source} does not say where experiences end; give --context-length 200 or --switches 200,400.")
    end = max(int(table["iteration"].max()) for table in accuracies.values())
    parts = []
    for task, table in accuracies.items():
        if task in losses and len(losses[task]) == len(table):
            table = table.assign(loss=losses[task]["accuracy"])
        counted = _by_updates(table, end) if within else table.drop_duplicates("iteration", keep="last")
        parts.append(counted.assign(task=task))
    return tidy(pd.concat(parts, ignore_index=True), replace(options, count_from=1), content.source)


def _by_updates(curve: pd.DataFrame, end: int) -> pd.DataFrame:
    """Number the evaluations of a curve that was evaluated within experiences by the updates done. end: updates of the stream."""
    number = curve["iteration"]
    last = curve[~curve.duplicated("iteration", keep="last")]
    after = last.assign(iteration=last["iteration"] + (last["iteration"] < end))
    # The first of several: between two experiences. That before a task's own first update belongs to no context of it.
    between = curve[curve.duplicated("iteration", keep=False) & ~curve.duplicated("iteration") & (number > number.min())]
    counted: pd.DataFrame = pd.concat([between, after]).drop_duplicates("iteration")
    return counted


def curves(content: Content, name: re.Pattern[str], metric: str) -> dict[int, pd.DataFrame]:
    """Take the curves of a metric whose names match: task (1 …) -> table `iteration, accuracy` in the order of writing.

    name: a pattern of three groups: metric, stream, number of the task from 0. The stream called test is taken where there are
    several. Errors: UserError for several streams none of which is called test, or a curve that is no pair of equally long lists.
    """
    found = [(match, key) for key in content.keys if (match := name.fullmatch(key)) and match[1] == metric]
    streams = {match[2] for match, _ in found}
    if len(streams) > 1 and "test" not in streams:
        raise UserError(f"{content.source} has curves of the streams {', '.join(sorted(streams))}; keep those of one.")
    tables: dict[int, pd.DataFrame] = {}
    for match, key in found:
        if len(streams) > 1 and match[2] != "test":
            continue
        task = int(match[3]) + 1
        if task in tables:
            raise UserError(f"{content.source} has two curves of {metric} on task {task}, one is {key}; keep one.")
        tables[task] = _curve(content.fields(), key, content.source)
    return tables


def _curve(document: Mapping[str, Any], key: str, source: str) -> pd.DataFrame:
    pair = document[key]
    is_pair = isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, list) for part in pair)
    if not is_pair or len(pair[0]) != len(pair[1]) or not pair[0]:
        raise UserError(f"{source}: {key} is no curve; it must be [updates, values], two lists of one length.")
    where = f"{source}: {key}"
    return pd.DataFrame(
        {
            "iteration": whole_numbers(pd.Series(pair[0], dtype=object), "updates", where),
            "accuracy": numbers(pd.Series(pair[1], dtype=object), "values", where).replace([np.inf, -np.inf], np.nan),
        }
    )
