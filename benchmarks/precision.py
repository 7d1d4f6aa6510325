"""What rounding training to bfloat16 changes: each metric, paired by seed, beside its spread over seeds.

python benchmarks/precision.py results/cifar_precision/metrics.parquet [split_cifar10_small] [split_cifar10_small_bf16]

Prints a Markdown table, per metric of the whole stream: the mean change (bf16 − fp32) with the 95 % t interval of all pairs of an
optimizer and a seed, its size for one pair, the mean over optimizers of the standard deviation over seeds in fp32; then the
largest paired t statistic over optimizers, with its p.
Two runs of one seed that differ in rounding alone part ways, so a change per seed about as large as the spread is expected; what
would speak against bf16 is a mean change that is not 0.
"""

import sys
from pathlib import Path

import pandas as pd
from scipy import stats

from stability_gap.analysis.measure import read_metrics
from stability_gap.analysis.statistics import t_interval

SHOWN = ["avg_acc", "min_acc", "wc_acc", "avg_sg_first", "avg_sg_previous", "avg_sg_seen", "anytime_acc", "avg_net_sg_previous"]


def main(path: str, plain: str = "split_cifar10_small", rounded: str = "split_cifar10_small_bf16") -> None:
    rows = read_metrics(Path(path))
    rows = rows[rows["context"].isna() & rows["metric"].isin(SHOWN)]
    table = rows.pivot_table(index=["metric", "optimizer", "seed"], columns="benchmark", values="value")
    change = table[rounded] - table[plain]
    print("| metric | mean change | change of a pair | sd over seeds, fp32 | largest t (p) |\n|---|--:|--:|--:|--:|")
    for metric in SHOWN:
        if metric not in change.index.get_level_values("metric"):
            continue
        each = change.xs(metric, level="metric")
        spread = table[plain].xs(metric, level="metric").groupby("optimizer").std().mean()
        tests = each.groupby("optimizer").apply(paired)
        worst = tests.abs().idxmax()
        p = 2 * stats.t.sf(abs(tests[worst]), each.groupby("optimizer").size()[worst] - 1)
        low, high = t_interval(each.to_numpy())
        print(
            f"| `{metric}` | {each.mean():+.3f} [{low:+.3f}, {high:+.3f}] | {each.abs().mean():.3f} | {spread:.3f} | "
            f"{tests[worst]:+.1f} ({worst}, {p:.2f}) |"
        )
    optimizers, seeds = (table.index.get_level_values(level).nunique() for level in ("optimizer", "seed"))
    print(f"\nn = {seeds} seeds × {optimizers} optimizers.")


def paired(change: pd.Series) -> float:
    """The t statistic of paired differences; 0 where there are none."""
    return float(change.mean() / change.sem()) if change.std() else 0.0


if __name__ == "__main__":
    main(*sys.argv[1:])
