"""Our numbers beside the published ones, and a sentence wherever they differ. What agrees is judged in `analysis`."""

from typing import Any

import pandas as pd

from stability_gap.analysis.paper_convention import PAPER_SEEDS
from stability_gap.presentation.formats import Cell, Table, number, spread
from stability_gap.presentation.looks import Looks
from stability_gap.presentation.tables import require_columns

NAME = "paper_comparison"
AGREEMENT = ["benchmark", "version", "optimizer", "metric", "ours", "ours_sd", "n", "paper", "paper_sd"]
AGREEMENT += ["difference", "standard_errors", "margin", "verdict", "note"]
NOTABLE = ("differs", "undefined")
"""Verdicts that get a sentence."""

_VALUES = ["ours", "ours_sd", "paper", "paper_sd", "difference", "margin"]
_METRICS = {
    "paper_avg_acc": "avg-ACC",
    "paper_avg_min_acc": "avg-min-ACC",
    "paper_wc_acc": "WC-ACC",
    "paper_avg_sg": "avg-SG",
    "paper_sg_2": "SG at switch 2",
}
_NOTHING = "The paper has no number for these benchmarks and optimizers."


def paper_comparison(agreement: pd.DataFrame, looks: Looks) -> Table:
    """Show ours beside the paper's, for every published number of which we have ours, with the verdict on agreement.

    agreement: agreement.csv (columns `AGREEMENT`, fractions); `numbers` is the same in the order of the configuration.
    Errors: UserError where a column is missing.
    """
    require_columns(agreement, AGREEMENT, "agreement.csv")
    numbers = _sorted(agreement, looks)
    groups: list[list[list[Cell]]] = []
    last: tuple[str, ...] = ()
    for row in numbers.to_dict("records"):
        key = (row["benchmark"], row["version"], row["optimizer"])
        new_block = key[:2] != last[:2]
        if new_block:
            groups.append([])
        scale, digits = _scale(row["metric"])
        values = {name: row[name] * scale for name in _VALUES}
        texts = [
            looks.benchmark(row["benchmark"]) if new_block else "",
            row["version"] if new_block else "",
            looks.optimizer(row["optimizer"]) if key != last else "",
            _name(row["metric"]) + (" (%)" if digits == 1 else ""),
            spread(values["ours"], values["ours_sd"], digits),
            spread(values["paper"], values["paper_sd"], digits),
            number(values["difference"], digits, signed=True),
            number(row["standard_errors"], 1),
            number(values["margin"], digits),
        ]
        verdict = str(row["verdict"]).replace("_", " ")
        groups[-1].append([*(Cell(text) for text in texts), Cell(verdict, bold=row["verdict"] in NOTABLE)])
        last = key
    header = ["Benchmark", "Paper", "Optimizer", "Metric", "Ours", "Published", "Difference", "in se", "Margin", "Verdict"]
    title = "Our results beside the published ones, in the paper's table convention."
    return Table(NAME, title, header, groups, _notes(numbers, looks), numbers, names=4)


def sentences(agreement: pd.DataFrame, looks: Looks) -> list[str]:
    """Write a sentence for each row of agreement.csv where ours differ or are undefined; one in all where none does."""
    result = []
    numbers = _sorted(agreement, looks)
    for row in numbers[numbers["verdict"].isin(NOTABLE)].to_dict("records"):
        scale, digits = _scale(row["metric"])
        values = {name: row[name] * scale for name in _VALUES}
        unit, points = (" %", " percentage points") if digits == 1 else ("", "")
        who = f"{looks.benchmark(row['benchmark'])}, {looks.optimizer(row['optimizer'])}"
        published = f"{spread(values['paper'], values['paper_sd'], digits)}{unit} in {row['version']} of the paper"
        if row["verdict"] == "undefined":
            result.append(f"{who}: our {_name(row['metric'])} is undefined, against {published}.")
            continue
        ours = f"{spread(values['ours'], values['ours_sd'], digits)}{unit}"
        size = f"{number(abs(values['difference']), digits)}{points} {'above' if row['difference'] > 0 else 'below'}"
        result.append(f"{who}: our {_name(row['metric'])} is {ours}, {size} the {published}.")
    if not len(numbers):
        return [_NOTHING]
    return result or [f"None of the {len(numbers)} published numbers that we can compare with differs from ours."]


def _notes(numbers: pd.DataFrame, looks: Looks) -> list[str]:
    if numbers.empty:
        return [_NOTHING]
    low, high = int(numbers["n"].min()), int(numbers["n"].max())
    notes = [
        "Convention of the paper's tables: task 1, mean curve over seeds, standard deviations (ddof 0) propagated as if "
        "independent. It understates the gap; Table 1 has the values per seed. Published values without ± come without a "
        "standard deviation.",
        "Agrees: the interval of the difference lies within the margin; differs: wholly outside; undecided: neither. In se: the "
        f"difference in standard errors. Ours: n = {high if low == high else f'{low} to {high}'} seeds.",
    ]
    if low < PAPER_SEEDS:
        notes.append(
            f"The mean curve of fewer seeds than the paper's {PAPER_SEEDS} falls deeper: our gaps come out larger for that alone."
        )
    return notes + _reversed_orders(numbers, looks)


def _reversed_orders(numbers: pd.DataFrame, looks: Looks) -> list[str]:
    """One note per pair of optimizers that stand in the other order than published; both their rows tell it."""
    told: dict[tuple[str, ...], str] = {}
    for row in numbers.fillna({"note": ""}).to_dict("records"):
        for remark in str(row["note"]).split("; "):
            if remark.startswith("order against "):
                pair = sorted([row["optimizer"], remark.split(" ")[2]])
                where = f"{looks.benchmark(row['benchmark'])} {row['version']}, {_name(row['metric'])}"
                text = f"{where}, {looks.optimizer(row['optimizer'])}: {remark}."
                told.setdefault((row["benchmark"], row["version"], row["metric"], *pair), text)
    return list(told.values())


def _scale(metric: str) -> tuple[float, int]:
    """Factor and decimals: accuracies are printed in percent, gaps as fractions."""
    return (100.0, 1) if metric.endswith("_acc") else (1.0, 3)


def _name(metric: str) -> str:
    return _METRICS.get(metric, metric.removeprefix("paper_"))


def _sorted(agreement: pd.DataFrame, looks: Looks) -> pd.DataFrame:
    ranks: dict[str, list[Any]] = {
        "benchmark": looks.benchmark_order(agreement["benchmark"]),
        "optimizer": looks.optimizer_order(agreement["optimizer"]),
        "metric": [*_METRICS, *sorted(set(agreement["metric"]) - set(_METRICS))],
    }
    by = ["benchmark", "version", "optimizer", "metric"]
    return agreement.sort_values(
        by, key=lambda column: column.map(ranks[str(column.name)].index) if column.name in ranks else column, kind="stable"
    ).reset_index(drop=True)
