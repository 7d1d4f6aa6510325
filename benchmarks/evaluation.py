"""What the cadence and the choice of test images change: one training, watched twice more closely, beside the spread over seeds.

    python benchmarks/evaluation.py results/runs/split_cifar10_cpu_{every,all}/ngm_sgd/42 paper_figures/cifar_cpu/metrics.parquet

The first run (suite `cifar_evaluation`) is evaluated at every update, the second on all test images. Prints a Markdown table, per
metric of the whole stream: its value from the first run thinned to the cadence of the second, what every update and what all
images add to it, and the standard deviation over the seeds of that optimizer in the metrics given last. Both runs must be of one
type of processor: elsewhere rounding lets trainings part ways.
"""

import logging
import sys
from pathlib import Path

import pandas as pd
from cadence import thin

from stability_gap.analysis.measure import measure, read_metrics
from stability_gap.analysis.runs import read_runs

CADENCE = (10, 60)  # every, dense: of suite cifar_cpu
SHOWN = ["avg_acc", "min_acc", "wc_acc", "avg_sg_first", "avg_sg_previous", "avg_sg_seen", "anytime_acc"]


def main(every: str, complete: str, seeds: str) -> None:
    logging.getLogger("stability_gap").setLevel(logging.ERROR)  # of sparse evaluations, which are the point here
    refuse_two_trainings(Path(every), Path(complete))
    often, fully = read_runs([Path(every), Path(complete)])
    before, more_often, all_images = (of_stream(measure([run])).iloc[0] for run in (thin(often, *CADENCE), often, fully))
    spread = of_stream(read_metrics(Path(seeds))).xs(often.facts.optimizer, level="optimizer")
    print(f"{often.facts.optimizer}, n = {len(spread)} seeds:\n")
    print("| metric | 500 images, every 10, dense 60 | every update | all images | sd over seeds |\n|---|--:|--:|--:|--:|")
    for metric in SHOWN:
        changes = f"{more_often[metric] - before[metric]:+.4f} | {all_images[metric] - before[metric]:+.4f}"
        print(f"| `{metric}` | {before[metric]:.3f} | {changes} | {spread[metric].std():.3f} |")


def refuse_two_trainings(*folders: Path) -> None:
    """Only the evaluation may differ: what was recorded of every update has the same bytes."""
    if len({(folder / "training.parquet").read_bytes() for folder in folders}) > 1:
        sys.exit("These are two trainings, not one: train both on the same type of processor.")


def of_stream(metrics: pd.DataFrame) -> pd.DataFrame:
    """One row per run, one column per metric of the whole stream."""
    rows = metrics[metrics["context"].isna()]
    return rows.pivot_table(index=["benchmark", "optimizer", "seed"], columns="metric", values="value")


if __name__ == "__main__":
    main(*sys.argv[1:]) if len(sys.argv) == 4 else sys.exit(__doc__)
