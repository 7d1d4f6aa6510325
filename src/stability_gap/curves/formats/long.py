"""Read long tables: one row per evaluation of a task.

The columns are `iteration, accuracy` and what else there is of `seed, task, context, loss`. Our own
evaluations.parquet (docs/data-contracts.md) has them all. Other columns are left aside, but for text that tells runs apart.
"""

import pandas as pd

from stability_gap.curves.content import Content
from stability_gap.curves.options import Options
from stability_gap.curves.tidy import tidy


def matches(content: Content) -> bool:
    """Tell whether the table has the columns iteration and accuracy."""
    return {"iteration", "accuracy"} <= set(content.columns)


def read(content: Content, options: Options) -> pd.DataFrame:
    """Read a long table. Without a column task all rows are of task 1. Errors: UserError as from `tidy`."""
    return tidy(content.rows(), options, content.source)
