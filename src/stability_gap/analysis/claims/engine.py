"""Register claims and judge them: metrics.parquet and further result files -> claims.csv (PROTOCOL section 7).

A claim is one decorated function from a `Case` to a verdict and its evidence. A claim that needs an optimizer, a metric or a
file that is not there, or that speaks of other streams, is not tested here: neither for nor against it. The evidence says
what is missing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import pandas as pd
from pydantic import Field

from stability_gap.analysis.claims.rules import NOT_REPRODUCED, NOT_TESTED, REPRODUCED
from stability_gap.analysis.settings import AnalysisSettings
from stability_gap.analysis.statistics import by_seed
from stability_gap.errors import UserError
from stability_gap.tasks.settings import Incremental

COLUMNS = ["claim", "title", "statement", "benchmark", "reference", "verdict", "evidence", "optimizer", "authors"]
AUTHORS = {REPRODUCED: "yes", NOT_REPRODUCED: "no"}
"""Do the authors' own data satisfy the rule of a claim? Of any other verdict it `CANNOT_BE_TOLD`."""
CANNOT_BE_TOLD = "cannot be told"


class Terms(AnalysisSettings):
    """Margins, level and seeds of the analysis, and what the streams of each benchmark are."""

    incremental: dict[str, Incremental]
    """benchmark -> new classes ("class") or new inputs of the same classes ("domain")"""
    sampling: dict[str, str] = Field(default_factory=dict)
    """benchmark -> what minibatches are drawn from; joint where it is not said"""


class NotTested(Exception):
    """A rule lacks what it needs; the message says what."""


@dataclass(frozen=True)
class Case:
    """What a rule judges: one benchmark, and where a claim asks for it one reference task and one optimizer."""

    rows: pd.DataFrame
    """the long table of this benchmark"""
    benchmark: str
    reference: str | None
    optimizer: str | None
    terms: Terms
    evidence: Mapping[str, pd.DataFrame]
    """further result files by their name"""
    authors: bool = False
    """the rows are the authors' own (PROTOCOL section 6)"""

    def by_seed(self, metric: str, *optimizers: str) -> pd.DataFrame:
        """Arrange a metric of the stream as seeds x `optimizers`. Errors: NotTested naming the metric or the optimizers."""
        values = by_seed(self.rows, self.benchmark, metric)
        if missing := [name for name in optimizers if name not in values]:
            whose = "" if len(missing) == len(optimizers) else f" of {', '.join(missing)}"
            raise NotTested(f"missing: {metric}{whose}")
        return values[list(optimizers)]

    def by_context(self, metric: str, optimizer: str) -> pd.DataFrame:
        """Arrange a metric that is defined per context or switch as seeds x contexts; empty where it is not there."""
        rows = self.rows
        chosen = rows[(rows["optimizer"] == optimizer) & (rows["metric"] == metric) & rows["context"].notna()]
        return chosen.pivot(index="seed", columns="context", values="value").sort_index()  # noqa: PD010 (it averages)


Rule = Callable[[Case], tuple[str, str]]


