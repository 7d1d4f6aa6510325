"""Simulate how often the rules of the claims come to each verdict, with and without an effect (PROTOCOL section 6).

Differences between a candidate and its rivals, paired by seed, in units of their standard deviation. The candidate is normal;
rivals are normal or skewed (log-normal), each with half of the variance, so the differences from two rivals are correlated as
real ones are. Thousands of data sets are judged at once; tests hold the verdicts against `claims.rules`.
"""

from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd
from scipy import stats

from stability_gap.analysis.statistics import ROUNDING
from stability_gap.analysis.trajectory import Floats

MARGIN = 1.0
"""of the level rule and of non-inferiority, in standard deviations"""
COLUMNS = ["rule", "data", "effect", "reproduced", "not_reproduced"]
_DIRECTIONAL = {1: "directional, 1 comparison"} | {count: f"directional, {count} comparisons" for count in (2, 4, 8)}
"""Comparisons of one verdict: 2 in claims 1 and 8, 4 in claims 9 and 10, 8 in claim 5 with five tasks."""
_EFFECTS = dict.fromkeys(_DIRECTIONAL.values(), (-1.5, -0.5, 0.0, 0.5, 1.5)) | {
    "level": (0.0, 0.5, 1.0, 1.5, 2.5),
    "not inferior to 3 rivals": (0.0, -0.5, -1.0, -1.5, -2.5),
}

Verdicts = tuple[Floats, Floats]
"""of each data set, whether it is (reproduced, not reproduced)"""


def differences(effect: float, rivals: int, skewed: bool, seeds: int, simulations: int, generator: np.random.Generator) -> Floats:
    """Draw differences candidate - rival with mean `effect` and standard deviation 1: (simulations, rivals, seeds)."""
    candidate = generator.standard_normal((simulations, 1, seeds))
    others = generator.standard_normal((simulations, rivals, seeds))
    if skewed:
        others = (np.exp(others) - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e)
    drawn: Floats = effect + (candidate - others) / np.sqrt(2)
    return drawn


def directional(drawn: Floats, alpha: float = 0.05) -> Verdicts:
    """Judge "below zero for every rival" as `rules.directional` with `rules.all_of` does, Holm over the rivals."""
    seeds = drawn.shape[-1]
    signs = 1 - 2 * (np.arange(2**seeds)[:, None] >> np.arange(seeds) & 1)
    observed = np.abs(drawn.sum(axis=-1)) - ROUNDING * np.abs(drawn).sum(axis=-1)
    p = np.stack([(np.abs(each @ signs.T) >= seen[:, None]).mean(axis=1) for each, seen in zip(drawn, observed, strict=True)])
    significant, mean = holm(p) < alpha, drawn.mean(axis=-1)
    return (significant & (mean < 0)).all(axis=1), (significant & (mean > 0)).any(axis=1)


def level(drawn: Floats, margin: float = MARGIN) -> Verdicts:
    """Judge "zero within the margin" as `rules.level` does, of the first rival."""
    mean, error = _mean_and_error(drawn[:, 0])
    half = stats.t.ppf(0.975, drawn.shape[-1] - 1) * error
    return np.abs(mean) + half < margin, np.abs(mean) - half > margin


def at_most_worse(drawn: Floats, margin: float = MARGIN, alpha: float = 0.05) -> Verdicts:
    """Judge "at most `margin` below every rival" as `rules.at_most_worse` does."""
    mean, error = _mean_and_error(drawn)
    t, degrees = (mean + margin) / error, drawn.shape[-1] - 1
    not_inferior = (stats.t.sf(t, degrees) < alpha).all(axis=1)
    return not_inferior, ~not_inferior & (holm(stats.t.cdf(t, degrees)) < alpha).any(axis=1)


def holm(p: Floats) -> Floats:
    """Adjust p-values (data sets, comparisons) within each row: Holm step-down."""
    order = p.argsort(axis=1)
    ranked = np.take_along_axis(p, order, axis=1) * np.arange(p.shape[1], 0, -1)
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.minimum(1, np.maximum.accumulate(ranked, axis=1)), axis=1)
    return adjusted


def calibrate(simulations: int = 4000, seeds: int = 10, random_seed: int = 0) -> pd.DataFrame:
    """Simulate every rule, kind of data and effect: the share of data sets with each verdict; columns `COLUMNS`."""
    judges: dict[str, tuple[Callable[[Floats], Verdicts], int]]
    judges = {name: (directional, count) for count, name in _DIRECTIONAL.items()}
    judges |= {"level": (level, 1), "not inferior to 3 rivals": (at_most_worse, 3)}
    rows = []
    for (rule, (judge, rivals)), skewed in product(judges.items(), (False, True)):
        for effect in _EFFECTS[rule]:
            generator = np.random.default_rng(random_seed)  # the same draws for every effect
            yes, no = judge(differences(effect, rivals, skewed, seeds, simulations, generator))
            rows.append((rule, "skewed" if skewed else "normal", effect, yes.mean(), no.mean()))
    return pd.DataFrame(rows, columns=COLUMNS)


def _mean_and_error(drawn: Floats) -> tuple[Floats, Floats]:
    return drawn.mean(axis=-1), drawn.std(axis=-1, ddof=1) / np.sqrt(drawn.shape[-1])
