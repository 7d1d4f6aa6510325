"""Read the CSV files of van de Ven's stability gap experiments: the columns `iteration, mean_perf, stderr_perf`.

Accuracy on task 1 in percent, the mean over runs, evaluated before each update: the row with iteration i is the accuracy after i
updates. Metrics of a mean curve are not means of metrics: a dip comes out too shallow where runs fall at different updates.
Source: `StabilityGap/optimizers_experiments.py` (writes) and `optimizer_comparison.py` (reads), GMvandeVen/continual-learning at
dec7c49.
"""

from dataclasses import replace

import pandas as pd

from stability_gap.curves.content import Content
from stability_gap.curves.options import Options
from stability_gap.curves.tidy import tidy


def matches(content: Content) -> bool:
    """Tell whether the columns are those of the experiments."""
    return {"iteration", "mean_perf"} <= set(content.columns)


def read(content: Content, options: Options) -> pd.DataFrame:
    """Read the mean curve as one seed; iteration 0, before any update, is left out. Errors: UserError as from `tidy`."""
    table = content.rows()[["iteration", "mean_perf"]].rename(columns={"mean_perf": "accuracy"})
    return tidy(table, replace(options, percent=True, count_from=1), content.source)
