"""Table 1 (accuracy and stability gap of every optimizer) and Table 2 (the gap at each switch)."""

import math
from typing import Any, NamedTuple

import pandas as pd

from stability_gap.errors import UserError
from stability_gap.presentation.formats import Cell, Table, number, spread
from stability_gap.presentation.style import benchmark_label, optimizer_label, ordered

BASELINE = "ngm_sgd"
LEVEL = 0.05
SUMMARY = ["benchmark", "optimizer", "metric", "context", "n", "mean", "sd", "diverged"]
STATISTICS = ["benchmark", "metric", "optimizer_a", "optimizer_b", "mean_difference", "p_holm", "note"]
REFERENCES = {"first": "task 1", "previous": "task k−1", "seen": "mean of tasks < k"}
_MARKS = {"worse": "†", "better": "‡", "": ""}


class _Column(NamedTuple):
    label: str
    percent: bool
    higher_is_better: bool


_COLUMNS = {
    "avg_acc": _Column("avg-ACC (%) ↑", True, True),
    "min_acc": _Column("min-ACC (%) ↑", True, True),
    "wc_acc": _Column("WC-ACC (%) ↑", True, True),
    "avg_sg_first": _Column("avg-SG first ↓", False, False),
    "avg_sg_previous": _Column("avg-SG previous ↓", False, False),
    "avg_sg_seen": _Column("avg-SG seen ↓", False, False),
}


def table1(summary: pd.DataFrame, statistics: pd.DataFrame) -> Table:
    """Accuracy and stability gap of every optimizer on every benchmark, mean ± sd over seeds.

    `summary` and `statistics` are summary.csv and statistics.csv (columns in `SUMMARY` and `STATISTICS`, accuracies as
    fractions). The best mean of a benchmark, as printed, is bold; † and ‡ mark what is significantly worse or better
    than NGM-SGD (Holm-adjusted p < 0.05). Optimizers and metrics that are not there are left out or shown as "–".
    Errors: UserError where a column is missing.
    """
    require_columns(summary, SUMMARY, "summary.csv")
    require_columns(statistics, STATISTICS, "statistics.csv")
    numbers = _table1_numbers(summary[summary["metric"].isin(list(_COLUMNS)) & summary["context"].isna()], statistics)
    groups = []
    for benchmark in sorted(numbers["benchmark"].unique()):
        rows = numbers[numbers["benchmark"] == benchmark]
        group: list[list[Cell]] = []
        for optimizer in ordered(rows["optimizer"]):
            cells = rows[rows["optimizer"] == optimizer].set_index("metric")
            diverged = int(cells["diverged"].max())
            label = optimizer_label(optimizer) + (f" ({diverged} diverged)" if diverged else "")
            start = [Cell("" if group else benchmark_label(benchmark)), Cell(label), Cell(str(cells["n"].max()))]
            group.append(start + [_cell(cells.loc[metric]) if metric in cells.index else Cell("–") for metric in _COLUMNS])
        groups.append(group)
    header = ["Benchmark", "Optimizer", "n", *(column.label for column in _COLUMNS.values())]
    title = "Accuracy and stability gap, mean ± standard deviation over seeds."
    return Table("table1", title, header, groups, _table1_notes(numbers, statistics), numbers)


def table2(summary: pd.DataFrame) -> Table:
    """Stability gap at each switch, mean ± sd over seeds: rows benchmark, reference task and switch k, one column per
    optimizer.

    `summary` is summary.csv (columns in `SUMMARY`; metrics sg_first, sg_previous, sg_seen, with context = k). The
    smallest mean of a row, as printed, is bold. Errors: UserError where a column is missing.
    """
    require_columns(summary, SUMMARY, "summary.csv")
    metrics = {f"sg_{reference}": reference for reference in REFERENCES}
    rows = summary[summary["metric"].isin(list(metrics)) & summary["context"].notna()]
    numbers = rows.assign(switch=rows["context"].astype(int), reference=rows["metric"].map(metrics))
    numbers = _sorted(numbers, ["benchmark", "reference", "switch", "optimizer"])
    numbers = numbers[["benchmark", "reference", "switch", "optimizer", "n", "mean", "sd", "diverged"]]
    optimizers = ordered(numbers["optimizer"])
    groups = []
    for (benchmark, reference), block in numbers.groupby(["benchmark", "reference"], sort=False):
        group: list[list[Cell]] = []
        for switch, cells in block.groupby("switch"):
            cells = cells.set_index("optimizer")
            smallest = number(cells["mean"].min(), 3)
            shown = []
            for name in optimizers:
                text = spread(cells["mean"][name], cells["sd"][name], 3) if name in cells.index else "–"
                shown.append(Cell(text, bold=text != "–" and text.split(" ")[0] == smallest))
            start = ["" if group else benchmark_label(str(benchmark)), "" if group else str(reference), str(switch)]
            group.append([*(Cell(text) for text in start), *shown])
        groups.append(group)
    meaning = "; ".join(f"{name}: {text}" for name, text in REFERENCES.items())
    notes = [
        "Stability gap at the switch to task k: the fall of accuracy below its value at the switch, as a fraction of "
        "that value. "
        f"Reference: {meaning}. Bold: smallest mean of the row.",
        _seeds_note(numbers),
    ]
    header = ["Benchmark", "Reference", "k", *(optimizer_label(name) for name in optimizers)]
    title = "Stability gap at each switch, mean ± standard deviation over seeds."
    return Table("table2", title, header, groups, notes, numbers, names=3)


