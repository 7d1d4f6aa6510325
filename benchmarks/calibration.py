"""Print how often the rules of the claims come to each verdict on simulated data, as the table of docs/protocol.md, section 6.

python benchmarks/calibration.py [simulations]
"""

import sys

from stability_gap.analysis.calibration import calibrate


def main() -> None:
    """Print the table: percent of the data sets with each verdict, ten seeds each."""
    print("| rule | data | true effect (sd) | reproduced % | not reproduced % |\n|---|---|---|---|---|")
    for row in calibrate(*map(int, sys.argv[1:2])).itertuples():
        effect = f"{row.effect:g}".replace("-", "−")
        print(f"| {row.rule} | {row.data} | {effect} | {100 * row.reproduced:.1f} | {100 * row.not_reproduced:.1f} |")


if __name__ == "__main__":
    main()
