"""Tables of metrics as the configuration lists them: of the whole stream (Table 1) or of each switch or context (Table 2)."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from stability_gap.analysis.figure_data import best_means
from stability_gap.analysis.metrics.registry import Metric, of_one_kind
from stability_gap.errors import UserError
from stability_gap.presentation.formats import Cell, Table, spread
from stability_gap.presentation.looks import Looks

SUMMARY = ["benchmark", "optimizer", "metric", "context", "n", "mean", "sd", "diverged"]
STATISTICS = ["benchmark", "metric", "optimizer_a", "optimizer_b", "mean_difference", "p_holm", "significant", "alpha", "note"]
_MARKS = {"worse": "†", "better": "‡", "": ""}
_DIGITS = {"accuracy": 1, "updates": 1}
_ARROWS = {"higher": " ↑", "lower": " ↓", None: ""}
_PLACES = {"switch": "k", "context": "context"}
_MOST_COLUMNS = 8


def metric_table(
    name: str,
    title: str,
    metrics: Iterable[str],
    known: Mapping[str, Metric],
    summary: pd.DataFrame,
    statistics: pd.DataFrame,
    looks: Looks,
) -> Table:
    """Make the table `name` of the configuration: its title and metrics, all per stream, all per switch or all per context.

    known: every registered metric, whose label, unit and direction are used. summary, statistics: summary.csv and
    statistics.csv (columns in `SUMMARY` and `STATISTICS`, accuracies as fractions).
    Errors: UserError where a metric is not registered, where they are not all of one kind, or where a column is missing.
    """
    chosen = of_one_kind(metrics, known, f"tables.{name}.metrics")
    require_columns(summary, SUMMARY, "summary.csv")
    rows = summary[summary["metric"].isin(list(chosen))]
    if next(iter(chosen.values())).per == "stream":
        require_columns(statistics, STATISTICS, "statistics.csv")
        return stream_table(name, title, chosen, rows[rows["context"].isna()], statistics, looks)
    return switch_table(name, title, chosen, rows[rows["context"].notna()], looks)


def stream_table(
    name: str, title: str, metrics: Mapping[str, Metric], summary: pd.DataFrame, statistics: pd.DataFrame, looks: Looks
) -> Table:
    """Show each metric of every optimizer on every benchmark in a column of its own, mean ± sd over seeds.

    The best mean of a benchmark, as printed, is bold; † and ‡ mark what is significantly worse or better than the reference
    optimizer of `looks`. What is not there is left out or shown as "–". Arguments as in `metric_table`, already chosen.
    """
    numbers = _stream_numbers(metrics, summary, statistics, looks)
    n = numbers.groupby(["benchmark", "optimizer"])["n"].max()
    differ = len(set(n)) > 1  # else n stands once, in the notes
    groups = []
    for benchmark in looks.benchmark_order(numbers["benchmark"]):
        rows = numbers[numbers["benchmark"] == benchmark]
        group: list[list[Cell]] = []
        for optimizer in looks.optimizer_order(rows["optimizer"]):
            of_optimizer = rows[rows["optimizer"] == optimizer]
            cells = {row["metric"]: row for row in of_optimizer.to_dict("records")}
            diverged = int(of_optimizer["diverged"].max())
            label = looks.optimizer(optimizer) + (f" ({diverged} diverged)" if diverged else "")
            start = [Cell("" if group else looks.benchmark(benchmark)), Cell(label)]
            start += [Cell(str(n[benchmark, optimizer]))] * differ
            group.append(start + [_stream_cell(cells[key], metrics[key]) if key in cells else Cell("–") for key in metrics])
        groups.append(group)
    header = ["Benchmark", "Optimizer", *["n"] * differ, *(_heading(metric) for metric in metrics.values())]
    notes = [f"{_units(metrics)}Bold: best mean of the benchmark.", _seeds_note(numbers, metrics, looks)]
    notes += _marks_notes(numbers, statistics, metrics, looks)
    return Table(name, _sentence(title), header, groups, notes, numbers)


def switch_table(name: str, title: str, metrics: Mapping[str, Metric], summary: pd.DataFrame, looks: Looks) -> Table:
    """Show each metric at every switch or context: rows benchmark, metric and k, one column per optimizer, mean ± sd.

    Of more than `_MOST_COLUMNS` optimizers each has a row, and every k a column. The best mean at each k, as printed, is bold.
    Arguments as in `metric_table`, already chosen.
    """
    place = next(iter(metrics.values())).per
    numbers = summary.assign(**{place: summary["context"].astype(int)})
    numbers = _sorted(numbers, ["benchmark", "metric", place, "optimizer"], metrics, looks)
    numbers = numbers[["benchmark", "metric", place, "optimizer", "n", "mean", "sd", "diverged"]]
    optimizers, places = looks.optimizer_order(numbers["optimizer"]), sorted(set(numbers[place]))
    labels, turned = [looks.optimizer(each) for each in optimizers], len(optimizers) > _MOST_COLUMNS
    groups = []
    for (benchmark, key), block in numbers.groupby(["benchmark", "metric"], sort=False):
        metric, there = metrics[str(key)], set(block[place])
        cells = {at: _place_cells(block[block[place] == at], metric, optimizers) for at in places}
        if turned:
            rows = [(label, [cells[at][column] for at in places]) for column, label in enumerate(labels)]
        else:
            rows = [(str(at), cells[at]) for at in places if at in there]
        first = [looks.benchmark(str(benchmark)), _heading(metric)]
        groups.append([[*map(Cell, [*(["", ""] if row else first), what]), *shown] for row, (what, shown) in enumerate(rows)])
    what, columns = ("Optimizer", [f"{_PLACES[place]} = {at}" for at in places]) if turned else (_PLACES[place], labels)
    of = f"benchmark and metric at each {_PLACES[place]}" if turned else "row"
    notes = [f"{_units(metrics)}Bold: best mean of the {of}.", _seeds_note(numbers, metrics, looks)]
    return Table(name, _sentence(title), ["Benchmark", "Metric", what, *columns], groups, notes, numbers, names=3)


def _place_cells(rows: pd.DataFrame, metric: Metric, optimizers: Sequence[str]) -> list[Cell]:
    """One metric at one switch or context: a cell per optimizer, "–" where there is no number."""
    scale, digits = _scale(metric)
    found = rows.set_index("optimizer")
    best = best_means(found["mean"] * scale, digits, metric.better)
    return [
        Cell(spread(found["mean"][each] * scale, found["sd"][each] * scale, digits), bool(best[each]))
        if each in found.index
        else Cell("–")
        for each in optimizers
    ]


def require_columns(table: pd.DataFrame, columns: list[str], name: str) -> None:
    """Check the columns of the file `name`. Errors: UserError where one is missing."""
    missing = [column for column in columns if column not in table]
    if missing:
        raise UserError(f"{name} lacks the column(s) {', '.join(missing)}; make it again. See docs/data-contracts.md.")


def _scale(metric: Metric) -> tuple[float, int]:
    """Factor and decimals with which a metric is printed."""
    return (100.0 if metric.unit == "accuracy" else 1.0), _DIGITS.get(metric.unit, 3)


def _heading(metric: Metric) -> str:
    """Label, unit and direction: "avg-ACC (%) ↑"."""
    unit = {"accuracy": " (%)", "gap": "", "gain": ""}.get(metric.unit, f" ({metric.unit})")
    return f"{metric.label}{unit}{_ARROWS[metric.better]}"


def _units(metrics: Mapping[str, Metric]) -> str:
    """What the units of these metrics mean, as a sentence with a blank behind it; empty where nothing is to be said."""
    units = {metric.unit for metric in metrics.values()}
    texts = ["accuracy in percent"] * ("accuracy" in units)
    if "gap" in units:
        what = "stability gap as the fall below the accuracy at the switch, as a fraction of it"
        texts.append(f"{what}, on task 1 (first), the task before (previous) or all tasks before (seen, mean)")
    return _sentence("; ".join(texts)[:1].upper() + "; ".join(texts)[1:]) + " " if texts else ""


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _sorted(table: pd.DataFrame, by: list[str], metrics: Iterable[str], looks: Looks) -> pd.DataFrame:
    """Rows sorted by the columns `by`, names in the order in which they are printed."""
    ranks = {
        "benchmark": looks.benchmark_order(table["benchmark"]),
        "optimizer": looks.optimizer_order(table["optimizer"]),
        "metric": list(metrics),
    }

    def key(column: pd.Series) -> pd.Series:
        return column.map(ranks[str(column.name)].index) if column.name in ranks else column

    return table.sort_values(by, key=key, kind="stable").reset_index(drop=True)


def _stream_numbers(metrics: Mapping[str, Metric], summary: pd.DataFrame, statistics: pd.DataFrame, looks: Looks) -> pd.DataFrame:
    """One row per benchmark, optimizer, metric: n, mean, sd, diverged, best, p_holm and mark against the reference."""
    columns = [column for column in SUMMARY if column != "context"]
    numbers = _sorted(summary[columns], ["benchmark", "optimizer", "metric"], metrics, looks)
    tests = _against_reference(statistics, looks.reference).drop(columns=["note", "alpha"])
    numbers = numbers.merge(tests, how="left", on=["benchmark", "metric", "optimizer"], validate="one_to_one")
    best = pd.Series(False, index=numbers.index)
    for (_, key), rows in numbers.groupby(["benchmark", "metric"]):
        scale, digits = _scale(metrics[str(key)])
        best[rows.index] = best_means(rows["mean"] * scale, digits, metrics[str(key)].better)
    marks = [_mark(row, metrics[row["metric"]].better) for row in numbers.to_dict("records")]
    return numbers.drop(columns=["mean_difference", "significant"]).assign(best=best, mark=pd.Series(marks, dtype=object))


def _mark(row: Mapping[Any, Any], better: str | None) -> str:
    if better is None or row["significant"] is not True or math.isnan(row["mean"]):
        return ""
    return "better" if (row["mean_difference"] > 0) == (better == "higher") else "worse"


def _against_reference(statistics: pd.DataFrame, reference: str | None) -> pd.DataFrame:
    """The comparisons with the reference, each read as optimizer − reference; one column `optimizer` instead of two."""
    first = statistics[statistics["optimizer_b"] == reference].rename(columns={"optimizer_a": "optimizer"})
    second = statistics[statistics["optimizer_a"] == reference].rename(columns={"optimizer_b": "optimizer"})
    second = second.assign(mean_difference=-second["mean_difference"])
    both = pd.concat([first, second])[
        ["benchmark", "metric", "optimizer", "mean_difference", "p_holm", "significant", "alpha", "note"]
    ]
    return both.assign(significant=both["significant"].map(bool).astype(object))


def _stream_cell(row: Mapping[Any, Any], metric: Metric) -> Cell:
    scale, digits = _scale(metric)
    return Cell(spread(row["mean"] * scale, row["sd"] * scale, digits), bool(row["best"]), _MARKS[str(row["mark"])])


def _seeds_note(numbers: pd.DataFrame, metrics: Mapping[str, Metric], looks: Looks) -> str:
    """n, every optimizer with diverged runs, what nobody has a value of, and every optimizer with fewer values than seeds."""
    if numbers.empty:
        return "No results."
    most = numbers.groupby(["benchmark", "optimizer"])["n"].max()  # fewer where a metric is undefined
    low, high = int(most.min()), int(most.max())
    text = f"Mean ± standard deviation over n = {high} seed{'s' * (high != 1)}." if low == high else ""
    text = text or f"Mean ± standard deviation over n = {low} to {high} seeds."
    somewhere = numbers.groupby(["benchmark", "metric"])["n"].transform("max") > 0
    diverged, fewer = [], []
    for (benchmark, optimizer), rows in numbers.groupby(["benchmark", "optimizer"], sort=False):
        where = f"{looks.optimizer(str(optimizer))} on {looks.benchmark(str(benchmark))}"
        seeds, least = int(rows["n"].max()), rows.loc[somewhere, "n"].min()
        if rows["diverged"].max():
            diverged.append(f"{where}, {rows['diverged'].max()} of {seeds}")
        if least < seeds:
            fewer.append(f"{where}, down to n = {least}")
    text += (
        f" Diverged runs, counted as chance accuracy and a full gap: {'; '.join(diverged)}." if diverged else " No run diverged."
    )
    for benchmark, rows in numbers[~somewhere].groupby("benchmark", sort=False):
        undefined = ", ".join(metrics[key].label for key in metrics if key in set(rows["metric"]))
        text += f" Undefined on {looks.benchmark(str(benchmark))}: {undefined}."
    return text + (f" Some values are undefined for some seeds: {'; '.join(fewer)}." if fewer else "")


def _marks_notes(numbers: pd.DataFrame, statistics: pd.DataFrame, metrics: Mapping[str, Metric], looks: Looks) -> list[str]:
    """What † and ‡ mean, or why there are none."""
    if looks.reference is None:
        return []
    name = looks.optimizer(looks.reference)
    if looks.reference not in set(numbers["optimizer"]):
        return [f"{name} was not run here, so nothing is marked."]
    tests = _against_reference(statistics, looks.reference)
    tests = _sorted(tests[tests["metric"].isin(list(metrics))], ["benchmark"], metrics, looks)
    levels = " or ".join(f"{alpha:g}" for alpha in sorted(tests["alpha"].unique()))
    notes = [
        f"† significantly worse, ‡ significantly better than {name}: two-sided sign-flip permutation test of the mean "
        f"difference, paired by seed, Holm-adjusted within each benchmark and metric, p < {levels}."
    ] * bool(levels)
    weak = {
        f"{looks.benchmark(row['benchmark'])}: {remark}": None
        for row in tests.to_dict("records")
        for remark in str(row["note"]).split("; ")
        if "cannot reach" in remark or ("no test" in remark and remark != "n=0: no test")  # that is undefined
    }
    return notes + [f"Too few seeds for marks: {'; '.join(weak)}."] * bool(weak)
