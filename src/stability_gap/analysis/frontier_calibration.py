"""Simulate how often the rule of claim 14 comes to each verdict on one rival, with and without a difference (PROTOCOL §12).

A measured frontier is the template. Its means are taken for the truth, but that the rival's whole curve is moved up or down until
the gaps at equal accuracy differ by what is asked for. Seeds scatter about these means as the template's do: normal with the same
covariance, or drawn from the template's own seeds, outliers among them.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stability_gap.analysis import figure_data
from stability_gap.analysis.claims.frontier import verdict_of
from stability_gap.analysis.claims.rules import NOT_REPRODUCED, REPRODUCED
from stability_gap.analysis.frontier import compare, gap_at
from stability_gap.analysis.trajectory import Floats

SCATTER = ("normal", "seeds")
_PILOT = 200
"""Data sets from which the standard deviation of the estimated difference is taken."""


@dataclass(frozen=True)
class Template:
    """Seeds of a rival's curve and of the member that it is compared with: `accuracy, gap` (seeds, rates), `own` (seeds, 2)."""

    accuracy: Floats
    gap: Floats
    own: Floats

    @property
    def values(self) -> Floats:
        """All of a seed side by side: (seeds, 2 · rates + 2)."""
        return np.column_stack([self.accuracy, self.gap, self.own])

    @property
    def difference(self) -> float:
        """Gap of the rival minus that of the member at the member's accuracy, of the means; NaN where it is not reached."""
        at, *_ = gap_at(*(each.mean(axis=0, keepdims=True) for each in (self.accuracy, self.gap, self.own[:, 0])))
        return float(at[0] - self.own[:, 1].mean())


def template(
    points: pd.DataFrame, metrics: pd.DataFrame, benchmark: str, reference: str, optimizer: str, member: str
) -> Template:
    """Take a template from what was measured.

    points: frontier.csv. metrics: the long table of the same suite. reference: the task of the gap, first or previous.
    optimizer: the rival. member: that it is compared with.
    """
    here = points[(points["benchmark"] == benchmark) & (points["optimizer"] == optimizer)]
    rates = list(here.sort_values("learning_rate")["member"])
    names = ["avg_acc", f"avg_sg_{reference}"]
    seeds = figure_data.whole_stream(metrics[metrics["benchmark"] == benchmark], names)
    accuracy, gap = (seeds.pivot(index="seed", columns="optimizer", values=name) for name in names)  # noqa: PD010
    own = np.column_stack([accuracy[member], gap[member]])
    return Template(accuracy[rates].to_numpy(), gap[rates].to_numpy(), own)


def shares(
    of: Template, effect: float, scatter: str, seeds: int, simulations: int, resamples: int, generator: np.random.Generator
) -> tuple[float, float]:
    """Simulate data sets with a true difference and judge each: shares that speak for the claim and against it.

    effect: the true difference, in standard deviations: √seeds times that of the estimate over data sets. scatter: one of
    `SCATTER`. resamples: of each data set.
    """
    draws = generator.integers(seeds, size=(resamples, seeds))
    weights = np.vstack([np.ones(seeds), *(np.bincount(draw, minlength=seeds) for draw in draws)]) / seeds

    def judged(true: float, number: int) -> tuple[list[str], Floats]:
        rows = [_compared(_drawn(of, true, scatter, seeds, generator), weights) for _ in range(number)]
        return [verdict_of(row) for row in rows], np.array([row["difference"] for row in rows])

    deviation = np.nanstd(judged(0.0, _PILOT)[1], ddof=1) * np.sqrt(seeds)
    verdicts, _ = judged(effect * float(deviation), simulations)
    return verdicts.count(REPRODUCED) / simulations, verdicts.count(NOT_REPRODUCED) / simulations


def _drawn(of: Template, true: float, scatter: str, seeds: int, generator: np.random.Generator) -> Floats:
    """Draw a data set with the true difference: (seeds, 2 · rates + 2), as `Template.values`."""
    values, rates = of.values, of.gap.shape[1]
    mean, residuals = values.mean(axis=0), values - values.mean(axis=0)
    size = len(residuals)
    if scatter == "normal":
        mixed = generator.standard_normal((seeds, size)) @ residuals / np.sqrt(size - 1)
    else:
        mixed = residuals[generator.integers(size, size=seeds)] * np.sqrt(size / (size - 1))
    drawn: Floats = mean + mixed
    drawn[:, rates : 2 * rates] += true - of.difference
    return drawn


def _compared(values: Floats, weights: Floats) -> dict[str, float]:
    """Compare as `frontier_gaps` does, in each sample of seeds."""
    means, rates = weights @ values, values.shape[1] // 2 - 1
    return compare(means[:, :rates], means[:, rates : 2 * rates], means[:, -2], means[:, -1], len(values))
