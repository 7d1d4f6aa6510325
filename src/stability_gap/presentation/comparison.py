"""Our numbers beside the published ones, in the paper's table convention, and a sentence wherever they differ."""

import math
from typing import Any

import pandas as pd

from stability_gap.presentation.formats import Cell, Table, number, spread
from stability_gap.presentation.style import benchmark_label, optimizer_label, ordered
from stability_gap.presentation.tables import require_columns

PAPER_METRICS = ["benchmark", "optimizer", "convention", "metric", "value", "sd"]
REFERENCE = ["version", "benchmark", "optimizer", "metric", "value", "sd", "note"]
BAND_POINTS, BAND_FRACTION = 2.0, 0.05
"""A difference up to this (accuracy in percentage points, gap as a fraction) is called close whatever the sd."""

_CONVENTION = {"v1": "v1", "v2": "v2", "v3": "v2"}  # v2 and v3 take the minimum over the same blocks
_METRICS = {
    "paper_avg_acc": "avg-ACC (%)",
    "paper_avg_min_acc": "avg-min-ACC (%)",
    "paper_wc_acc": "WC-ACC (%)",
    "paper_avg_sg": "avg-SG",
}
_VERDICTS = {
    "within_2_sd": "within 2 sd",
    "close": "close",
    "differs": "differs",
    "undefined": "undefined",
}


def paper_comparison(paper_metrics: pd.DataFrame, reference: pd.DataFrame) -> Table:
    """Ours beside the paper's, for every published number whose benchmark, optimizer and metric we have.

    `paper_metrics`: paper_metrics.csv (columns `PAPER_METRICS`, accuracies as fractions). `reference`:
    reference/paper_results.csv (columns `REFERENCE`, accuracies in percent). In `numbers` accuracies are in percent, as
    published. Verdict: within_2_sd (the difference is at most two combined sd; needs the paper's sd), close (at most
    `BAND_POINTS` or `BAND_FRACTION`), differs, or undefined (ours is). Errors: UserError where a column is missing.
    """
    require_columns(paper_metrics, PAPER_METRICS, "paper_metrics.csv")
    require_columns(reference, REFERENCE, "reference/paper_results.csv")
    numbers = _numbers(paper_metrics, reference)
    groups: list[list[list[Cell]]] = []
    last: tuple[str, ...] = ()
    for row in numbers.to_dict("records"):
        key = (row["benchmark"], row["version"], row["optimizer"])
        new_block = key[:2] != last[:2]
        if new_block:
            groups.append([])
        digits = 1 if _is_percent(row["metric"]) else 3
        texts = [
            benchmark_label(row["benchmark"]) if new_block else "",
            row["version"] if new_block else "",
            optimizer_label(row["optimizer"]) if key != last else "",
            _METRICS[row["metric"]],
            spread(row["ours"], row["ours_sd"], digits),
            spread(row["paper"], row["paper_sd"], digits),
            number(row["difference"], digits, signed=True),
        ]
        groups[-1].append([*(Cell(text) for text in texts), Cell(_VERDICTS[row["verdict"]], bold=row["verdict"] == "differs")])
        last = key
    header = ["Benchmark", "Paper", "Optimizer", "Metric", "Ours", "Published", "Difference", "Verdict"]
    title = "Our results beside the published ones, in the paper's table convention."
    ours = sorted(set(paper_metrics["benchmark"]) - set(reference["benchmark"]))
    notes = [
        "Convention of the paper's tables: task 1, mean curve over seeds, standard deviations (ddof 0) propagated as "
        "if independent. It understates the gap; Table 1 has the values per seed.",
        f"Within 2 sd: the difference is at most two combined standard deviations. Close: at most {BAND_POINTS:g} "
        f"percentage points of accuracy or {BAND_FRACTION:g} of stability gap. Published values without ± come without "
        "a standard deviation.",
    ]
    if numbers.empty:
        notes = ["The paper has no number for these benchmarks and optimizers."]
    if ours:
        notes.append(f"Not in the paper, so not compared: {', '.join(benchmark_label(name) for name in ours)}.")
    return Table("paper_comparison", title, header, groups, notes, numbers, names=4)


def sentences(numbers: pd.DataFrame) -> list[str]:
    """One sentence for each row of ``paper_comparison(...).numbers`` where ours differ; one in all where none does."""
    result = []
    for row in numbers[numbers["verdict"].isin(["differs", "undefined"])].to_dict("records"):
        digits, unit, points = (1, " %", " percentage points") if _is_percent(row["metric"]) else (3, "", "")
        who = f"{benchmark_label(row['benchmark'])}, {optimizer_label(row['optimizer'])}"
        what = _METRICS[row["metric"]].removesuffix(" (%)")
        published = f"{spread(row['paper'], row['paper_sd'], digits)}{unit} in {row['version']} of the paper"
        if row["verdict"] == "undefined":
            result.append(f"{who}: our {what} is undefined, against {published}.")
            continue
        ours = f"{spread(row['ours'], row['ours_sd'], digits)}{unit}"
        size = f"{number(abs(row['difference']), digits)}{points} {'above' if row['difference'] > 0 else 'below'}"
        result.append(f"{who}: our {what} is {ours}, {size} the {published}.")
    if not len(numbers):
        return ["The paper has no number for these benchmarks and optimizers."]
    return result or [f"All {len(numbers)} published numbers that we can compare with are within 2 sd or close."]


def _is_percent(metric: str) -> bool:
    return metric.endswith("_acc")


def _numbers(paper_metrics: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """One row per published number that we have too, with the columns of the CSV."""
    ours = paper_metrics[paper_metrics["metric"].isin(list(_METRICS))].rename(columns={"value": "ours", "sd": "ours_sd"})
    scale = ours["metric"].map(lambda metric: 100.0 if _is_percent(metric) else 1.0).astype(float)
    ours = ours.assign(ours=ours["ours"] * scale, ours_sd=ours["ours_sd"] * scale)
    paper = reference.rename(columns={"value": "paper", "sd": "paper_sd"})
    paper = paper.assign(convention=paper["version"].map(_CONVENTION))
    both = paper.merge(ours, on=["benchmark", "optimizer", "metric", "convention"], validate="many_to_one")
    both = both.assign(difference=both["ours"] - both["paper"])
    verdicts = [_verdict(row) for row in both.to_dict("records")]
    both = both.assign(verdict=pd.Series(verdicts, index=both.index, dtype="object"))
    ranks = {"optimizer": ordered(both["optimizer"]), "metric": list(_METRICS)}
    both = both.sort_values(
        ["benchmark", "version", "optimizer", "metric"],
        key=lambda column: column.map(ranks[str(column.name)].index) if column.name in ranks else column,
    )
    columns = [
        "benchmark",
        "version",
        "optimizer",
        "metric",
        "ours",
        "ours_sd",
        "paper",
        "paper_sd",
        "difference",
        "verdict",
        "note",
    ]
    return both[columns].reset_index(drop=True)


def _verdict(row: dict[Any, Any]) -> str:
    size = abs(row["difference"])
    if math.isnan(size):
        return "undefined"
    ours_sd = 0.0 if math.isnan(row["ours_sd"]) else row["ours_sd"]
    if not math.isnan(row["paper_sd"]) and size <= 2 * math.hypot(ours_sd, row["paper_sd"]):
        return "within_2_sd"
    return "close" if size <= (BAND_POINTS if _is_percent(row["metric"]) else BAND_FRACTION) else "differs"
