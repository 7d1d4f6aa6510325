"""Test pairs of optimizers over seeds (PROTOCOL section 6): metrics.parquet -> statistics.csv.

A *family* is all pairs of optimizers in one benchmark and metric. Everything random in a pair is drawn from its own
generator, derived from the random seed and the pair's names, so its numbers do not depend on the rest of the table.
"""

import gc
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from stability_gap.analysis.metrics.registry import METRICS, outcomes
from stability_gap.analysis.settings import DEFAULTS
from stability_gap.analysis.trajectory import Floats
from stability_gap.errors import UserError

LOG = logging.getLogger(__name__)

ROUNDING = 1e-12
"""Outcomes are fractions; what differs by less is equal on paper."""

EXACT_SEEDS = 16
"""Up to so many pairs all 2^n sign flips are made; above, 2^16 random ones."""


@dataclass(frozen=True)
class PairedTest:
    """Comparison of `a` with `b` over the n seeds that have both. Tests and intervals need n >= 2 and are else NaN."""

    n: int
    mean_a: float
    mean_b: float
    mean_difference: float
    """a - b, in the metric's unit"""
    effect_size: float = np.nan
    """Cohen's d_z: mean over standard deviation (ddof 1) of the differences; NaN where all differences are equal"""
    ci_low: float = np.nan
    """95 % percentile bootstrap interval of the mean difference"""
    ci_high: float = np.nan
    bca_low: float = np.nan
    """95 % BCa bootstrap interval of the mean difference"""
    bca_high: float = np.nan
    p_value: float = np.nan
    """two-sided sign-flip permutation test of the mean difference"""
    flips: int = 0
    """sign flips made: 2^n (exact) or 2^16 (Monte Carlo)"""
    p_smallest: float = np.nan
    """the smallest p that so many seeds can give: 2/2^n, for Monte Carlo 1/(flips + 1)"""
    p_holm: float = np.nan
    """p_value adjusted for the pairs of the family"""

    def swapped(self) -> "PairedTest":
        """Read the same comparison as `b` with `a`."""
        return replace(
            self,
            mean_a=self.mean_b,
            mean_b=self.mean_a,
            mean_difference=-self.mean_difference,
            effect_size=-self.effect_size,
            ci_low=-self.ci_high,
            ci_high=-self.ci_low,
            bca_low=-self.bca_high,
            bca_high=-self.bca_low,
        )


COLUMNS = ["benchmark", "metric", "optimizer_a", "optimizer_b", *PairedTest.__dataclass_fields__, "note", "significant", "alpha"]


def generator_for(random_seed: int, *names: str) -> np.random.Generator:
    """Make the random stream that belongs to `names` under `random_seed` (>= 0)."""
    key = hashlib.sha256("\0".join(names).encode()).digest()[:16]
    return np.random.default_rng([random_seed, int.from_bytes(key, "big")])


def sign_flip_test(differences: Floats, generator: np.random.Generator) -> tuple[float, int]:
    """Compute the two-sided p of "the mean difference is zero" and the number of sign flips behind it.

    The share of sign assignments whose mean is at least as far from zero as the observed one, which counts itself.
    Exact for up to `EXACT_SEEDS` differences; above, (hits + 1) / (flips + 1) over random flips, which keeps the test
    valid (Phipson & Smyth 2010).
    """
    # Sums that are equal on paper differ by rounding; they are ties. scipy's own tolerance is relative to the observed
    # sum, so too narrow where that is small: the statistic is whether a sum is as far out as the observed one.
    threshold = abs(differences.sum()) - ROUNDING * np.abs(differences).sum()
    flips = 2 ** min(len(differences), EXACT_SEEDS)

    def as_far_out(flipped: Floats, axis: int) -> Floats:
        return np.asarray(np.abs(flipped.sum(axis=axis)) >= threshold, dtype=np.float64)

    result = stats.permutation_test(
        (differences,),
        as_far_out,
        permutation_type="samples",
        vectorized=True,
        n_resamples=flips,
        alternative="greater",
        rng=generator,
    )
    return float(result.pvalue), flips


