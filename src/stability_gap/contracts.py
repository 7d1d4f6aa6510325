"""Hold published tables to their contracts: columns, types and ranges of each file (docs/data-contracts.md)."""

import logging
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
from pandera.pandas import Check, Column, DataFrameSchema

from stability_gap import files
from stability_gap.errors import UserError

logging.getLogger("pandera").setLevel(logging.ERROR)

VERDICTS = ("reproduced", "not reproduced", "inconclusive", "not assessable", "not tested here")
AGREEMENT = ("agrees", "differs", "undecided", "undefined")


def _text(*allowed: str, empty: bool = False) -> Column:
    check = Check.isin(allowed, error=f"must be one of {', '.join(allowed)}") if allowed else None
    return Column(str, check, nullable=empty, coerce=True)


def _count(least: int = 0, empty: bool = False) -> Column:
    return Column(float if empty else int, Check.ge(least, error=f"must be at least {least}"), nullable=empty, coerce=True)


def _number(low: float | None = None, high: float | None = None, empty: bool = False) -> Column:
    """Within rounding of [low, high]: means of fractions are a last bit beyond them at times."""
    checks = [Check.ge(low - 1e-9, error=f"must be at least {low}")] if low is not None else []
    checks += [Check.le(high + 1e-9, error=f"must be at most {high}")] if high is not None else []
    return Column(float, checks, nullable=empty, coerce=True)


def _interval(low: str, high: str) -> Check:
    return Check(lambda table: ~(table[low] > table[high]), error=f"{low} must be at most {high}", ignore_na=False)


def _table(keys: list[str], columns: dict[str, Column], *checks: Check, strict: bool = True) -> DataFrameSchema:
    return DataFrameSchema(columns, checks=list(checks), unique=keys, strict=strict)


PLACE = {"benchmark": _text(), "optimizer": _text()}
SPREAD = {"n": _count(), "mean": _number(empty=True), "sd": _number(0, empty=True)}
JUDGED = {
    "difference": _number(empty=True),
    "low": _number(empty=True),
    "high": _number(empty=True),
    "standard_errors": _number(0, empty=True),
    "margin": _number(0, empty=True),
    "verdict": _text(*AGREEMENT),
    "note": _text(empty=True),
}
FRONTIER = {
    f"{metric}_{part}": _number(empty=True)
    for metric in ("avg_acc", "avg_sg_first", "avg_sg_previous", "avg_net_sg_first", "avg_net_sg_previous")
    for part in ("mean", "low", "high")
}

