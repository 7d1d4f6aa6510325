"""Summarise metrics over seeds (`summary.csv` in docs/data-contracts.md)."""

import pandas as pd

from stability_gap.errors import UserError

CELL = ["benchmark", "optimizer"]
KEYS = [*CELL, "metric", "context"]


def summarise(metrics: pd.DataFrame) -> pd.DataFrame:
    """Summarise each metric over the seeds: `benchmark, optimizer, metric, context, n, mean, sd, min, max, diverged`, sorted.

    metrics: the table of `stability_gap.analysis.measure.measure`. Undefined values (NaN, such as a recovery that
    never came) do not enter: n is the number of seeds with a value, so read it with the mean. sd has ddof 1, NaN for
    n = 1. diverged is the number of diverged seeds of the (benchmark, optimizer); they do enter, with their worst
    values. Rows of the whole stream (context null) stand behind those of the contexts. The metric `diverged` itself
    has no row. Errors: UserError where the table does not say, for every (benchmark, optimizer), which seeds
    diverged.
    """
    marks = metrics["metric"] == "diverged"
    diverged = metrics.loc[marks].groupby(CELL)["value"].sum().astype("int64").rename("diverged").reset_index()
    values = metrics.loc[~marks].groupby(KEYS, dropna=False)["value"]
    table = values.agg(n="count", mean="mean", sd="std", min="min", max="max").reset_index()
    table = table.merge(diverged, how="left", on=CELL)
    unmarked = table.loc[table["diverged"].isna(), CELL]
    if len(unmarked):
        cell = "/".join(unmarked.iloc[0])
        raise UserError(f"the metrics of {cell} lack the rows of the metric diverged; measure its runs again.")
    return table.astype({"diverged": "int64", "n": "int64"})