def require_columns(table: pd.DataFrame, columns: list[str], name: str) -> None:
    """Check the columns of the file `name`. Errors: UserError where one is missing."""
    missing = [column for column in columns if column not in table]
    if missing:
        raise UserError(f"{name} lacks the column(s) {', '.join(missing)}; make it again. See docs/data-contracts.md.")


def _sorted(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Rows sorted by the columns `by`, optimizers, metrics and references in the order in which they are printed."""
    ranks = {"optimizer": ordered(table["optimizer"]), "metric": list(_COLUMNS), "reference": list(REFERENCES)}

    def key(column: pd.Series) -> pd.Series:
        return column.map(ranks[str(column.name)].index) if column.name in ranks else column

    return table.sort_values(by, key=key, kind="stable").reset_index(drop=True)


def _table1_numbers(summary: pd.DataFrame, statistics: pd.DataFrame) -> pd.DataFrame:
    """One row per benchmark, optimizer, metric: n, mean, sd, diverged, best, p_holm and mark against the baseline."""
    numbers = _sorted(summary[[column for column in SUMMARY if column != "context"]], ["benchmark", "optimizer", "metric"])
    numbers = numbers.merge(
        _against_baseline(statistics), how="left", on=["benchmark", "metric", "optimizer"], validate="one_to_one"
    )
    best, marks = [], []
    for row in numbers.to_dict("records"):
        column = _COLUMNS[row["metric"]]
        rivals = numbers.loc[(numbers["benchmark"] == row["benchmark"]) & (numbers["metric"] == row["metric"]), "mean"]
        top = rivals.max() if column.higher_is_better else rivals.min()
        best.append(bool(rivals.notna().any()) and _mean_text(row["mean"], column) == _mean_text(top, column))
        mark = ""
        if row["p_holm"] < LEVEL and not math.isnan(row["mean"]):
            mark = "better" if (row["mean_difference"] > 0) == column.higher_is_better else "worse"
        marks.append(mark)
    return numbers.drop(columns=["mean_difference", "note"]).assign(best=best, mark=marks)


def _against_baseline(statistics: pd.DataFrame) -> pd.DataFrame:
    """The comparisons with the baseline, each read as optimizer − baseline; one column `optimizer` instead of two."""
    first = statistics[statistics["optimizer_b"] == BASELINE].rename(columns={"optimizer_a": "optimizer"})
    second = statistics[statistics["optimizer_a"] == BASELINE].rename(columns={"optimizer_b": "optimizer"})
    second = second.assign(mean_difference=-second["mean_difference"])
    return pd.concat([first, second])[["benchmark", "metric", "optimizer", "mean_difference", "p_holm", "note"]]


def _mean_text(mean: float, column: _Column) -> str:
    return number(mean * 100, 1) if column.percent else number(mean, 3)


def _cell(row: "pd.Series[Any]") -> Cell:
    column = _COLUMNS[str(row.name)]
    scale, digits = (100, 1) if column.percent else (1, 3)
    return Cell(spread(row["mean"] * scale, row["sd"] * scale, digits), bool(row["best"]), _MARKS[str(row["mark"])])


def _seeds_note(numbers: pd.DataFrame) -> str:
    """n, every optimizer with diverged runs, and every one with fewer values than seeds."""
    if numbers.empty:
        return "No results."
    most = numbers.groupby(["benchmark", "optimizer"])["n"].max()  # fewer where a metric is undefined
    low, high = int(most.min()), int(most.max())
    text = f"n = {high} seed{'s' * (high != 1)}." if low == high else f"n = {low} to {high} seeds."
    diverged, fewer = [], []
    for (benchmark, optimizer), rows in numbers.groupby(["benchmark", "optimizer"], sort=False):
        where = f"{optimizer_label(str(optimizer))} on {benchmark_label(str(benchmark))}"
        seeds = int(rows["n"].max())
        if rows["diverged"].max():
            diverged.append(f"{where}, {rows['diverged'].max()} of {seeds}")
        if rows["n"].min() < seeds:
            fewer.append(f"{where}, down to n = {rows['n'].min()}")
    text += (
        f" Diverged runs, counted as chance accuracy and a full gap: {'; '.join(diverged)}." if diverged else " No run diverged."
    )
    return text + (f" Some values are undefined for some seeds: {'; '.join(fewer)}." if fewer else "")


def _table1_notes(numbers: pd.DataFrame, statistics: pd.DataFrame) -> list[str]:
    notes = [
        "Accuracy in percent; stability gap as a fraction, against task 1 (first), the task before (previous) or the "
        "mean of all tasks before (seen). Bold: best mean of the benchmark.",
        _seeds_note(numbers),
    ]
    if BASELINE not in set(numbers["optimizer"]):
        return [*notes, f"{optimizer_label(BASELINE)} was not run here, so nothing is marked."]
    notes.append(
        f"† significantly worse, ‡ significantly better than {optimizer_label(BASELINE)}: two-sided sign-flip "
        "permutation test of the mean difference, paired by seed, Holm-adjusted within each benchmark and metric, "
        f"p < {LEVEL}."
    )
    tests = _against_baseline(statistics)
    tests = tests[tests["metric"].isin(list(_COLUMNS))].sort_values("benchmark", kind="stable")
    weak = {
        f"{benchmark_label(row['benchmark'])}: {remark}": None
        for row in tests.to_dict("records")
        for remark in str(row["note"]).split("; ")
        if "cannot reach" in remark or "no test" in remark
    }
    if weak:
        notes.append(f"Too few seeds for marks: {'; '.join(weak)}.")
    return notes
