"""The paper's own table convention (`paper_metrics.csv`), to compare with its published numbers and for nothing else.

Everything is computed on task 1 and on the mean curve over the seeds. This understates the gap: the seeds reach their
minima at different iterations, and the minimum of a mean curve is never below the mean of the minima. Per-seed
numbers are in `stability_gap.analysis.metrics`; on the authors' own curves their avg-SG is 1.0 to 1.7 times as large.

Source: the authors' published code; arXiv 2507.14056, tables of v1 and of v2/v3.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from stability_gap.analysis.metrics import at_chance, read_runs

METRICS = ["paper_avg_acc", "paper_avg_min_acc", "paper_wc_acc", "paper_avg_sg"]


def paper_convention(evaluations: pd.DataFrame, classes: int | None = None, source: str = "evaluations") -> pd.DataFrame:
    """The `paper_*` metrics of all seeds of one cell together: `convention (v1, v2), metric, value, sd`, as
    fractions.

    With m(t) the mean over seeds of the accuracy on task 1, b_k its value at the end of block k, and K blocks:

    - paper_avg_acc: mean over all blocks of b_k
    - paper_avg_min_acc: mean over blocks of min of m over the block; v1: blocks 1 … K−1, so it holds the untrained
      start; v2 (and v3): blocks 2 … K
    - paper_wc_acc: b_K/K + (1 − 1/K)·paper_avg_min_acc
    - paper_avg_sg: mean over k = 2 … K of (b_{k−1} − min of m over block k)/b_{k−1}

    sd: the standard deviation over seeds (ddof 0) at the iterations that enter, propagated to first order as if they
    were independent of one another (they are not). NaN where there is no such block (K = 1) or b_{k−1} is 0. A
    diverged run counts as chance accuracy from where it diverged. Errors: UserError from
    `stability_gap.analysis.metrics.at_chance`.
    """
    rows = at_chance(evaluations, classes, source)
    rows = rows.loc[rows["task"] == 1]
    by_iteration = rows.astype({"accuracy": "float64"}).groupby("iteration")
    mean, sd = by_iteration["accuracy"].mean().to_numpy(), by_iteration["accuracy"].std(ddof=0).to_numpy()
    contexts = by_iteration["context"].first().to_numpy(dtype=np.int64)
    iterations = np.arange(len(contexts))
    blocks = [iterations[contexts == k] for k in range(1, contexts[-1] + 1)]
    ends = np.array([block[-1] for block in blocks])
    lows = np.array([block[mean[block].argmin()] for block in blocks])

    tasks = len(blocks)
    before, low = mean[ends[:-1]], mean[lows[1:]]
    ratio = np.divide(low, before, out=np.full(tasks - 1, np.nan), where=before > 0)
    # sd of 1 − low/before: each of its two numbers varies with its own sd
    ratio_sd = np.hypot(sd[lows[1:]], ratio * sd[ends[:-1]]) / before

    records = []
    for convention, chosen in (("v1", lows[:-1]), ("v2", lows[1:])):
        min_acc, min_sd = _mean(mean[chosen]), _mean_sd(sd[chosen])
        share = 1 - 1 / tasks
        values = {
            "paper_avg_acc": (_mean(mean[ends]), _mean_sd(sd[ends])),
            "paper_avg_min_acc": (min_acc, min_sd),
            "paper_wc_acc": (mean[-1] / tasks + share * min_acc, np.hypot(sd[-1] / tasks, share * min_sd)),
            "paper_avg_sg": (_mean(1 - ratio), _mean_sd(ratio_sd)),
        }
        records += [(convention, metric, *values[metric]) for metric in METRICS]
    return pd.DataFrame(records, columns=["convention", "metric", "value", "sd"])


def paper_metrics(
    paths: list[Path], classes: int | None = None, benchmark: str | None = None, optimizer: str | None = None
) -> pd.DataFrame:
    """`paper_convention` of every (benchmark, optimizer) among the runs, its seeds pooled over their files; sorted.

    Columns: `benchmark, optimizer, convention, metric, value, sd`. Arguments and errors as in
    `stability_gap.analysis.metrics.read_runs`.
    """
    runs = read_runs(paths, classes, benchmark, optimizer)
    tables = []
    for cell in sorted({(run.benchmark, run.optimizer) for run in runs}):
        blocks = [run for run in runs if (run.benchmark, run.optimizer) == cell]
        pooled = pd.concat([run.evaluations for run in blocks])
        table = paper_convention(pooled, blocks[0].classes, ", ".join(str(run.source) for run in blocks))
        table.insert(0, "benchmark", cell[0])
        table.insert(1, "optimizer", cell[1])
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _mean_sd(sds: np.ndarray) -> float:
    """Standard deviation of the mean of independent numbers."""
    return float(np.sqrt((sds**2).sum()) / len(sds)) if len(sds) else float("nan")
