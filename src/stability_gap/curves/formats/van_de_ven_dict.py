"""Read the `plotting_dict` of van de Ven's continual learning code, as JSON.

`main.py --results-dict` pickles it; dump it as JSON instead. It holds `"acc per context": {"context 1": [fractions], …}` and
`x_iteration`, the updates done; contexts not begun yet have accuracy 0; `x_context` is the number of contexts begun.
As `main.py` stands, only the callback after each context fills it; where that after each `--acc-log` updates does too, the last
update of a context stands twice.
Source: GMvandeVen/continual-learning: `main.py` (eval_cbs, context_cbs) at 0fa419e, `train/train_task_based.py` (where they are
called) at f039276, `eval/callbacks.py` (_eval_cb) and `eval/evaluate.py` (initiate_plotting_dict, test_all_so_far) at df9f983.
"""

import re
from dataclasses import replace

import pandas as pd

from stability_gap.curves.content import Content
from stability_gap.curves.options import Options
from stability_gap.curves.tidy import tidy, whole_numbers
from stability_gap.errors import UserError

_KEYS = ["acc per context", "x_iteration", "x_context"]


def matches(content: Content) -> bool:
    """Tell whether the keys are those of a plotting_dict."""
    return set(_KEYS) <= set(content.keys)


def read(content: Content, options: Options) -> pd.DataFrame:
    """Read the accuracies on every context; of two evaluations after one update of a context the last counts.

    Errors: UserError for lists of unequal length, and as from `tidy`.
    """
    document = content.fields()
    accuracies = document["acc per context"]
    named = (
        {re.fullmatch(r"context (\d+)", str(name)): curve for name, curve in dict(accuracies).items()}
        if isinstance(accuracies, dict)
        else {}
    )
    lists = [document["x_iteration"], document["x_context"], *named.values()]
    if not named or None in named or not all(isinstance(each, list) and len(each) == len(lists[0]) for each in lists):
        raise UserError(
            f"{content.source}: x_iteration, x_context and each list of 'acc per context' ('context 1', …) must be of one length."
        )
    updates = pd.DataFrame(
        {
            "iteration": whole_numbers(pd.Series(document["x_iteration"], dtype=object), "x_iteration", content.source),
            "context": whole_numbers(pd.Series(document["x_context"], dtype=object), "x_context", content.source),
        }
    )
    last = ~updates.duplicated(keep="last")
    parts = [updates.assign(task=int(match[1]), accuracy=curve)[last] for match, curve in named.items() if match]
    return tidy(pd.concat(parts, ignore_index=True), replace(options, count_from=1), content.source)
