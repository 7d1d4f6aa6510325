"""Rank optimizers over benchmarks: average ranks, Friedman test, Nemenyi critical difference (Demšar 2006).

Ranks are pandas', the tests scipy's; scikit-posthocs gives Nemenyi's p-values but not the critical difference.
"""

import numpy as np
import pandas as pd
from scipy import stats

from stability_gap.analysis.metrics.registry import METRICS, outcomes
from stability_gap.analysis.settings import DEFAULTS
from stability_gap.errors import UserError

COLUMNS = [
    "metric",
    "optimizer",
    "average_rank",
    "benchmarks",
    "friedman_statistic",
    "friedman_p",
    "critical_difference",
    "note",
]


def critical_difference(optimizers: int, benchmarks: int, alpha: float = DEFAULTS.alpha) -> float:
    """Compute how far apart average ranks differ at level `alpha` (Nemenyi; Demšar 2006, section 3.2.2)."""
    q = stats.studentized_range.ppf(1 - alpha, optimizers, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(optimizers * (optimizers + 1) / (6 * benchmarks)))


def rank(metrics: pd.DataFrame, metric: str, alpha: float = DEFAULTS.alpha) -> pd.DataFrame:
    """Rank by one metric that has a direction: the rows of ranks.csv, sorted by optimizer; rank 1 is the best.

    Each benchmark counts once, with the mean over its seeds (undefined values left out). Only optimizers that have a
    value on every benchmark of the table are ranked; the note names the others. Friedman and critical difference are
    NaN with fewer than three benchmarks, Friedman also with fewer than three optimizers. Errors: UserError for a metric
    without a direction.
    """
    if metric not in outcomes():
        raise UserError(f"cannot rank by {metric!r}; choose one of {', '.join(outcomes())}.")
    rows = metrics[(metrics["metric"] == metric) & metrics["context"].isna()]
    means = rows.pivot_table(index="benchmark", columns="optimizer", values="value", aggfunc="mean", dropna=False)
    complete = means.dropna(axis="columns")
    benchmarks, optimizers = complete.shape
    if optimizers == 0:
        return pd.DataFrame(columns=COLUMNS)
    ranks = complete.rank(axis="columns", ascending=METRICS[metric].better == "lower")

    remarks = []
    statistic = p_value = difference = np.nan
    if left_out := [str(optimizer) for optimizer in means if optimizer not in complete]:
        remarks.append(f"not on every benchmark, left out: {', '.join(left_out)}")
    if benchmarks < 3:
        remarks.append(f"{benchmarks} benchmark(s): tests undefined, they need 3")
    else:
        if benchmarks < 10:
            remarks.append(f"{benchmarks} benchmarks: low power")
        if optimizers >= 2:
            difference = critical_difference(optimizers, benchmarks, alpha)
        if optimizers < 3:
            remarks.append(f"{optimizers} optimizer(s): Friedman undefined, it needs 3")
        elif ranks.nunique(axis="columns").max() == 1:
            remarks.append("all tied: Friedman undefined")
        else:
            statistic, p_value = (float(x) for x in stats.friedmanchisquare(*complete.to_numpy().T))
    return pd.DataFrame(
        {
            "metric": metric,
            "optimizer": ranks.columns,
            "average_rank": ranks.mean().to_numpy(),
            "benchmarks": benchmarks,
            "friedman_statistic": statistic,
            "friedman_p": p_value,
            "critical_difference": difference,
            "note": "; ".join(remarks),
        },
        columns=COLUMNS,
    ).sort_values("optimizer", ignore_index=True)


def rank_all(metrics: pd.DataFrame, alpha: float = DEFAULTS.alpha) -> pd.DataFrame:
    """Make ranks.csv: `rank` for each outcome, sorted by metric and optimizer. A metric without values has no rows."""
    tables = [table for name in outcomes() if len(table := rank(metrics, name, alpha))]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)
