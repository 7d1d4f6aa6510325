"""Judge the paper's claims (PROTOCOL section 7): metrics.parquet -> claims.csv.

A claim is one function from the long table and the `Terms` to `Finding`s, registered with `@claim`. Every rule stands
in a docstring here. Three rules serve all claims:

- *directional* ("x is below zero"): `directional`
- *equal within a margin*: `level`
- a claim with several parts: `all_of`

A claim that needs an optimizer or a metric that is not there, or that speaks of other streams, is not tested here: neither
for nor against it. The evidence says what is missing.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any

import numpy as np
import pandas as pd

from stability_gap.analysis.noninferiority import noninferiority
from stability_gap.analysis.settings import AnalysisSettings
from stability_gap.analysis.statistics import (
    PairedTest,
    adjust,
    by_seed,
    family_tests,
    generator_for,
    paired_test,
    t_interval,
)
from stability_gap.analysis.trajectory import Floats
from stability_gap.errors import UserError
from stability_gap.tasks.settings import Incremental

REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE = "reproduced", "not reproduced", "inconclusive"
NOT_TESTED = "not tested here"

PAPER_OPTIMIZERS = ("adam", "msgd", "ngm_sgd", "sgd")
"""Holm runs over the pairs of these, so that a verdict does not depend on which ablations are in the suite."""

EQUAL_GAP_BENCHMARKS = ("rotated_mnist",)
"""Claim 2: where the paper has ngm_sgd and sgd equal."""

REFERENCES = ("first", "previous")
"""Reference tasks of the stability gap: task 1 (the authors' code), the task before the switch (the paper's text)."""

COLUMNS = ["claim", "statement", "benchmark", "reference", "verdict", "evidence"]


class Terms(AnalysisSettings):
    """Margins, level and seeds of the analysis, and what the tasks of each benchmark bring."""

    incremental: dict[str, Incremental]
    """benchmark -> new classes ("class") or new inputs of the same classes ("domain")"""


@dataclass(frozen=True)
class Finding:
    """The verdict on one claim for one benchmark; `reference` where the claim is about a stability gap."""

    benchmark: str
    verdict: str
    evidence: str
    reference: str | None = None


Finder = Callable[[pd.DataFrame, Terms], Iterable[Finding]]


@dataclass(frozen=True)
class Claim:
    """A numbered statement and the function that judges it."""

    number: int
    statement: str
    find: Finder


CLAIMS: list[Claim] = []


def claim(number: int, statement: str) -> Callable[[Finder], Finder]:
    """Register a function as the judge of a claim."""

    def register(find: Finder) -> Finder:
        CLAIMS.append(Claim(number, statement, find))
        return find

    return register


def per_benchmark(
    *optimizers: str, kind: Incremental | None = None, references: tuple[str, ...] | tuple[None] = (None,)
) -> Callable[[Callable[[pd.DataFrame, str, Any, Terms], tuple[str, str]]], Finder]:
    """Turn a rule for one benchmark, (rows, benchmark, reference, terms) -> (verdict, evidence), into a finder.

    It gives one finding per benchmark and reference: not tested where the benchmark is not of `kind`, or one of `optimizers`
    has no rows.
    """

    def decorate(rule: Callable[[pd.DataFrame, str, Any, Terms], tuple[str, str]]) -> Finder:
        @wraps(rule)
        def find(metrics: pd.DataFrame, terms: Terms) -> Iterator[Finding]:
            for name, rows in metrics.groupby("benchmark", sort=True):
                benchmark = str(name)
                missing = [optimizer for optimizer in optimizers if optimizer not in set(rows["optimizer"])]
                for reference in references:
                    if kind not in (None, terms.incremental[benchmark]):
                        verdict, evidence = NOT_TESTED, f"about {kind}-incremental streams"
                    elif missing:
                        verdict, evidence = NOT_TESTED, f"missing: {', '.join(missing)}"
                    else:
                        verdict, evidence = rule(rows, benchmark, reference, terms)
                    yield Finding(benchmark, verdict, evidence, reference)

        return find

    return decorate


def judge(metrics: pd.DataFrame, terms: Terms, claims: Iterable[Claim] | None = None) -> pd.DataFrame:
    """Make claims.csv: one row per claim, benchmark and, for gaps, reference; columns `COLUMNS`, sorted by these three.

    `metrics` is the long table; `claims` are all registered ones by default. Errors: UserError for a benchmark of
    which `terms` does not say what its tasks bring.
    """
    if unknown := sorted(set(metrics["benchmark"]) - set(terms.incremental)):
        raise UserError(f"nothing says whether {', '.join(unknown)} is class- or domain-incremental (--incremental).")
    rows = [
        (each.number, each.statement, finding.benchmark, finding.reference, finding.verdict, finding.evidence)
        for each in (CLAIMS if claims is None else claims)
        for finding in each.find(metrics, terms)
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.sort_values(["claim", "benchmark", "reference"], kind="stable", ignore_index=True)


# --- rules -----------------------------------------------------------------------------------------------------------


def directional(test: PairedTest, alpha: float) -> str:
    """Judge "the mean difference a - b is below zero" from the Holm-adjusted test.

    Reproduced: negative with p_holm < alpha. Not reproduced: positive with p_holm < alpha; or both 95 % intervals are
    wholly above zero, with enough seeds for the test itself to reach alpha before Holm. (With fewer, a bootstrap
    interval is too narrow to condemn a claim that the test could never have confirmed.) Else inconclusive.
    """
    significant = test.p_holm < alpha
    contradicted = min(test.ci_low, test.bca_low) > 0 and test.p_smallest < alpha
    if test.mean_difference < 0 and significant:
        return REPRODUCED
    if (test.mean_difference > 0 and significant) or contradicted:
        return NOT_REPRODUCED
    return INCONCLUSIVE


def level(differences: Floats, margin: float) -> tuple[str, str]:
    """Judge "the mean is zero within `margin`", with its 95 % t interval as text; `differences` has shape (seeds,).

    Reproduced: the interval lies inside +-margin. Not reproduced: it lies wholly outside. Else, or with fewer than two
    seeds, inconclusive. (The t interval, because it is honestly wide for few seeds.)
    """
    if len(differences) < 2:
        return INCONCLUSIVE, "no interval"
    low, high = t_interval(differences)
    text = f"95% t interval [{low:.3g}, {high:.3g}], margin {margin:g}"
    if -margin < low and high < margin:
        return REPRODUCED, text
    return (NOT_REPRODUCED if low > margin or high < -margin else INCONCLUSIVE), text


def all_of(verdicts: Iterable[str]) -> str:
    """Judge a claim with parts: reproduced where all parts are, not reproduced where one is not, else inconclusive.

    Where a part is not tested, the whole is not, but for a part that fails.
    """
    found = set(verdicts)
    if NOT_REPRODUCED in found:
        return NOT_REPRODUCED
    if NOT_TESTED in found:
        return NOT_TESTED
    return REPRODUCED if found == {REPRODUCED} else INCONCLUSIVE


# --- tables and words ------------------------------------------------------------------------------------------------


def _by_context(rows: pd.DataFrame, optimizer: str, metric: str) -> pd.DataFrame:
    """Arrange a metric that is defined per context or switch as seeds x contexts."""
    chosen = rows[(rows["optimizer"] == optimizer) & (rows["metric"] == metric) & rows["context"].notna()]
    return chosen.pivot(index="seed", columns="context", values="value").sort_index()  # noqa: PD010 (it averages)


def _test(a: pd.Series, b: pd.Series, terms: Terms, *names: str) -> PairedTest:
    """Test two series over seeds, paired; `names` choose the random stream."""
    both = pd.DataFrame({"a": a, "b": b}).to_numpy(dtype=np.float64)
    return paired_test(both[:, 0], both[:, 1], generator_for(terms.random_seed, *names), terms.resamples)


def _numbers(test: PairedTest, alpha: float) -> str:
    """Write difference, interval, p and n, and whether n is too small."""
    if test.n < 2:
        return f"n {test.n}, too few defined pairs for a test"
    words = (
        f"difference {test.mean_difference + 0.0:.3g}, 95% CI [{test.ci_low:.3g}, {test.ci_high:.3g}], "
        f"Holm p {test.p_holm:.3g}, n {test.n}"
    )
    return f"{words} (cannot reach {alpha:g})" if test.p_smallest > alpha else words


def _smaller_gap(rows: pd.DataFrame, benchmark: str, reference: str, rival: str, terms: Terms) -> tuple[str, str]:
    """Judge whether ngm_sgd has a smaller avg_sg than `rival` (`directional`, Holm over the paper's optimizers)."""
    metric = f"avg_sg_{reference}"
    values = by_seed(rows[rows["optimizer"].isin(PAPER_OPTIMIZERS)], benchmark, metric)
    tests = family_tests(values, benchmark, metric, terms.resamples, terms.random_seed)
    a, b = sorted(["ngm_sgd", rival])
    if (a, b) not in tests:
        return NOT_TESTED, f"missing: {metric}"
    test = tests[a, b] if a == "ngm_sgd" else tests[a, b].swapped()
    verdict = directional(test, terms.alpha)
    return verdict, (f"{metric} ngm_sgd {test.mean_a:.3g}, {rival} {test.mean_b:.3g}: {_numbers(test, terms.alpha)}: {verdict}")


# --- claims ----------------------------------------------------------------------------------------------------------


@claim(1, "ngm_sgd has a smaller average stability gap than msgd and than adam")
@per_benchmark("ngm_sgd", "msgd", "adam", references=REFERENCES)
def smaller_than_momentum_and_adam(rows: pd.DataFrame, benchmark: str, reference: str, terms: Terms) -> tuple[str, str]:
    """Require both differences to be `directional`."""
    parts = [_smaller_gap(rows, benchmark, reference, rival, terms) for rival in ("msgd", "adam")]
    verdicts, evidence = zip(*parts, strict=True)
    return all_of(verdicts), "; ".join(evidence)


@claim(2, "ngm_sgd has a smaller average stability gap than sgd (equal to it on rotated_mnist)")
@per_benchmark("ngm_sgd", "sgd", references=REFERENCES)
def smaller_than_sgd(rows: pd.DataFrame, benchmark: str, reference: str, terms: Terms) -> tuple[str, str]:
    """Judge as `directional`; on `EQUAL_GAP_BENCHMARKS` the claim is equality: `level` within `Terms.gap_margin`."""
    verdict, evidence = _smaller_gap(rows, benchmark, reference, "sgd", terms)
    if benchmark not in EQUAL_GAP_BENCHMARKS:
        return verdict, evidence
    values = by_seed(rows, benchmark, f"avg_sg_{reference}").reindex(columns=["ngm_sgd", "sgd"]).dropna()
    equal, interval = level((values["ngm_sgd"] - values["sgd"]).to_numpy(dtype=np.float64), terms.gap_margin)
    return equal, f"the paper has them equal here: {interval}: {equal}; read as smaller: {evidence}"


@claim(3, "ngm_sgd keeps competitive accuracy: not inferior to the best of sgd, msgd and adam")
@per_benchmark(*PAPER_OPTIMIZERS)
def competitive_accuracy(rows: pd.DataFrame, benchmark: str, reference: None, terms: Terms) -> tuple[str, str]:
    """Judge `noninferiority` of avg_acc within `Terms.accuracy_margin`; "non-inferior" reproduces it, "inferior" does not."""
    (row,) = noninferiority(
        rows,
        margin=terms.accuracy_margin,
        alpha=terms.alpha,
        resamples=terms.resamples,
        random_seed=terms.random_seed,
    ).to_dict("records")
    if row["outcome"] == "undefined":
        verdict = NOT_TESTED if "missing" in row["note"] else INCONCLUSIVE
        return verdict, f"avg_acc {row['note']}"
    verdict = {"non-inferior": REPRODUCED, "inferior": NOT_REPRODUCED}.get(row["outcome"], INCONCLUSIVE)
    return verdict, (
        f"avg_acc ngm_sgd {row['mean_candidate']:.4g}, best rival {row['rival']} {row['mean_rival']:.4g}: "
        f"difference {row['mean_difference']:.3g}, one-sided {1 - terms.alpha:.0%} lower bounds {row['t_low']:.3g} (t) "
        f"and {row['bootstrap_low']:.3g} (bootstrap), margin {terms.accuracy_margin:g}, p {row['p_value']:.3g}, "
        f"n {row['n']}"
    )


@claim(4, "the largest stability gap is at the first switch (class-incremental)")
@per_benchmark(*PAPER_OPTIMIZERS, kind="class", references=REFERENCES)
def largest_gap_first(rows: pd.DataFrame, benchmark: str, reference: str, terms: Terms) -> tuple[str, str]:
    """Require of every optimizer of the paper, as the statement names none: sg_2 above the seed's largest later sg_k.

    Per seed the largest later gap minus sg_2, `directional`, Holm over the optimizers; all four must hold. The evidence
    gives each optimizer's own verdict and in how many seeds the first gap was the largest.
    """
    gaps = {optimizer: _by_context(rows, optimizer, f"sg_{reference}") for optimizer in PAPER_OPTIMIZERS}
    if short := [optimizer for optimizer, table in gaps.items() if table.shape[1] < 2]:
        return NOT_TESTED, f"fewer than two switches: {', '.join(short)}"
    first = {optimizer: table.iloc[:, 0] for optimizer, table in gaps.items()}
    later = {optimizer: table.iloc[:, 1:].max(axis=1, skipna=False) for optimizer, table in gaps.items()}
    tests = adjust([_test(later[o], first[o], terms, "claim 4", benchmark, reference, o) for o in gaps])
    verdicts = [directional(test, terms.alpha) for test in tests]
    evidence = [
        f"{o} largest later gap {test.mean_a:.3g}, first {test.mean_b:.3g}, first the largest in "
        f"{(first[o] > later[o]).sum()} of {test.n} seeds: {_numbers(test, terms.alpha)}: {verdict}"
        for o, test, verdict in zip(gaps, tests, verdicts, strict=True)
    ]
    return all_of(verdicts), "; ".join(evidence)


@claim(5, "the gain of ngm_sgd rises after each switch, then decays")
@per_benchmark("ngm_sgd")
def gain_bursts(rows: pd.DataFrame, benchmark: str, reference: None, terms: Terms) -> tuple[str, str]:
    """Require at every switch: the gain before it and at the context's end are below the peak, by `Terms.burst_margin`.

    The peak is a maximum, which noise alone lifts above the other two; only the margin makes this a claim that can
    fail. Each difference, plus the margin, is `directional`, Holm over all rises and decays; all must hold.
    """
    before, peak, end = (_by_context(rows, "ngm_sgd", f"gain_{name}") for name in ("before", "peak", "end"))
    parts = [(k, name, table[k]) for k in peak for name, table in (("rise", before), ("decay", end)) if k in table]
    if not parts or len(parts) < 2 * peak.shape[1]:
        return NOT_TESTED, "missing: gain_before, gain_peak or gain_end"
    margin = terms.burst_margin
    tests = adjust([_test(g, peak[k] - margin, terms, "claim 5", benchmark, str(k), name) for k, name, g in parts])
    verdicts = [directional(test, terms.alpha) for test in tests]
    evidence = [
        f"switch to {k}, {name} {margin - test.mean_difference:.3g}: Holm p {test.p_holm:.3g}, n {test.n}: {verdict}"
        for (k, name, _), test, verdict in zip(parts, tests, verdicts, strict=True)
    ]
    return all_of(verdicts), f"against a margin of {margin:g}: {'; '.join(evidence)}"


@claim(6, "the mean gain per task rises over tasks (class-incremental) or stays level (domain-incremental)")
@per_benchmark("ngm_sgd")
def mean_gain_over_tasks(rows: pd.DataFrame, benchmark: str, reference: None, terms: Terms) -> tuple[str, str]:
    """Judge the slope, per seed, of the least-squares line through the mean gain per task (gain per task).

    Class-incremental: "0 - slope < 0" is `directional` (one test, nothing to adjust). Domain-incremental: the slope is
    `level` within `Terms.slope_margin`. Seeds without a mean gain in every task are left out; n tells.
    """
    gains = _by_context(rows, "ngm_sgd", "mean_gain").dropna()
    if gains.empty or gains.shape[1] < 2:
        return NOT_TESTED, "missing: mean_gain of two tasks"
    centred = gains.columns.to_numpy(dtype=np.float64) - gains.columns.to_numpy(dtype=np.float64).mean()
    slopes = pd.Series(gains.to_numpy(dtype=np.float64) @ centred / (centred @ centred), index=gains.index)
    means = f"mean gain per task {' '.join(f'{mean:.3g}' for mean in gains.mean())}, slope {slopes.mean():.3g}"
    if terms.incremental[benchmark] == "class":
        (test,) = adjust([_test(0.0 * slopes, slopes, terms, "claim 6", benchmark)])
        return directional(test, terms.alpha), f"{means}: {_numbers(test.swapped(), terms.alpha)}"
    verdict, interval = level(slopes.to_numpy(dtype=np.float64), terms.slope_margin)
    return verdict, f"{means}: {interval}, n {len(slopes)}"