CONTRACTS: dict[str, DataFrameSchema] = {
    "metrics.parquet": _table(
        ["benchmark", "optimizer", "seed", "metric", "context"],
        {**PLACE, "seed": _count(), "metric": _text(), "context": _count(1, empty=True), "value": _number(empty=True)},
    ),
    "summary.csv": _table(
        ["benchmark", "optimizer", "metric", "context"],
        {
            **PLACE,
            "metric": _text(),
            "context": _count(1, empty=True),
            **SPREAD,
            "min": _number(empty=True),
            "max": _number(empty=True),
            "diverged": _count(),
        },
        _interval("min", "max"),
    ),
    "paper_metrics.csv": _table(
        ["benchmark", "optimizer", "convention", "metric"],
        {
            **PLACE,
            "convention": _text("v1", "v2"),
            "metric": _text(),
            "n": _count(1),
            "value": _number(empty=True),
            "sd": _number(0, empty=True),
        },
    ),
    "statistics.csv": _table(
        ["benchmark", "metric", "optimizer_a", "optimizer_b"],
        {
            "benchmark": _text(),
            "metric": _text(),
            "optimizer_a": _text(),
            "optimizer_b": _text(),
            "n": _count(),
            **{name: _number(empty=True) for name in ("mean_a", "mean_b", "mean_difference", "effect_size")},
            **{name: _number(empty=True) for name in ("ci_low", "ci_high", "bca_low", "bca_high")},
            "p_value": _number(0, 1, empty=True),
            "flips": _count(),
            "p_smallest": _number(0, 1, empty=True),
            "p_holm": _number(0, 1, empty=True),
            "note": _text(empty=True),
            "significant": Column(bool),
            "alpha": _number(0, 1),
        },
        _interval("ci_low", "ci_high"),
        _interval("bca_low", "bca_high"),
        _interval("p_value", "p_holm"),
    ),
    "ranks.csv": _table(
        ["metric", "optimizer"],
        {
            "metric": _text(),
            "optimizer": _text(),
            "average_rank": _number(1),
            "benchmarks": _count(1),
            "friedman_statistic": _number(0, empty=True),
            "friedman_p": _number(0, 1, empty=True),
            "critical_difference": _number(0, empty=True),
            "note": _text(empty=True),
        },
    ),
    "claims.csv": _table(
        ["claim", "benchmark", "reference", "optimizer"],
        {
            "claim": _count(1),
            "title": _text(),
            "statement": _text(),
            "benchmark": _text(),
            "reference": _text("first", "previous", "seen", empty=True),
            "verdict": _text(*VERDICTS),
            "evidence": _text(),
            "optimizer": _text(empty=True),
            "authors": _text("yes", "no", "cannot be told"),
        },
    ),
    "agreement.csv": _table(
        ["benchmark", "version", "optimizer", "metric"],
        {
            "benchmark": _text(),
            "version": _text("v1", "v2", "v3"),
            "optimizer": _text(),
            "metric": _text(),
            "ours": _number(empty=True),
            "ours_sd": _number(0, empty=True),
            "n": _count(1),
            "paper": _number(),
            "paper_sd": _number(0, empty=True),
            **JUDGED,
        },
        _interval("low", "high"),
    ),
    "agreement_per_seed.csv": _table(
        ["benchmark", "optimizer", "metric", "context"],
        {
            **PLACE,
            "metric": _text(),
            "context": _count(1, empty=True),
            "ours": _number(empty=True),
            "ours_sd": _number(0, empty=True),
            "n": _count(),
            "authors": _number(),
            "authors_sd": _number(0, empty=True),
            "n_authors": _count(1),
            **JUDGED,
        },
        _interval("low", "high"),
    ),
    "frontier.csv": _table(
        ["benchmark", "member"],
        {**PLACE, "member": _text(), "learning_rate": _number(0), "n": _count(1), "diverged": _count(), **FRONTIER},
        _interval("diverged", "n"),
    ),
    "frontier_gap.csv": _table(
        ["benchmark", "reference", "optimizer"],
        {
            "benchmark": _text(),
            "reference": _text("first", "previous", "seen"),
            "optimizer": _text(),
            "accuracy": _number(0, 1),
            **{name: _number(empty=True) for name in ("gap", "gap_low", "gap_high", "gap_reference")},
            **{name: _number(empty=True) for name in ("difference", "difference_low", "difference_high")},
            "reached": _number(0, 1),
            "beyond": _number(0, 1),
            "n": _count(1),
        },
        _interval("gap_low", "gap_high"),
        _interval("difference_low", "difference_high"),
    ),
    "selection.csv": _table(
        ["benchmark", "member"],
        {
            "benchmark": _text(),
            "holdout": _text(),
            "sweep": _text(),
            "optimizer": _text(),
            "member": _text(),
            "number": _count(),
            "n": _count(1),
            "diverged": _count(),
            "final": _number(0, 1),
            "anytime": _number(0, 1),
            "avg_sg_first": _number(empty=True),
            "avg_sg_previous": _number(empty=True),
            "selected_final": Column(bool),
            "selected_anytime": Column(bool),
        },
        strict=False,  # and a column per key that members set
    ),
    "toy.csv": _table(
        ["simulation", "model", "run", "step", "quantity"],
        {
            "simulation": _text(),
            "model": _text(),
            "run": _count(),
            "step": _count(),
            "quantity": _text(),
            "value": _number(),
        },
    ),
    "mechanism.csv": _table(
        ["benchmark", "optimizer", "seed", "iteration", "since", "quantity"],  # an update may be near two switches
        {
            **PLACE,
            "seed": _count(),
            "iteration": _count(),
            "context": _count(1),
            "since": Column(int),
            "quantity": _text(),
            "value": _number(empty=True),
        },
    ),
}


def check(path: Path) -> None:
    """Hold a result file to the contract of its name, if there is one. Errors: UserError that names file, column and value."""
    contract = CONTRACTS.get(path.name)
    if contract is None:
        return
    table = files.read_parquet(path) if path.suffix == ".parquet" else files.read_csv(path)
    if table.empty:  # its columns have no types
        contract = DataFrameSchema({name: Column(required=column.required) for name, column in contract.columns.items()})
    try:
        contract.validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        raise UserError(
            f"{path} breaks its contract: {_reason(error.failure_cases, contract)}; see docs/data-contracts.md. "
            "Delete it and run snakemake again."
        ) from error


def _reason(failures: pd.DataFrame, contract: DataFrameSchema) -> str:
    """The first thing that is wrong: column, rule and value."""
    wrong_types = failures[failures["check"].astype(str).str.startswith(("dtype", "coerce_dtype"))]
    first = (failures if wrong_types.empty else wrong_types).iloc[0]
    rule, found = str(first["check"]), first["failure_case"]
    column = first["column"] if first["column"] in contract.columns else None
    match rule:
        case "column_in_dataframe":
            return f"it lacks the column {found}"
        case "column_in_schema":
            return f"the column {found} is not among its columns"
        case "multiple_fields_uniqueness":
            return f"two rows have the same {', '.join(contract.unique or [])}"
        case "not_nullable":
            return f"column {column}: a value is missing"
    if rule.startswith(("dtype", "coerce_dtype")):
        return f"column {column}: {found!r} is of another type"
    return rule if rule.split()[0] in contract.columns else f"column {column}: {found} {rule}"
