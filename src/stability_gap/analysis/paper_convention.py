"""Compute the paper's own table convention (`paper_metrics.csv`), to compare with its published numbers, for nothing else.

Everything is computed on task 1 and on the mean curve over the seeds. This understates the gap: the seeds reach their
minima at different updates, and the minimum of a mean curve is never below the mean of the minima, the less so the more
seeds are averaged. So it is computed at the paper's number of seeds. Per-seed numbers are in metrics.parquet; on the
authors' own curves their avg-SG is 1.0 to 1.7 times as large where it is above 0.01.

Source: the authors' published code; arXiv 2507.14056, tables of v1 and of v2/v3.
"""

import itertools
import math
from collections.abc import Iterable

import numpy as np
import pandas as pd

from stability_gap.analysis.checks import at_chance
from stability_gap.analysis.runs import Run
from stability_gap.analysis.trajectory import Floats, Integers, mean

PAPER_SEEDS = 5  # 42 … 46
MOST_SUBSETS = 1000  # of more subsets of the seeds, a fixed random choice

UNITS = {
    "paper_avg_acc": "accuracy",
    "paper_avg_min_acc": "accuracy",
    "paper_wc_acc": "accuracy",
    "paper_avg_sg": "gap",
    "paper_sg_2": "gap",
}
"""The metrics of this convention, in the order of the paper's tables, and their units: fractions."""


def paper_convention(evaluations: pd.DataFrame, classes: int | None = None, source: str = "evaluations") -> pd.DataFrame:
    """Compute the `paper_*` metrics of all seeds of one cell: `convention (v1, v2), metric, n, value, sd`, as fractions.

    With m(t) the mean over seeds of the accuracy on task 1, b_k its value at the end of block k, and K blocks:

    - paper_avg_acc: mean over all blocks of b_k
    - paper_avg_min_acc: mean over blocks of min of m over the block; v1: blocks 1 … K−1, so it holds the untrained
      start; v2 (and v3): blocks 2 … K
    - paper_wc_acc: b_K/K + (1 − 1/K)·paper_avg_min_acc
    - paper_avg_sg: mean over k = 2 … K of (b_{k−1} − min of m over block k)/b_{k−1}
    - paper_sg_2: the same at the first switch alone, k = 2

    sd: the standard deviation over seeds (ddof 0) at the updates that enter, propagated to first order as if they were
    independent of one another (they are not). With n > 5 seeds, value and sd are means over all sets of 5 seeds, or over
    1000 of them. NaN where there is no such block (K = 1) or b_{k−1} is 0. A diverged run counts as chance accuracy from
    where it diverged. Errors: UserError from `checks.at_chance`.
    """
    rows = at_chance(evaluations, classes, source)
    rows = rows.loc[rows["task"] == 1].sort_values(["seed", "iteration"])
    n = rows["seed"].nunique()
    curves = rows["accuracy"].to_numpy(dtype=np.float64).reshape(n, -1)
    contexts = rows["context"].to_numpy(dtype=np.int64)[: curves.shape[1]]
    found = [_of_mean_curve(curves[list(seeds)], contexts) for seeds in _seed_sets(n)]
    average = np.mean(found, axis=0)
    records = [
        (convention, metric, n, *average[i, j]) for i, convention in enumerate(("v1", "v2")) for j, metric in enumerate(UNITS)
    ]
    return pd.DataFrame(records, columns=["convention", "metric", "n", "value", "sd"])


def paper_metrics(runs: Iterable[Run]) -> pd.DataFrame:
    """Compute `paper_convention` of every (benchmark, optimizer) among the runs, its seeds pooled over their files.

    Columns: `benchmark, optimizer, convention, metric, n, value, sd`, sorted by the first two. Errors: UserError from
    `paper_convention`.
    """
    cells: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        cells.setdefault(run.cell, []).append(run)
    tables = []
    for (benchmark, optimizer), blocks in sorted(cells.items()):
        pooled = pd.concat([run.evaluations for run in blocks])
        table = paper_convention(pooled, blocks[0].facts.classes, ", ".join(str(run.source) for run in blocks))
        table.insert(0, "benchmark", benchmark)
        table.insert(1, "optimizer", optimizer)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _seed_sets(n: int) -> list[tuple[int, ...]]:
    """Choose the sets of seeds, as positions, that are averaged into one mean curve each."""
    size = min(n, PAPER_SEEDS)
    if math.comb(n, size) <= MOST_SUBSETS:
        return list(itertools.combinations(range(n), size))
    generator = np.random.default_rng(0)
    return [tuple(generator.choice(n, size, replace=False)) for _ in range(MOST_SUBSETS)]


def _of_mean_curve(curves: Floats, contexts: Integers) -> Floats:
    """Compute value and sd of the metrics; curves (seeds, evaluations), contexts (evaluations,) -> (v1 or v2, metric, 2)."""
    average, sd = curves.mean(axis=0), curves.std(axis=0)
    blocks = [np.flatnonzero(contexts == k) for k in range(1, contexts[-1] + 1)]
    ends = np.array([block[-1] for block in blocks])
    lows = np.array([block[average[block].argmin()] for block in blocks])

    tasks = len(blocks)
    before, low = average[ends[:-1]], average[lows[1:]]
    ratio = np.divide(low, before, out=np.full(tasks - 1, np.nan), where=before > 0)
    # sd of 1 − low/before: each of its two numbers varies with its own sd
    ratio_sd = np.hypot(sd[lows[1:]], ratio * sd[ends[:-1]]) / np.where(before > 0, before, np.nan)

    def of_blocks(chosen: Integers) -> list[tuple[float, float]]:
        min_acc, min_sd = mean(average[chosen]), _mean_sd(sd[chosen])
        share = 1 - 1 / tasks
        return [
            (mean(average[ends]), _mean_sd(sd[ends])),
            (min_acc, min_sd),
            (average[-1] / tasks + share * min_acc, math.hypot(sd[-1] / tasks, share * min_sd)),
            (mean(1 - ratio), _mean_sd(ratio_sd)),
            (1 - ratio[0], ratio_sd[0]) if tasks > 1 else (math.nan, math.nan),
        ]

    return np.array([of_blocks(lows[:-1]), of_blocks(lows[1:])])


def _mean_sd(sds: Floats) -> float:
    """Compute the standard deviation of the mean of independent numbers."""
    return float(np.sqrt((sds**2).sum()) / len(sds)) if len(sds) else float("nan")
