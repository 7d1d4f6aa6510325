"""Judge whether our numbers agree with the published ones and with the authors' own seeds (PROTOCOL section 6).

"Agrees" is an equivalence test: the 1 − alpha interval of the difference lies within a margin relative to their number.
"Differs": it lies wholly outside. Else "undecided", or "undefined" where one of the two numbers is.
"""

import math
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any, cast

import numpy as np
import pandas as pd
from scipy import stats

from stability_gap.analysis.checks import at_chance
from stability_gap.analysis.metrics.registry import METRICS
from stability_gap.analysis.paper_convention import PAPER_SEEDS, UNITS
from stability_gap.analysis.runs import Run
from stability_gap.analysis.settings import DEFAULTS, AnalysisSettings
from stability_gap.errors import UserError

AGREES, DIFFERS, UNDECIDED, UNDEFINED = "agrees", "differs", "undecided", "undefined"

CONVENTIONS = {"v1": "v1", "v2": "v2", "v3": "v2"}
"""Version of the paper -> convention of its tables: v2 and v3 take the minimum over the same blocks."""

FIRST_TASK_UNITS = {"accuracy_end": "accuracy", "accuracy_min": "accuracy"}
"""What is compared per seed beside metrics: accuracy on task 1 at the end of each context, and its minimum there."""

REFERENCE = ["version", "benchmark", "optimizer", "metric", "value", "sd", "note"]
AUTHORS = ["benchmark", "optimizer", "seed", "metric", "context", "value"]

JUDGED = ["difference", "low", "high", "standard_errors", "margin", "verdict", "note"]
COLUMNS = ["benchmark", "version", "optimizer", "metric", "ours", "ours_sd", "n", "paper", "paper_sd", *JUDGED]
SEED_COLUMNS = [
    "benchmark",
    "optimizer",
    "metric",
    "context",
    "ours",
    "ours_sd",
    "n",
    "authors",
    "authors_sd",
    "n_authors",
    *JUDGED,
]


def compare_with_paper(
    paper_metrics: pd.DataFrame, reference: pd.DataFrame, settings: AnalysisSettings = DEFAULTS
) -> pd.DataFrame:
    """Make agreement.csv: one row per published number that we have too; columns `COLUMNS`, sorted by the first four.

    paper_metrics: of `paper_convention.paper_metrics`, at the paper's number of seeds. reference: columns `REFERENCE`,
    accuracies in percent. The result is in fractions. ours_sd and paper_sd are of one set of 5 seeds, as the paper
    propagates them, and give the standard errors sd/√4·√(5/n) of ours and sd/√4 of theirs. Where the paper gives no
    spread, ours stands in for it, standard_errors is NaN and the note says so. The note also names each optimizer
    against which the order is the reverse of the published one, where either order is clear of two standard errors.
    Errors: UserError where the reference lacks a column or holds text for a number.
    """
    theirs = _checked(reference, REFERENCE, ["value", "sd"], "the published numbers").rename(
        columns={"value": "paper", "sd": "paper_sd"}
    )
    in_percent = theirs["metric"].map(UNITS) == "accuracy"
    theirs[["paper", "paper_sd"]] = theirs[["paper", "paper_sd"]].div(np.where(in_percent, 100.0, 1.0), axis=0)
    theirs["convention"] = theirs["version"].map(CONVENTIONS)
    ours = paper_metrics.rename(columns={"value": "ours", "sd": "ours_sd"})
    keys = ["benchmark", "optimizer", "metric", "convention"]
    if theirs.duplicated([*keys, "version"]).any():
        raise UserError("the published numbers name one of them twice; keep one row each.")
    both = theirs.merge(ours, on=keys)
    rows = [_judge_published(row, settings) for row in both.to_dict("records")]
    _note_reversed_orders(rows)
    for row in rows:
        row["note"] = "; ".join(row["note"])
    order = {name: position for position, name in enumerate(UNITS)}
    return pd.DataFrame(rows, columns=COLUMNS).sort_values(
        COLUMNS[:4], key=lambda column: column.map(order) if column.name == "metric" else column, ignore_index=True
    )