@dataclass(frozen=True)
class Claim:
    """A numbered statement, the rule that judges it, and where it applies."""

    number: int
    title: str
    """the statement in a few words, for a grid of verdicts"""
    statement: str
    rule: Rule
    needs: tuple[str | tuple[str, ...], ...] = ()
    """optimizers that must have rows; of a tuple one"""
    references: tuple[str | None, ...] = (None,)
    """one verdict for each; tasks of which the gap is taken"""
    optimizers: tuple[str | None, ...] = (None,)
    """one verdict for each"""
    kind: Incremental | None = None
    """only streams of this kind"""
    replay: bool = False
    """only streams with replay"""
    files: tuple[str, ...] = ()
    """evidence that must be there"""
    apart: str | None = None
    """what stands for the benchmark where a claim is about none"""

    def missing(self, case: Case) -> str:
        """Say what keeps the claim from being tested in a case; empty where nothing does."""
        if self.kind not in (None, case.terms.incremental.get(case.benchmark)):
            return f"about {self.kind}-incremental streams"
        if self.replay and case.terms.sampling.get(case.benchmark) != "replay":
            return "about streams with replay"
        present = set(case.rows["optimizer"])
        needed = dict.fromkeys([*map(_either, self.needs), *([(case.optimizer,)] if case.optimizer else [])])
        absent = [names[0] for names in needed if present.isdisjoint(names)]
        absent += [name for name in self.files if name not in case.evidence]
        return f"missing: {', '.join(absent)}" if absent else ""

    def judge(self, case: Case) -> tuple[str, str]:
        """Give verdict and evidence."""
        if missing := self.missing(case):
            return NOT_TESTED, missing
        try:
            return self.rule(case)
        except NotTested as error:
            return NOT_TESTED, str(error)

    def cases(self, metrics: pd.DataFrame, terms: Terms, evidence: Mapping[str, pd.DataFrame]) -> Iterator[Case]:
        """List what is to be judged: every benchmark, or the one name `apart` once its files are there."""
        apart = self.apart is not None and set(self.files) <= set(evidence)
        names = [str(self.apart)] if apart else sorted(set(metrics["benchmark"]))
        for benchmark in names:
            rows = metrics[metrics["benchmark"] == benchmark]
            for reference in self.references:
                for optimizer in self.optimizers:
                    yield Case(rows, benchmark, reference, optimizer, terms, evidence)


def _either(names: str | tuple[str, ...]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names


CLAIMS: list[Claim] = []
"""Every registered claim."""


def claim(
    number: int,
    title: str,
    statement: str,
    *,
    needs: tuple[str | tuple[str, ...], ...] = (),
    references: tuple[str | None, ...] = (None,),
    optimizers: tuple[str | None, ...] = (None,),
    kind: Incremental | None = None,
    replay: bool = False,
    files: tuple[str, ...] = (),
    apart: str | None = None,
) -> Callable[[Rule], Rule]:
    """Register the decorated function as the rule of a claim; the arguments are the fields of `Claim`."""

    def register(rule: Rule) -> Rule:
        CLAIMS.append(Claim(number, title, statement, rule, needs, references, optimizers, kind, replay, files, apart))
        return rule

    return register


def judge(
    metrics: pd.DataFrame,
    terms: Terms,
    evidence: Mapping[str, pd.DataFrame] | None = None,
    authors: pd.DataFrame | None = None,
    claims: Iterable[Claim] | None = None,
) -> pd.DataFrame:
    """Make claims.csv: a row per claim, benchmark and, where a claim asks for them, reference and optimizer; sorted so.

    metrics: the long table. evidence: further result files by name. authors: reference/authors_per_seed.csv, of which the
    column authors says whether it satisfies the same rule: yes, no, or cannot be told. claims: all registered ones by
    default. Errors: UserError for a benchmark of which `terms` does not say what its tasks bring.
    """
    if unknown := sorted(set(metrics["benchmark"]) - set(terms.incremental)):
        raise UserError(f"nothing says whether {', '.join(unknown)} is class- or domain-incremental (--incremental).")
    theirs = metrics.iloc[:0] if authors is None else authors.astype({"context": "Int16"})
    rows = []
    for each in CLAIMS if claims is None else claims:
        for case in each.cases(metrics, terms, evidence or {}):
            verdict, words = each.judge(case)
            own, _ = each.judge(replace(case, rows=theirs[theirs["benchmark"] == case.benchmark], evidence={}, authors=True))
            key = (each.number, each.title, each.statement, case.benchmark, case.reference)
            rows.append((*key, verdict, words, case.optimizer, AUTHORS.get(own, CANNOT_BE_TOLD)))
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.sort_values(["claim", "benchmark", "reference"], kind="stable", ignore_index=True)
