"""Print how often the rules of the claims come to each verdict on simulated data, as in docs/protocol.md, sections 6 and 12.

python benchmarks/calibration.py [simulations]
"""

import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stability_gap import files
from stability_gap.analysis.calibration import calibrate
from stability_gap.analysis.claims.frontier import RIVALS
from stability_gap.analysis.frontier_calibration import SCATTER, shares, template

SUITES = ("frontier", "frontier_mnist")
MEMBER = "ngm_sgd_rates_4"
RESAMPLES = 1000
EFFECTS = (-1.5, -0.5, 0.0, 0.5, 1.5)


def main() -> None:
    """Print the tables: percent of the data sets with each verdict, ten seeds each; claim 14 case by case and summed up."""
    simulations = [int(each) for each in sys.argv[1:2]]
    print("| rule | data | true effect (sd) | reproduced % | not reproduced % |\n|---|---|---|---|---|")
    for row in calibrate(*simulations).itertuples():
        print(
            f"| {row.rule} | {row.data} | {_number(row.effect)} | {100 * row.reproduced:.1f} | {100 * row.not_reproduced:.1f} |"
        )
    cases = pd.DataFrame([row for suite in SUITES for row in _frontiers(Path("paper_figures") / suite, *simulations)])
    print("\n" + cases.to_csv(index=False))
    most = cases.groupby(["benchmark", "reference", "rival"])[["speaks_for", "against"]].transform("max")
    decide = cases[(most > 0.5).all(axis=1)]  # a large effect is found both ways
    shown = decide.groupby(["scatter", "effect"])[["speaks_for", "against"]].agg(_median_and_range)
    print("| scatter | true effect (sd) | for % | against % |\n|---|---|---|---|")
    for (scatter, effect), row in shown.iterrows():
        print(f"| {scatter} | {_number(effect)} | {row['speaks_for']} | {row['against']} |")


def _frontiers(suite: Path, simulations: int = 2000) -> Iterator[dict[str, Any]]:
    points, metrics = files.read_csv(suite / "frontier.csv"), files.read_parquet(suite / "metrics.parquet")
    for benchmark, reference, rival in product(sorted(set(points["benchmark"])), ("previous", "first"), RIVALS):
        of = template(points, metrics, benchmark, reference, rival, MEMBER)
        for scatter, effect in product(SCATTER, EFFECTS):
            generator = np.random.default_rng(0)  # the same draws for every effect
            speaks_for, against = shares(of, effect, scatter, len(of.own), simulations, RESAMPLES, generator)
            case = {"benchmark": benchmark, "reference": reference, "rival": rival, "scatter": scatter, "effect": effect}
            yield case | {"speaks_for": speaks_for, "against": against}


def _median_and_range(found: pd.Series) -> str:
    return f"{100 * found.median():.1f} ({100 * found.min():.1f} to {100 * found.max():.1f})"


def _number(effect: float) -> str:
    return f"{effect:g}".replace("-", "−")


if __name__ == "__main__":
    main()
