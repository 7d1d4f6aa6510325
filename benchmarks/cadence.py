"""How far each metric moves when fewer updates are evaluated: full curves thinned, no new training.

python benchmarks/cadence.py results/runs/split_digits/*/* [results/runs/rotated_digits/*/* …]

RUNS must have been evaluated at every update (ρ = 1). Prints a Markdown table: per metric and cadence the largest and, in
brackets, the mean absolute change over benchmarks, optimizers, seeds and switches, beside the standard deviation over seeds
(its mean over cells); how many values thinning left undefined, if any; "–": more than half of them.
"""

import logging
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from stability_gap.analysis.measure import measure
from stability_gap.analysis.metrics.registry import METRICS
from stability_gap.analysis.runs import Run, read_runs

CADENCES = [(10, 60), (10, 20), (5, 0), (10, 0), (50, 0)]  # every, dense
KEYS = ["benchmark", "optimizer", "seed", "metric", "context"]


def main(folders: list[str]) -> None:
    logging.getLogger("stability_gap").setLevel(logging.ERROR)  # of sparse evaluations, which are the point here
    runs = [without_gains(run) for run in read_runs(Path(folder) for folder in folders)]
    refuse_thin_runs(runs)
    full = measure(runs).set_index(KEYS)["value"]
    thinned = {cadence: measure([thin(run, *cadence) for run in runs]).set_index(KEYS)["value"] for cadence in CADENCES}
    print(f"| metric | sd over seeds | {' | '.join(name(*cadence) for cadence in CADENCES)} |")
    print("|---" * (len(CADENCES) + 2) + "|")
    shares = [
        sum(len(thin(run, *each).evaluations) for run in runs) / sum(len(run.evaluations) for run in runs) for each in CADENCES
    ]
    print(f"| *evaluations* | | {' | '.join(f'{share:.0%}' for share in shares)} |")
    sds = full.groupby(["benchmark", "optimizer", "metric", "context"], dropna=False).std().groupby("metric").mean()
    unmoved = []
    for metric in sorted(set(full.index.get_level_values("metric")) - {"diverged"}):
        cells = [change(full, values, metric) for values in thinned.values()]
        if set(cells) == {"0"}:
            unmoved.append(f"`{metric}`")
        else:
            print(f"| `{metric}` | {sds[metric]:.2g} | {' | '.join(cells)} |")
    print(f"\nUnmoved: {', '.join(unmoved)}.")


def thin(run: Run, every: int, dense: int) -> Run:
    """Keep each of the first `dense` updates of a context, its last, and every `every`-th one between."""
    table = run.evaluations
    first = table.groupby("context")["iteration"].transform("min")
    last = table.groupby("context")["iteration"].transform("max")
    since = table["iteration"] - first + 1
    return replace(run, evaluations=table[(since <= dense) | (since % every == 0) | (table["iteration"] == last)])


def change(full: pd.Series, thinned: pd.Series, metric: str) -> str:
    """Largest and mean absolute change of a metric, as a cell of the table."""
    before, after = (values.xs(metric, level="metric") for values in (full, thinned))
    moved = np.abs(after - before)[before.notna()]
    lost = float(moved.isna().mean())
    if lost > 0.5:
        return "–"
    digits = ".0f" if METRICS[metric].unit == "updates" else ".2g"
    undefined = f", {lost:.0%} undefined" if lost else ""
    return f"{moved.max():{digits}} ({moved.mean():{digits}}){undefined}" if moved.max() > 0 or lost else "0"


def name(every: int, dense: int) -> str:
    return f"every {every}, dense {dense}" if dense else f"every {every}"


def without_gains(run: Run) -> Run:
    """The gain is recorded at every update, whatever is evaluated."""
    return replace(run, training=None)


def refuse_thin_runs(runs: list[Run]) -> None:
    for run in runs:
        if not np.array_equal(np.unique(run.evaluations["iteration"]), np.arange(1, run.evaluations["iteration"].max() + 1)):
            sys.exit(f"{run.source}: not evaluated at every update; give runs with evaluation: {{every: 1}}.")


if __name__ == "__main__":
    main(sys.argv[1:]) if len(sys.argv) > 1 else sys.exit(__doc__)
