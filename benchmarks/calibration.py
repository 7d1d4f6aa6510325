"""Print how often the rules of the claims come to each verdict on simulated data, as in docs/protocol.md, sections 6 and 12.

python benchmarks/calibration.py [simulations]
"""

import sys
from itertools import product
from pathlib import Path

import numpy as np

from stability_gap import files
from stability_gap.analysis.calibration import calibrate
from stability_gap.analysis.claims.frontier import RIVALS
from stability_gap.analysis.frontier_calibration import SCATTER, shares, template

SUITES = ("frontier", "frontier_mnist")
MEMBER = "ngm_sgd_rates_4"
RESAMPLES = 1000
EFFECTS = (-1.5, -0.5, 0.0, 0.5, 1.5)


def main() -> None:
    """Print both tables: percent of the data sets with each verdict, ten seeds each."""
    simulations = [int(each) for each in sys.argv[1:2]]
    print("| rule | data | true effect (sd) | reproduced % | not reproduced % |\n|---|---|---|---|---|")
    for row in calibrate(*simulations).itertuples():
        print(
            f"| {row.rule} | {row.data} | {_number(row.effect)} | {100 * row.reproduced:.1f} | {100 * row.not_reproduced:.1f} |"
        )
    print("\n| benchmark | gap | rival | scatter | true effect (sd) | for % | against % |\n|---|---|---|---|---|---|---|")
    for suite in SUITES:
        _frontiers(Path("paper_figures") / suite, *simulations)


def _frontiers(suite: Path, simulations: int = 1000) -> None:
    points, metrics = files.read_csv(suite / "frontier.csv"), files.read_parquet(suite / "metrics.parquet")
    for benchmark, reference, rival in product(sorted(set(points["benchmark"])), ("previous", "first"), RIVALS):
        of = template(points, metrics, benchmark, reference, rival, MEMBER)
        for scatter, effect in product(SCATTER, EFFECTS):
            generator = np.random.default_rng(0)  # the same draws for every effect
            found = shares(of, effect, scatter, len(of.own), simulations, RESAMPLES, generator)
            speaks_for, against = (f"{100 * each:.1f}" for each in found)
            print(
                f"| {benchmark} | {reference} | {rival} | {scatter} | {_number(effect)} | {speaks_for} | {against} |", flush=True
            )


def _number(effect: float) -> str:
    return f"{effect:g}".replace("-", "−")


if __name__ == "__main__":
    main()
