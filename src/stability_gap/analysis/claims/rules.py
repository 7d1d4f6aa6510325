"""Decide a verdict from numbers: the rules that all claims share. No tables, no words about a claim.

Each rule treats both verdicts alike: what would reproduce a claim, mirrored, contradicts it. How often each comes up with and
without an effect is simulated in `analysis.calibration`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats
from statsmodels.stats.power import TTestPower

from stability_gap.analysis.statistics import ROUNDING, all_equal, holm, sign_flip_test, smallest_p, t_interval
from stability_gap.analysis.trajectory import Floats

REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE = "reproduced", "not reproduced", "inconclusive"
NOT_ASSESSABLE = "not assessable"
"""The quantity that the claim compares is not known to be there, such as a gap that is not told from a drift."""
NOT_TESTED = "not tested here"

CONFIDENCE = 0.95
POWER = 0.8
MANY = 1000
"""Needed seeds are not counted beyond this."""
FEWEST = 6
"""Fewer seeds are too few for a sign-flip test at 0.05, for a bootstrap interval, and to plan by their spread."""


@dataclass(frozen=True)
class Comparison:
    """Paired comparison of `a` with `b` over the n seeds in which both are finite; without two of them the rest is NaN."""

    n: int
    mean_a: float
    mean_b: float
    mean_difference: float
    """a - b"""
    sd: float = np.nan
    """of the differences, ddof 1"""
    low: float = np.nan
    """95 % t interval of the mean difference"""
    high: float = np.nan
    p_value: float = np.nan
    """two-sided sign-flip test"""
    p_smallest: float = np.nan
    """that so many seeds can give"""
    p_holm: float = np.nan
    """p_value adjusted for the comparisons of the claim"""
    family: int = 1
    """number of these comparisons"""


def comparison(a: Floats, b: Floats, generator: np.random.Generator) -> Comparison:
    """Compare two samples of shape (seeds,), paired, not yet adjusted. `generator` draws the sign flips of many seeds."""
    both = np.isfinite(a) & np.isfinite(b)
    a, b, n = a[both], b[both], int(both.sum())
    if n < 2:
        mean_a, mean_b, difference = (float(x[0]) if n else np.nan for x in (a, b, a - b))
        return Comparison(n, mean_a, mean_b, difference)
    differences = np.where(np.abs(a - b) > ROUNDING, a - b, 0.0)
    low, high = t_interval(differences)
    p_value, _ = sign_flip_test(differences, generator)
    means = (float(a.mean()), float(b.mean()), float(differences.mean()))
    return Comparison(n, *means, float(differences.std(ddof=1)), low, high, p_value, smallest_p(n))


def adjusted(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Fill in `p_holm` and `family` of all comparisons that one claim makes."""
    p_holm = holm([each.p_value for each in comparisons])
    return [replace(each, p_holm=float(p), family=len(comparisons)) for each, p in zip(comparisons, p_holm, strict=True)]


def in_every_seed(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Set `p_holm` to 0 where all seeds agree on a sign, which is where p is its smallest, else to 1.

    The rule for the authors' own data, whose five seeds no two-sided test can call significant at 0.05.
    """
    return [replace(each, p_holm=float(not each.p_value <= each.p_smallest), family=len(comparisons)) for each in comparisons]


def directional(test: Comparison, alpha: float) -> str:
    """Judge "the mean difference a - b is below zero" from the Holm-adjusted two-sided sign-flip test.

    Reproduced: p_holm < alpha and the mean is negative. Not reproduced: p_holm < alpha and it is positive. Else inconclusive.
    """
    if not test.p_holm < alpha:
        return INCONCLUSIVE
    return REPRODUCED if test.mean_difference < 0 else NOT_REPRODUCED


def level(differences: Floats, margin: float) -> tuple[str, str]:
    """Judge "the mean is zero within `margin`", with its 95 % t interval as text; `differences` has shape (seeds,).

    Reproduced: the interval lies inside +-margin. Not reproduced: it lies wholly outside. Else, or with fewer than two
    seeds, inconclusive.
    """
    found, text = trend(differences, margin)
    return {"level": REPRODUCED, "": INCONCLUSIVE}.get(found, NOT_REPRODUCED), text


def trend(slopes: Floats, margin: float) -> tuple[str, str]:
    """Tell whether a mean "rises", is "level" or "falls", or nothing of it (""), with its 95 % t interval as text.

    It rises where the interval lies above +margin, falls where it lies below -margin, and is level where it lies between.
    Where nothing is told the text says how many seeds it takes.
    """
    if len(slopes) < 2:
        return "", "no interval"
    low, high = t_interval(slopes)
    text = f"95% t interval [{low:.3g}, {high:.3g}], margin {margin:g}"
    if low > margin:
        return "rises", text
    if high < -margin:
        return "falls", text
    if -margin < low and high < margin:
        return "level", text
    needed = seeds_needed(abs(float(slopes.mean())) - margin, float(slopes.std(ddof=1)), len(slopes), 1 - CONFIDENCE)
    return "", f"{text}, {needed}" if needed else text


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


def at_most_worse(differences: Sequence[Floats], margin: float, alpha: float) -> tuple[str, list[float], list[float]]:
    """Judge "at most `margin` worse than each rival" from differences candidate - rival, an array (seeds,) per rival.

    Reproduced: against every rival the one-sided t test rejects "worse by margin or more" at alpha (an intersection-union
    test: each test at the full alpha, nothing to adjust). Not reproduced: against some rival that of "worse by margin or
    less" is rejected, Holm over the rivals. Else inconclusive. Returns the verdict and the p-values of both, per rival.
    """
    not_worse = [one_sided(each + margin) for each in differences]
    worse = [one_sided(-(each + margin)) for each in differences]
    if all(p < alpha for p in not_worse):
        return REPRODUCED, not_worse, worse
    return (NOT_REPRODUCED if (holm(worse) < alpha).any() else INCONCLUSIVE), not_worse, worse


def one_sided(values: Floats) -> float:
    """Compute the p of the one-sided t test of "the mean is not above zero"; 0 or 1 where all values are equal."""
    if len(values) < 2:
        return np.nan
    if all_equal(values):
        return float(values.mean() <= 0)
    return float(stats.ttest_1samp(values, 0.0, alternative="greater").pvalue)


def seeds_needed(distance: float, sd: float, n: int, alpha: float, *, sign_flips: bool = False) -> str:
    """Say for how many seeds a paired t test at two-sided `alpha` finds the observed mean `distance` with 80 % power.

    n: seeds in which both were observed. sign_flips: for a sign-flip test, of which few seeds cannot reach alpha, whatever the
    effect. Empty where nothing can be said, as with n below `FEWEST`. The observed effect is itself uncertain, so it is a plan,
    no promise.
    """
    if n < FEWEST or not (sd > 0 and abs(distance) > 0):
        return ""
    seeds = np.arange(2, MANY + 1)
    effect = min(abs(distance) / sd, 10.0)  # three seeds find any larger one
    enough = np.nan_to_num(TTestPower().power(effect, seeds, alpha), nan=1.0) >= POWER  # scipy gives NaN for some that are 1
    able = np.array([smallest_p(int(n)) <= alpha for n in seeds]) if sign_flips else True
    found = np.flatnonzero(enough & able)
    return f"about {seeds[found[0]]} seeds needed for 80% power" if len(found) else f"over {MANY} seeds needed for 80% power"
