"""Read the metrics of ContinualEvaluation (De Lange, van de Ven, Tuytelaars 2023, who named the stability gap), as JSON.

The code keeps `strategy.evaluator.all_metric_results`, name -> (updates, values), and saves it by torch.save, which is a pickle;
dump it as JSON instead. Accuracies tracked while training are called `TRACK_MB_acc/train_phase/train_stream/Task000`. The
evaluation after update i is written down with the number i−1, that before any update with −1.
Source: `src/eval/continual_eval_metrics.py` and `main.py`, Mattdl/ContinualEvaluation at bae2a58.
"""

import re
from dataclasses import replace

import pandas as pd

from stability_gap.curves.content import Content
from stability_gap.curves.formats.avalanche_metrics import curves
from stability_gap.curves.options import Options
from stability_gap.curves.tidy import tidy

_NAME = re.compile(r"(TRACK_MB_acc|TRACK_MB_loss)/train_phase/(\w+)_stream/Task(\d+)")


def matches(content: Content) -> bool:
    """Tell whether an accuracy tracked while training is among the keys."""
    return any(_NAME.fullmatch(key) and key.startswith("TRACK_MB_acc/") for key in content.keys)


def read(content: Content, options: Options) -> pd.DataFrame:
    """Read the tracked accuracies (and losses) of every task. It tracks a task from its context on, which tells the contexts.

    Errors: UserError for curves of another shape, and as from `tidy`.
    """
    accuracies, losses = (curves(content, _NAME, metric) for metric in ("TRACK_MB_acc", "TRACK_MB_loss"))
    parts = []
    for task, table in accuracies.items():
        if task in losses and len(losses[task]) == len(table):
            table = table.assign(loss=losses[task]["accuracy"])
        table = table.assign(iteration=table["iteration"] + 1, task=task)
        parts.append(table.drop_duplicates("iteration", keep="last"))
    return tidy(pd.concat(parts, ignore_index=True), replace(options, count_from=1), content.source)
