"""Write docs/findings.md from docs/findings.template.md and the published suites: no number on that page is typed.

python docs/generate_findings.py           writes the page
python docs/generate_findings.py --check   writes nothing, exits 1 where the page is out of date

A sentence of the template that rests on a verdict names it with `holds(…)`: where a new run gives another one, the script fails
and says which sentence has to be written anew.
"""

import sys
from functools import cache
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd
from generated_page import call

from stability_gap import files
from stability_gap.analysis.claims.mechanism import BEFORE, BURST, SAME_DATA
from stability_gap.analysis.frontier import gap_at
from stability_gap.analysis.mechanism.around import around_switches
from stability_gap.analysis.statistics import by_seed, t_interval

ROOT = Path(__file__).parent.parent
PAGE, TEMPLATE = ROOT / "docs" / "findings.md", ROOT / "docs" / "findings.template.md"
PUBLISHED = ROOT / "paper_figures"


@cache
def table(suite: str, name: str) -> pd.DataFrame:
    """A published table of a suite."""
    path = PUBLISHED / suite / name
    return files.read_parquet(path) if path.suffix == ".parquet" else files.read_csv(path)


def _seeds(suite: str, benchmark: str, metric: str, optimizer: str) -> pd.Series:
    values = by_seed(table(suite, "metrics.parquet"), benchmark, metric)
    if optimizer not in values:
        raise ValueError(f"suite {suite} has no {metric} of {optimizer} on {benchmark}")
    return values[optimizer].dropna()


def mean(suite: str, benchmark: str, optimizer: str, metric: str) -> float:
    """The mean over seeds of a metric of the whole stream."""
    return float(_seeds(suite, benchmark, metric, optimizer).mean())


def difference(suite: str, benchmark: str, metric: str, a: str, b: str, factor: float = 1, digits: int = 3) -> str:
    """Mean difference a − b over seeds with its 95 % t interval, as text: "−0.012 [−0.020, −0.004]"."""
    return _interval(factor * (_seeds(suite, benchmark, metric, a) - _seeds(suite, benchmark, metric, b)), digits)


def _interval(differences: pd.Series, digits: int) -> str:
    pairs = differences.dropna().to_numpy()
    ends = (pairs.mean(), *t_interval(pairs))
    middle, low, high = (f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−") for value in ends)
    return f"{middle} [{low}, {high}]"


def later(suite: str, benchmark: str, metric: str, a: str, b: str) -> str:
    """As `difference`, of the mean over all switches but the first of a metric that each switch has."""
    rows = table(suite, "metrics.parquet").query("benchmark == @benchmark and metric == @metric and context > 2")
    means = rows.pivot_table("value", index="seed", columns="optimizer", aggfunc="mean")
    return _interval(means[a] - means[b], 3)


def along(suite: str, benchmark: str, accuracy: float, reference: str = "previous") -> float:
    """The gap of NGM-SGD at a final accuracy, along its published curve over learning rates."""
    curve = _rates(suite, benchmark, "ngm_sgd")
    points = (curve[name].to_numpy()[None] for name in ("avg_acc_mean", f"avg_sg_{reference}_mean"))
    gap, reached, _ = gap_at(*points, np.array([accuracy]))
    if not reached.item():
        raise ValueError(f"suite {suite}: NGM-SGD never reaches {accuracy:.3f} on {benchmark}")
    return float(gap.item())


def _rates(suite: str, benchmark: str, optimizer: str) -> pd.DataFrame:
    points = table(suite, "frontier.csv").query("benchmark == @benchmark and optimizer == @optimizer")
    return points.sort_values("learning_rate")


def row(suite: str, name: str, **keys: object) -> pd.Series:
    """The one row of a published CSV file with these values. Errors: ValueError where it is not one."""
    found = table(suite, name)
    for key, value in keys.items():
        found = found[found[key].isna() if value is None else found[key] == value]
    if len(found) != 1:
        raise ValueError(f"{suite}/{name}: {len(found)} rows with {keys}, not one")
    return found.iloc[0]


def curvature(benchmark: str, same_data: bool = False) -> str:
    """How many times its value before a switch the top eigenvalue in g·W is in the burst of the gain (claim 7), as text.

    same_data: the value before on the data after the switch, too.
    """
    rows = table("mechanism", "mechanism.csv")
    rows = rows[(rows["benchmark"] == benchmark) & (rows["optimizer"] == "ngm_sgd")]
    means = around_switches(rows, "lambda_eff", geometric=True).set_index("since")["mean"]
    return f"{means[list(BURST)].pow(1 / len(BURST)).prod() / means[SAME_DATA if same_data else BEFORE]:.2f}"


def holds(
    suite: str, claim: int, benchmark: str, verdict: str, reference: str | None = None, optimizer: str | None = None
) -> str:
    """Nothing, where a claim has this verdict. Errors: ValueError where it has another: the sentence must be written anew."""
    found = row(suite, "claims.csv", claim=claim, benchmark=benchmark, reference=reference, optimizer=optimizer)["verdict"]
    if found != verdict:
        place = f"claim {claim} on {benchmark}" + "".join(f" ({part})" for part in (reference, optimizer) if part)
        raise ValueError(f"docs/findings.template.md says {place} of suite {suite} is {verdict!r}; it is {found!r} now")
    return ""


def page(_old: str = "") -> str:
    """The page docs/findings.md."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {
        "percent": lambda value: f"{100 * value:.1f}",
        "one": lambda value: f"{value:.1f}".replace("-", "−"),
        "gap": lambda value: f"{value:.3f}".replace("-", "−"),
    }
    functions = {
        "mean": mean,
        "difference": difference,
        "later": later,
        "along": along,
        "row": row,
        "holds": holds,
        "curvature": curvature,
    }
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(**functions)


def main(arguments: list[str]) -> int:
    """Write the page, or with --check compare; the exit status."""
    return call(PAGE, page, "generate_findings", __doc__, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
