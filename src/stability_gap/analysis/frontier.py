"""Follow optimizers over their learning rates: the frontier of stability gap against final accuracy (PROTOCOL §12).

The *curve* of an optimizer leads through the points (mean final accuracy, mean gap) of its rates, from the smallest on. Its gap
at a given accuracy is interpolated linearly along the curve, where it first reaches that accuracy: at the smallest such rate,
however often a curve passes it later. A curve may not reach it at all; or its smallest rate may lie beyond it already, and then
the gap there is taken, as no smaller rate was tried. Diverged runs count, with the worst values.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from stability_gap.analysis import bands, figure_data
from stability_gap.analysis.statistics import generator_for
from stability_gap.analysis.trajectory import Floats
from stability_gap.errors import UserError

QUANTITIES = ("avg_acc", "avg_sg_first", "avg_sg_previous", "avg_net_sg_first", "avg_net_sg_previous")
REFERENCES = ("first", "previous")
GAP_COLUMNS = (
    *("benchmark", "reference", "optimizer", "accuracy", "gap", "gap_low", "gap_high", "gap_reference"),
    *("difference", "difference_low", "difference_high", "reached", "beyond", "n"),
)
"""Of frontier_gap.csv, which has no row where the reference's optimizer is the only one."""
Members = Mapping[str, Mapping[str, Any]]


def frontier_table(metrics: pd.DataFrame, members: Members) -> pd.DataFrame:
    """Make frontier.csv: the points of every curve with 95 % t intervals, by benchmark, optimizer and rate.

    Columns: benchmark, optimizer (that is varied), member, learning_rate, n, diverged, and `{quantity}_{mean, low, high}`.
    metrics: the long table. members: see `Config.members`. Errors: UserError where no member of a sweep of rates was run.
    """
    seeds = _seeds(metrics, members)
    keys = ["benchmark", "optimizer", "member", "learning_rate"]
    table = seeds.groupby(keys).agg(n=("seed", "nunique"), diverged=("diverged", "sum"))
    for quantity in QUANTITIES:
        points = bands.band(seeds, keys, quantity).set_index(keys)[["mean", "low", "high"]]
        table = table.join(points.add_prefix(f"{quantity}_"))
    return (
        table.astype({"diverged": int}).reset_index().sort_values(["benchmark", "optimizer", "learning_rate"], ignore_index=True)
    )


def frontier_gaps(metrics: pd.DataFrame, members: Members, reference: str, resamples: int, random_seed: int) -> pd.DataFrame:
    """Make frontier_gap.csv: the gap of every other optimizer at the mean final accuracy of the member `reference`.

    Seeds are resampled, the same for all optimizers, as they are paired; in each sample that accuracy, the curves and the gaps
    are computed anew. Intervals are 95 % expanded percentile intervals over the samples in which the curve reaches the accuracy.

    Returns: benchmark, reference (task of the gap), optimizer, accuracy, gap, gap_low, gap_high, gap_reference, difference
    (optimizer − reference member), difference_low, difference_high, reached and beyond (shares of the samples in which the
    curve reaches the accuracy, and does so at its smallest rate already), n.

    Errors: UserError where `reference` is no member or was not run, or members have different seeds.
    """
    if reference not in members:
        raise UserError(f"the frontier needs the reference of the suite to be a member of its sweep, not {reference}.")
    seeds, own = _seeds(metrics, members), str(members[reference]["optimizer"])
    rows = []
    for benchmark, here in seeds.groupby("benchmark", sort=True):
        if reference not in set(here["member"]):
            raise UserError(f"{reference} was not run on {benchmark}, so there is no accuracy to compare gaps at.")
        n = here["seed"].nunique()
        draws = generator_for(random_seed, "frontier", str(benchmark)).integers(n, size=(resamples, n))
        weights = np.vstack([np.ones(n), *(np.bincount(draw, minlength=n) for draw in draws)])  # the first row: as it is
        accuracy = _weighted(here, "avg_acc", weights)
        for kind in REFERENCES:
            gap = _weighted(here, f"avg_sg_{kind}", weights)
            target, level = accuracy[reference], gap[reference]
            for optimizer, rates in here.groupby("optimizer", sort=True):
                if optimizer == own:
                    continue
                order = list(rates.drop_duplicates("member").sort_values("learning_rate")["member"])
                curves, heights = (np.column_stack([each[member] for member in order]) for each in (accuracy, gap))
                rows.append(
                    {
                        "benchmark": benchmark,
                        "reference": kind,
                        "optimizer": optimizer,
                        **compare(curves, heights, target, level, n),
                    }
                )
    return pd.DataFrame(rows, columns=list(GAP_COLUMNS))