def compare_with_authors(
    metrics: pd.DataFrame, runs: Iterable[Run], authors: pd.DataFrame, settings: AnalysisSettings = DEFAULTS
) -> pd.DataFrame:
    """Make agreement_per_seed.csv: our seeds against the authors', unpaired; columns `SEED_COLUMNS`, sorted.

    metrics: the long table of `measure.measure`. runs: whose task 1 is compared. authors: columns `AUTHORS`, fractions;
    context null for the whole stream. low and high are Welch's interval of the difference of means. Errors: UserError
    where the authors' table lacks a column or holds text for a number, or from `checks.at_chance`.
    """
    theirs = _checked(authors, AUTHORS, ["seed", "context", "value"], "the authors' seeds")
    cells = theirs[["benchmark", "optimizer"]].drop_duplicates().itertuples(index=False, name=None)
    wanted = set(cells)
    first_task = [first_task_accuracies(run) for run in runs if run.cell in wanted]
    keys = ["benchmark", "optimizer", "metric", "context"]
    # Context 0 stands for the whole stream, as no NaN equals another.
    ours = pd.concat([metrics, *first_task], ignore_index=True).fillna({"context": 0})
    our_values = {key: group.to_numpy(dtype=np.float64) for key, group in ours.groupby(keys)["value"]}
    units = FIRST_TASK_UNITS | {name: metric.unit for name, metric in METRICS.items()}
    rows = []
    for found, group in theirs.fillna({"context": 0}).groupby(keys)["value"]:
        key = cast(tuple[str, str, str, float], found)
        if key not in our_values:
            continue
        a, b = our_values[key], group.to_numpy(dtype=np.float64)
        a = a[np.isfinite(a)]
        note = [] if len(a) == len(our_values[key]) else [f"{len(a)} of our {len(our_values[key])} seeds have a value"]
        name = dict(zip(keys, key, strict=True))
        margin = _relative_margin(units.get(key[2], "unknown"), settings) * abs(b.mean())
        row = {
            **name,
            **_side("ours", a),
            **_side("authors", b),
            "n": len(a),
            "n_authors": len(b),
            "margin": margin,
            "note": note,
        }
        errors = _standard_error(row["ours_sd"], len(a)), _standard_error(row["authors_sd"], len(b))
        rows.append(row | _judge(row["ours"] - row["authors"], errors, (len(a), len(b)), margin, settings.alpha))
        row["note"] = "; ".join(note)
    table = pd.DataFrame(rows, columns=SEED_COLUMNS).sort_values(keys, ignore_index=True).astype({"context": "Int16"})
    return table.assign(context=table["context"].mask(table["context"] == 0))


def first_task_accuracies(run: Run) -> pd.DataFrame:
    """Find `accuracy_end` and `accuracy_min` of task 1 in each context, per seed, as rows of the long table of metrics.

    A diverged run counts as chance from where it diverged. Errors: UserError from `checks.at_chance`.
    """
    rows = at_chance(run.evaluations, run.facts.classes, str(run.source))
    rows = rows[rows["task"] == 1].sort_values("iteration").astype({"accuracy": "float64", "context": "int64"})
    found = rows.groupby(["seed", "context"])["accuracy"].agg(accuracy_end="last", accuracy_min="min")
    table = found.reset_index().melt(["seed", "context"], var_name="metric", value_name="value")
    return table.assign(benchmark=run.facts.benchmark, optimizer=run.facts.optimizer)


def welch_interval(difference: float, errors: tuple[float, float], n: tuple[int, int], confidence: float) -> tuple[float, float]:
    """Compute Welch's t interval of a difference of two means from their standard errors and numbers of seeds.

    NaN where a standard error is; one point where both are 0. Source: Welch 1947.
    """
    a, b = errors[0] ** 2, errors[1] ** 2
    if math.isnan(a + b):
        return math.nan, math.nan
    if a + b == 0:
        return difference, difference
    freedom = (a + b) ** 2 / sum(square**2 / (seeds - 1) for square, seeds in zip((a, b), n, strict=True) if square)
    half = float(stats.t.ppf((1 + confidence) / 2, freedom)) * math.sqrt(a + b)
    return difference - half, difference + half


def verdict(low: float, high: float, margin: float) -> str:
    """Judge equivalence from the interval of a difference: `AGREES` inside ± margin, `DIFFERS` wholly outside, else neither."""
    if -margin < low and high < margin:
        return AGREES
    return DIFFERS if low > margin or high < -margin else UNDECIDED