def smallest_p(n: int) -> float:
    """Compute the smallest p that `sign_flip_test` can give with n seeds."""
    return float(2.0 ** (1 - n)) if n <= EXACT_SEEDS else 1.0 / (2**EXACT_SEEDS + 1)


def all_equal(differences: Floats) -> bool:
    """Tell whether the differences are one value up to rounding of fractions."""
    return bool(np.ptp(differences) <= ROUNDING * max(1.0, float(np.abs(differences).max())))


def bootstrap_intervals(
    differences: Floats, generator: np.random.Generator, resamples: int, confidence: float = 0.95
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Compute two-sided percentile and BCa intervals of the mean of n >= 2 differences, both from the same resamples.

    Where all differences are equal both intervals are that one value.
    """
    if all_equal(differences):
        mean = float(differences.mean())
        return (mean, mean), (mean, mean)
    settings: dict[str, Any] = {"confidence_level": confidence, "vectorized": True}
    percentile = stats.bootstrap((differences,), np.mean, n_resamples=resamples, method="percentile", rng=generator, **settings)
    bca = stats.bootstrap((differences,), np.mean, n_resamples=0, bootstrap_result=percentile, method="BCa", **settings)
    (low, high), (bca_low, bca_high) = percentile.confidence_interval, bca.confidence_interval
    return (float(low), float(high)), (float(bca_low), float(bca_high))


def t_interval(differences: Floats, confidence: float = 0.95) -> tuple[float, float]:
    """Compute the two-sided t interval of the mean of n >= 2 differences. (scipy's warns where they are all but equal.)"""
    n = len(differences)
    half = stats.t.ppf((1 + confidence) / 2, n - 1) * differences.std(ddof=1) / np.sqrt(n)
    return float(differences.mean() - half), float(differences.mean() + half)


def paired_test(a: Floats, b: Floats, generator: np.random.Generator, resamples: int = DEFAULTS.resamples) -> PairedTest:
    """Compare two paired samples of shape (seeds,). A pair with a value that is not finite is left out."""
    both = np.isfinite(a) & np.isfinite(b)
    a, b, n = a[both], b[both], int(both.sum())
    if n == 0:
        return PairedTest(0, np.nan, np.nan, np.nan)
    differences = np.where(np.abs(a - b) > ROUNDING, a - b, 0.0)  # or seeds that are equal would seem to agree on a sign
    means = PairedTest(n, float(a.mean()), float(b.mean()), float(differences.mean()))
    if n == 1:
        return means
    p_value, flips = sign_flip_test(differences, generator)
    (ci_low, ci_high), (bca_low, bca_high) = bootstrap_intervals(differences, generator, resamples)
    return replace(
        means,
        effect_size=np.nan if all_equal(differences) else means.mean_difference / float(differences.std(ddof=1)),
        ci_low=ci_low,
        ci_high=ci_high,
        bca_low=bca_low,
        bca_high=bca_high,
        p_value=p_value,
        flips=flips,
        p_smallest=smallest_p(n),
    )


def holm(p_values: Sequence[float]) -> Floats:
    """Adjust p-values step-down (Holm 1979). NaN stays NaN and does not count: it was no test."""
    p = np.array(p_values, dtype=np.float64)
    tested = np.isfinite(p)
    if tested.sum() > 1:  # of one there is nothing to adjust
        gc.freeze()  # statsmodels collects garbage at every call: 0.2 s over all that is imported
        p[tested] = multipletests(p[tested], method="holm")[1]
        gc.unfreeze()
    return p


def adjust(tests: Sequence[PairedTest]) -> list[PairedTest]:
    """Fill in `p_holm` of the tests of one family."""
    return [replace(test, p_holm=float(p)) for test, p in zip(tests, holm([t.p_value for t in tests]), strict=True)]


def by_seed(metrics: pd.DataFrame, benchmark: str, metric: str) -> pd.DataFrame:
    """Arrange one stream-level metric as seeds x optimizers, NaN where undefined or absent, both sorted.

    Errors: UserError where a cell has two values.
    """
    chosen = (metrics["benchmark"] == benchmark) & (metrics["metric"] == metric) & metrics["context"].isna()
    rows = metrics.loc[chosen, ["seed", "optimizer", "value"]]
    twice = rows[rows.duplicated(["seed", "optimizer"])]
    if len(twice):
        first = twice.iloc[0]
        raise UserError(
            f"metrics.parquet has two values of {metric} for {benchmark}, {first['optimizer']}, seed {first['seed']}; "
            "delete it and run the metrics step again."
        )
    return rows.pivot(index="seed", columns="optimizer", values="value").sort_index()  # noqa: PD010 (it averages)


def family_tests(
    values: pd.DataFrame,
    benchmark: str,
    metric: str,
    resamples: int = DEFAULTS.resamples,
    random_seed: int = DEFAULTS.random_seed,
    reference: str | None = None,
) -> dict[tuple[str, str], PairedTest]:
    """Compare pairs of columns of `values` (seeds x optimizers, as from `by_seed`), Holm-adjusted among themselves.

    All pairs, or those with the `reference`.
    """
    pairs = [pair for pair in combinations(sorted(values.columns), 2) if reference is None or reference in pair]
    tests = [
        paired_test(
            values[a].to_numpy(dtype=np.float64),
            values[b].to_numpy(dtype=np.float64),
            generator_for(random_seed, benchmark, metric, a, b),
            resamples,
        )
        for a, b in pairs
    ]
    return dict(zip(pairs, adjust(tests), strict=True))


def _note(test: PairedTest, seeds: int, family: Sequence[PairedTest], alpha: float) -> str:
    """Say what a reader of the row must know; `seeds`: those in which either optimizer ran."""
    remarks = []
    if test.n < seeds:
        remarks.append(f"{test.n} of {seeds} seeds have both values")
    if test.n < 2:
        remarks.append(f"n={test.n}: no test")
    elif test.p_smallest > alpha:
        remarks.append(f"n={test.n} cannot reach {alpha:g}")
    else:
        # The smallest p of the family is multiplied by its size, and no adjusted p is smaller than that product.
        defined = [other.p_smallest for other in family if other.n >= 2]
        if len(defined) * min(defined) > alpha:
            remarks.append(f"n={test.n} cannot reach {alpha:g} after Holm over {len(defined)} pairs")
    if test.n >= 2 and np.isnan(test.effect_size):
        remarks.append("all differences equal: no effect size")
    return "; ".join(remarks)


def compare(
    metrics: pd.DataFrame,
    resamples: int = DEFAULTS.resamples,
    random_seed: int = DEFAULTS.random_seed,
    alpha: float = DEFAULTS.alpha,
    reference: str | None = None,
) -> pd.DataFrame:
    """Make statistics.csv: every pair of optimizers for every benchmark and outcome in the long table `metrics`.

    Where a `reference` is given, every pair with it: a family then is these pairs.

    Outcomes are the registered metrics of the stream that have a direction. Columns: benchmark, metric, optimizer_a,
    optimizer_b (a before b in the alphabet), the fields of `PairedTest`, note, significant (p_holm < alpha), alpha;
    sorted by the first four. Means are over the paired seeds. Warns of metrics that nothing registers. Errors: UserError where
    a cell has two values.
    """
    if unknown := sorted(set(metrics["metric"]) - set(METRICS)):
        LOG.warning("nothing registers %s, so it is not compared; name its module with --extension.", ", ".join(unknown))
    stream = metrics[metrics["context"].isna() & metrics["metric"].isin(outcomes())]
    rows: list[dict[str, Any]] = []
    for benchmark, metric in sorted(set(zip(stream["benchmark"], stream["metric"], strict=True))):
        family = stream[(stream["benchmark"] == benchmark) & (stream["metric"] == metric)]
        seeds = {optimizer: set(group) for optimizer, group in family.groupby("optimizer")["seed"]}
        tests = family_tests(by_seed(family, benchmark, metric), benchmark, metric, resamples, random_seed, reference)
        for (a, b), test in tests.items():
            key = {"benchmark": benchmark, "metric": metric, "optimizer_a": a, "optimizer_b": b}
            note = _note(test, len(seeds[a] | seeds[b]), list(tests.values()), alpha)
            rows.append({**key, **asdict(test), "note": note, "significant": test.p_holm < alpha, "alpha": alpha})
    return pd.DataFrame(rows, columns=COLUMNS)
