"""Arrange the verdicts on the paper's claims, in readable words: a grid of marks, and the evidence behind each."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from stability_gap.presentation.looks import Looks
from stability_gap.presentation.tables import require_columns

COLUMNS = ["claim", "statement", "benchmark", "reference", "verdict", "evidence"]
MARKS = {"reproduced": "✓", "not reproduced": "✗", "inconclusive": "?", "not assessable": "○", "not tested here": "–"}
_REFERENCES = {"first": "gap of task 1", "previous": "gap of the task before"}


@dataclass(frozen=True)
class Verdict:
    """One verdict: where it stands in the grid, in words and as a `mark`, its evidence, and the `anchor` of that evidence."""

    claim: int
    benchmark: str
    reference: str
    verdict: str
    mark: str
    evidence: list[str]
    anchor: str


@dataclass(frozen=True)
class Row:
    """A row of the grid: one claim, for one reading of the gap and one optimizer where it is about these.

    It has one verdict or None per benchmark.
    """

    claim: int
    title: str
    statement: str
    reference: str
    cells: list[Verdict | None]


def verdict_grid(claims: pd.DataFrame, looks: Looks, labels: Mapping[str, str] | None = None) -> tuple[list[str], list[Row]]:
    """Arrange claims.csv as (names of benchmarks in order, rows), a verdict or None in each place.

    claims: columns `COLUMNS`, and those of later tables where they are there: title, optimizer, by which rows are told apart,
    and authors, the last of the evidence. labels: what further ids in statements and evidence are called, such as metrics.
    Errors: UserError where a column is missing.
    """
    require_columns(claims, COLUMNS, "claims.csv")
    benchmarks = looks.benchmark_order(claims["benchmark"])
    rows: list[Row] = []
    table = claims.reindex(columns=[*COLUMNS, "title", "optimizer", "authors"]).astype(object).fillna("")
    for (claim, _, _), group in table.groupby(["claim", "reference", "optimizer"]):
        found = {row["benchmark"]: _verdict(row, looks, labels or {}) for row in group.to_dict("records")}
        statement = readable(group["statement"].iloc[0], looks, labels)
        statement = statement[:1].upper() + statement[1:]
        number = int(str(claim))
        told = _told(group.iloc[0].to_dict(), looks)
        title = str(group["title"].iloc[0]) or statement
        rows.append(Row(number, title, statement, told, [found.get(name) for name in benchmarks]))
    return [looks.benchmark(name) for name in benchmarks], rows


def without_untested(rows: Sequence[Row]) -> tuple[list[Row], list[int]]:
    """Keep the rows that were tested on some benchmark, and list the claims that have none."""
    kept = [row for row in rows if any(cell and cell.verdict != "not tested here" for cell in row.cells)]
    return kept, sorted({row.claim for row in rows} - {row.claim for row in kept})


def readable(text: str, looks: Looks, labels: Mapping[str, str] | None = None) -> str:
    """Put printed names in place of ids (of others words without underscores), and a true minus sign before numbers."""
    names = {name: given.label or name for part in (looks.benchmarks, looks.optimizers) for name, given in part.items()}
    names = {**(labels or {}), **names}
    text = re.sub(r"\b\w+\b", lambda word: names.get(word[0], word[0].replace("_", " ")), text)
    return re.sub(r"(?<![\w)])-(?=\d)", "−", text)


def _verdict(row: Mapping[Any, Any], looks: Looks, labels: Mapping[str, str]) -> Verdict:
    verdict = str(row["verdict"])
    evidence = readable(str(row["evidence"]), looks, labels).split("; ")
    if row["authors"] in ("yes", "no"):
        evidence.append(f"the authors' own data satisfy this rule: {row['authors']}")
    parts = ["claim", str(row["claim"]), str(row["benchmark"]), str(row["reference"]), str(row["optimizer"])]
    anchor = "-".join(filter(None, parts))
    name = looks.benchmark(str(row["benchmark"]))
    return Verdict(int(str(row["claim"])), name, _told(row, looks), verdict, MARKS.get(verdict, "–"), evidence, anchor)


def _told(row: Mapping[Any, Any], looks: Looks) -> str:
    """Say of which gap and which optimizer a verdict is, as far as it is of one."""
    reference, optimizer = str(row["reference"]), str(row["optimizer"])
    return ", ".join(filter(None, [_REFERENCES.get(reference, reference), optimizer and looks.optimizer(optimizer)]))