def _judge_published(row: Mapping[Any, Any], settings: AnalysisSettings) -> dict[str, Any]:
    """Judge one published number; the note is a list of remarks."""
    set_size, n = min(row["n"], PAPER_SEEDS), row["n"]
    note = [row["note"]] if isinstance(row["note"], str) else []
    # sd of n values with ddof 0 -> standard error of the mean of as many seeds as there are
    ours = row["ours_sd"] / math.sqrt(set_size - 1) * math.sqrt(set_size / n) if n > 1 else math.nan
    theirs = row["paper_sd"] / math.sqrt(PAPER_SEEDS - 1)
    if n < PAPER_SEEDS:
        note.append(f"the mean curve of {n} seeds, not {PAPER_SEEDS}")
    no_spread = math.isnan(theirs)
    if no_spread:
        note.append("published without a spread: ours stands in")
        theirs = row["ours_sd"] / math.sqrt(PAPER_SEEDS - 1)
    margin = _relative_margin(UNITS[row["metric"]], settings) * abs(row["paper"])
    judged = _judge(row["ours"] - row["paper"], (ours, theirs), (n, PAPER_SEEDS), margin, settings.alpha)
    if no_spread:
        judged["standard_errors"] = math.nan
    return {**row, **judged, "margin": margin, "note": note, "errors": (ours, theirs)}


def _judge(
    difference: float, errors: tuple[float, float], n: tuple[int, int], margin: float, alpha: float
) -> dict[str, float | str]:
    low, high = welch_interval(difference, errors, n, 1 - alpha)
    total = math.hypot(*errors)
    return {
        "difference": difference,
        "low": low,
        "high": high,
        "standard_errors": abs(difference) / total if total > 0 else math.nan,
        "verdict": UNDEFINED if math.isnan(difference) else verdict(low, high, margin),
    }


def _note_reversed_orders(rows: list[dict[str, Any]]) -> None:
    """Add to the notes of rows where two optimizers stand in the other order than published."""
    for a, b in combinations(rows, 2):
        if any(a[key] != b[key] for key in ("benchmark", "version", "metric")):
            continue
        ours, paper = a["ours"] - b["ours"], a["paper"] - b["paper"]
        clear = abs(ours) > 2 * math.hypot(a["errors"][0], b["errors"][0])
        clear |= abs(paper) > 2 * math.hypot(a["errors"][1], b["errors"][1])
        if ours * paper < 0 and clear:
            for row, other in ((a, b), (b, a)):
                row["note"].append(
                    f"order against {other['optimizer']} reversed: published {row['paper']:.3g} and {other['paper']:.3g}, "
                    f"ours {row['ours']:.3g} and {other['ours']:.3g}"
                )


def _relative_margin(unit: str, settings: AnalysisSettings) -> float:
    margins = {"accuracy": settings.accuracy_agreement, "gap": settings.gap_agreement, "gain": settings.gain_agreement}
    if unit not in margins:
        raise UserError(f"no margin for a metric whose unit is {unit}; compare metrics of {', '.join(margins)} only.")
    return margins[unit]


def _side(name: str, values: np.ndarray) -> dict[str, float]:
    """Average one side's seeds; sd with ddof 1, NaN for a single seed."""
    some, several = len(values) > 0, len(values) > 1
    return {name: float(values.mean()) if some else math.nan, f"{name}_sd": float(values.std(ddof=1)) if several else math.nan}


def _standard_error(sd: float, n: int) -> float:
    return sd / math.sqrt(n) if n > 1 else math.nan


def _checked(table: pd.DataFrame, columns: list[str], numbers: list[str], source: str) -> pd.DataFrame:
    """Select the columns. Errors: UserError where one is missing, or text stands where a number belongs."""
    if missing := [name for name in columns if name not in table.columns]:
        raise UserError(f"{source} lack the column(s) {', '.join(missing)}; see reference/.")
    for name in numbers:
        if not pd.api.types.is_numeric_dtype(table[name]):
            raise UserError(f"{source}, column {name}: holds text; write numbers, or nothing where there is none.")
    return table[columns].copy()
