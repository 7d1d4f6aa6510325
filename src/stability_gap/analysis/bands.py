"""Compute what figures show: mean curves with their intervals, and gain slopes."""

import numpy as np
import pandas as pd
from scipy import stats

CONFIDENCE = 0.95


def band(table: pd.DataFrame, by: list[str], value: str) -> pd.DataFrame:
    """Average over seeds, with the 95 % t interval, at each point: `*by, mean, low, high, n`, sorted by `by`.

    table: one row per seed and point, a point being one combination of the columns `by`; `value` names the column to
    average, in whose unit the result is. NaN values do not enter, and n counts the others: give curves of diverged
    runs through `stability_gap.analysis.checks.at_chance`. With n = 1 there is no interval (NaN). Not clipped to any
    range.
    """
    result = table.astype({value: "float64"}).groupby(by)[value].agg(mean="mean", sd="std", n="count").reset_index()
    half = _t_half_width(result["sd"].to_numpy(), result["n"].to_numpy())
    result["low"], result["high"] = result["mean"] - half, result["mean"] + half
    return result[[*by, "mean", "low", "high", "n"]]


def gain_slopes(metrics: pd.DataFrame) -> pd.DataFrame:
    """Fit a line through the mean gain per context: `benchmark, optimizer, n, slope, low, high, intercept, r, p`, sorted.

    metrics: the table of `stability_gap.analysis.measure.measure`; its rows `mean_gain` enter. slope (gain per
    context) and intercept are means over seeds of one least-squares line each; low and high are the 95 % t interval
    of the slope over the seeds, n their number. r and p (slope zero, two-sided) are of the one line through the
    points of all seeds (`scipy.stats.linregress`); p takes these points as independent, which those of one seed are
    not, so trust the interval first. Seeds with an undefined mean gain (diverged) do not enter. No seed left, or a
    stream of one context, has no line: NaN.
    """
    records = []
    gains = metrics.loc[metrics["metric"] == "mean_gain"].astype({"context": "float64"})
    for (benchmark, optimizer), cell in gains.groupby(["benchmark", "optimizer"]):
        seeds = cell.pivot_table(index="seed", columns="context", values="value", dropna=False).dropna()
        if seeds.empty or seeds.shape[1] < 2:
            records.append((benchmark, optimizer, len(seeds), *[np.nan] * 6))
            continue
        contexts, values = seeds.columns.to_numpy(), seeds.to_numpy()
        lines = [stats.linregress(contexts, row) for row in values]
        slopes = np.array([line.slope for line in lines])
        pooled = stats.linregress(np.tile(contexts, len(values)), values.ravel())
        slope, half = slopes.mean(), _t_half_width(slopes.std(ddof=1) if len(slopes) > 1 else np.nan, len(slopes))
        intercept = np.mean([line.intercept for line in lines])
        line = (slope, slope - half, slope + half, intercept, pooled.rvalue, pooled.pvalue)
        records.append((benchmark, optimizer, len(slopes), *line))
    return pd.DataFrame(records, columns=["benchmark", "optimizer", "n", "slope", "low", "high", "intercept", "r", "p"])


def _t_half_width(sd: np.ndarray | float, n: np.ndarray | int) -> np.ndarray:
    """Compute half the width of the t interval of a mean; NaN for n below 2."""
    n = np.asarray(n, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * np.asarray(sd) / np.sqrt(n))
