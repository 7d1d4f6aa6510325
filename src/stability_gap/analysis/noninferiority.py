"""Test competitive accuracy as non-inferiority: not "no significant difference", but "at most a margin worse"."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from stability_gap.analysis.settings import DEFAULTS
from stability_gap.analysis.statistics import all_equal, bootstrap_intervals, by_seed, generator_for, t_interval

COLUMNS = [
    "benchmark",
    "metric",
    "candidate",
    "rival",
    "n",
    "mean_candidate",
    "mean_rival",
    "mean_difference",
    "margin",
    "t_low",
    "t_high",
    "bootstrap_low",
    "bootstrap_high",
    "p_value",
    "outcome",
    "note",
]


def noninferiority(
    metrics: pd.DataFrame,
    candidate: str = "ngm_sgd",
    rivals: Sequence[str] = ("sgd", "msgd", "adam"),
    metric: str = "avg_acc",
    margin: float = DEFAULTS.accuracy_margin,
    alpha: float = DEFAULTS.alpha,
    resamples: int = DEFAULTS.resamples,
    random_seed: int = DEFAULTS.random_seed,
) -> pd.DataFrame:
    """Judge per benchmark whether `candidate` is at most `margin` (in the metric's unit) worse than its best rival.

    `metrics` is the long table, `metric` one where more is better. The best rival is the one with the largest mean over
    the seeds that all of them have (the first of equals); picking it on the same data makes the test stricter, never
    laxer. `t_low`, `bootstrap_low` are one-sided lower 1-alpha bounds of the mean difference candidate - rival (paired
    t, percentile bootstrap), `*_high` the upper ones; `p_value` is the one-sided paired t test against "difference <=
    -margin".

    outcome: "non-inferior" where both lower bounds are above -margin, "inferior" where both upper bounds are below it,
    else "undecided"; "undefined", with a note, where an optimizer is missing or fewer than two seeds have all values.
    """
    rows = []
    for benchmark in sorted(set(metrics["benchmark"])):
        key = {"benchmark": benchmark, "metric": metric, "candidate": candidate, "margin": margin}
        values = by_seed(metrics, benchmark, metric)
        if missing := [optimizer for optimizer in (candidate, *rivals) if optimizer not in values]:
            rows.append({**key, "n": 0, "outcome": "undefined", "note": f"missing: {', '.join(missing)}"})
            continue
        complete = values[[candidate, *rivals]].replace([np.inf, -np.inf], np.nan).dropna()
        if len(complete) < 2:
            rows.append({**key, "n": len(complete), "outcome": "undefined", "note": f"n={len(complete)}: no test"})
            continue
        rival = str(complete[list(rivals)].mean().idxmax())
        generator = generator_for(random_seed, "noninferiority", benchmark, metric, candidate, rival)
        rows.append({**key, "rival": rival, **_judge(complete, candidate, rival, margin, alpha, resamples, generator)})
    return pd.DataFrame(rows, columns=COLUMNS)


def _judge(
    values: pd.DataFrame,
    candidate: str,
    rival: str,
    margin: float,
    alpha: float,
    resamples: int,
    generator: np.random.Generator,
) -> dict[str, Any]:
    """Compute the numbers and the outcome for one pair; `values` is seeds x optimizers without gaps."""
    differences = (values[candidate] - values[rival]).to_numpy(dtype=np.float64)
    confidence = 1 - 2 * alpha  # the ends of this two-sided interval are the one-sided 1-alpha bounds
    t_low, t_high = t_interval(differences, confidence)
    (low, high), _ = bootstrap_intervals(differences, generator, resamples, confidence)
    outcome = "non-inferior" if min(t_low, low) > -margin else "inferior" if max(t_high, high) < -margin else "undecided"
    equal = all_equal(differences)
    return {
        "n": len(differences),
        "mean_candidate": values[candidate].mean(),
        "mean_rival": values[rival].mean(),
        "mean_difference": differences.mean(),
        "t_low": t_low,
        "t_high": t_high,
        "bootstrap_low": low,
        "bootstrap_high": high,
        "p_value": np.nan if equal else float(stats.ttest_1samp(differences, -margin, alternative="greater").pvalue),
        "outcome": outcome,
        "note": "all differences equal: no p" if equal else "",
    }