def compare(accuracy: Floats, gap: Floats, target: Floats, level: Floats, seeds: int) -> dict[str, float]:
    """Compare a curve with a point in many samples, the first being the data as they are: `accuracy … n` of `frontier_gaps`.

    Args:
        accuracy, gap: of the curve, (samples, rates), by rising rate. target, level: of the point, (samples,). seeds: in each
            sample.
    """
    at, reached, beyond = gap_at(accuracy, gap, target)
    difference = at - level
    low, high = _interval(at[1:], seeds)
    difference_low, difference_high = _interval(difference[1:], seeds)
    return {
        "accuracy": target[0],
        "gap": at[0],
        "gap_low": low,
        "gap_high": high,
        "gap_reference": level[0],
        "difference": difference[0],
        "difference_low": difference_low,
        "difference_high": difference_high,
        "reached": reached[1:].mean(),
        "beyond": beyond[1:].mean(),
        "n": seeds,
    }


def gap_at(accuracy: Floats, gap: Floats, target: Floats) -> tuple[Floats, Any, Any]:
    """Interpolate the gap where curves first reach an accuracy.

    Args:
        accuracy, gap: (curves, rates), by rising rate. target: (curves,).

    Returns:
        The gap, NaN where a curve never reaches it; whether it does; whether its first point lies beyond it: (curves,) each.
        Where the gap is undefined at the last point before, that of the first point that reaches it is taken.
    """
    reaches = accuracy >= target[:, None]
    first, rows = reaches.argmax(axis=1), np.arange(len(target))
    before = np.maximum(first - 1, 0)
    rise = accuracy[rows, first] - accuracy[rows, before]
    share = np.divide(target - accuracy[rows, before], rise, out=np.ones_like(target), where=rise > 0)
    found = gap[rows, before] + share * (gap[rows, first] - gap[rows, before])
    found = np.where((first == 0) | np.isnan(gap[rows, before]), gap[rows, first], found)
    reached = reaches.any(axis=1)
    return np.where(reached, found, np.nan), reached, reaches[:, 0] & (accuracy[:, 0] > target)


def _seeds(metrics: pd.DataFrame, members: Members) -> pd.DataFrame:
    """One row per benchmark, member and seed: optimizer, learning_rate, diverged, `QUANTITIES` (NaN where not measured)."""
    rates = {name: each for name, each in members.items() if "learning_rate" in each["values"]}
    seeds = figure_data.whole_stream(metrics[metrics["optimizer"].isin(list(rates))], ["diverged", *QUANTITIES])
    if seeds.empty:
        raise UserError("the frontier needs optimizers over several learning rates: name a sweep of kind rates in the suite.")
    seeds = seeds.rename(columns={"optimizer": "member"}).reindex(
        columns=["benchmark", "member", "seed", "diverged", *QUANTITIES]
    )
    number = seeds.groupby(["benchmark", "member"])["seed"].agg(tuple)
    if (short := number.groupby("benchmark").nunique()).gt(1).any():
        raise UserError(f"the members on {short.idxmax()} were run with different seeds; train all of them with the same.")
    return seeds.assign(
        optimizer=seeds["member"].map({name: each["optimizer"] for name, each in rates.items()}),
        learning_rate=seeds["member"].map({name: each["values"]["learning_rate"] for name, each in rates.items()}),
    )


def _weighted(seeds: pd.DataFrame, quantity: str, weights: Floats) -> dict[str, Floats]:
    """Weighted mean of a quantity over seeds by member: (samples,) each, over the seeds in which it is defined."""
    table = seeds.pivot(index="seed", columns="member", values=quantity).sort_index()  # noqa: PD010 (it averages)
    values = table.to_numpy(dtype=np.float64)
    defined = np.isfinite(values)
    total, count = weights @ np.where(defined, values, 0.0), weights @ defined.astype(np.float64)
    mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return {str(member): mean[:, column] for column, member in enumerate(table.columns)}


def _interval(values: Floats, seeds: int) -> tuple[float, float]:
    """95 % expanded percentile interval of what is finite; NaN where nothing is, or there is one seed.

    With few seeds percentile intervals are too narrow: resamples scatter by √((n − 1)/n) too little, and their quantiles are
    those of a normal where a t would be right. The expanded ones take quantiles that are as much further out (Hesterberg 2015,
    What Teachers Should Know About the Bootstrap).
    """
    finite = values[np.isfinite(values)]
    if seeds < 2 or not len(finite):
        return np.nan, np.nan
    beyond = stats.norm.cdf(stats.t.ppf(0.025, seeds - 1) * np.sqrt(seeds / (seeds - 1)))
    low, high = np.quantile(finite, [beyond, 1 - beyond])
    return float(low), float(high)
