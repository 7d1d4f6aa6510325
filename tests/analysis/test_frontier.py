"""The frontier over learning rates, against an interpolation written out step by step."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from stability_gap import contracts, files
from stability_gap.analysis.frontier import frontier_gaps, frontier_table, gap_at
from stability_gap.analysis.statistics import generator_for
from stability_gap.errors import UserError
from stability_gap.files import METRICS

RATES = {1: 0.01, 2: 0.1, 3: 1.0}
MEMBERS = {
    f"{base}_rates_{number}": {"sweep": "rates", "optimizer": base, "number": number, "values": {"learning_rate": rate}}
    for base in ("ngm_sgd", "sgd", "msgd", "adam")
    for number, rate in RATES.items()
}
SEEDS = range(42, 48)
ACCURACY = {"ngm_sgd": (0.3, 0.7, 0.5), "sgd": (0.2, 0.6, 0.8), "msgd": (0.9, 0.6, 0.95), "adam": (0.2, 0.4, 0.3)}


def metrics(noise: float = 0.02) -> pd.DataFrame:
    """Curves of four optimizers: one crosses the accuracy of ngm_sgd_rates_2, one lies beyond it, one never reaches it."""
    draw = np.random.default_rng(1)
    rows = []
    for name, each in MEMBERS.items():
        for seed in SEEDS:
            accuracy = ACCURACY[each["optimizer"]][each["number"] - 1] + noise * draw.normal()
            gap = 0.1 * each["number"] + noise * draw.normal()
            of = {"avg_acc": accuracy, "avg_sg_first": gap, "avg_sg_previous": 2 * gap, "diverged": 0.0}
            rows += [("split", name, seed, metric, np.nan, value) for metric, value in of.items()]
    return pd.DataFrame(rows, columns=METRICS)


def slow_gap(points: list[tuple[float, float]], target: float) -> float:
    """The gap where a curve first reaches an accuracy."""
    if points[0][0] >= target:
        return points[0][1]
    for (left, low), (right, high) in itertools.pairwise(points):
        if right >= target:
            return low + (target - left) / (right - left) * (high - low)
    return math.nan


def test_gaps_and_their_intervals_are_those_of_a_slow_bootstrap():
    table = metrics()
    fast = frontier_gaps(table, MEMBERS, "ngm_sgd_rates_2", 200, 0)
    draws = generator_for(0, "frontier", "split").integers(len(SEEDS), size=(200, len(SEEDS)))
    values = {(row.optimizer, row.metric, row.seed): row.value for row in table.itertuples()}

    def mean(name: str, metric: str, seeds: list[int]) -> float:
        return float(np.mean([values[name, metric, seed] for seed in seeds]))

    for row in fast.itertuples():
        gaps, differences = [], []
        for draw in [range(len(SEEDS)), *draws]:
            seeds = [SEEDS[each] for each in draw]
            curve = [
                (
                    mean(f"{row.optimizer}_rates_{k}", "avg_acc", seeds),
                    mean(f"{row.optimizer}_rates_{k}", f"avg_sg_{row.reference}", seeds),
                )
                for k in RATES
            ]
            gaps.append(slow_gap(curve, mean("ngm_sgd_rates_2", "avg_acc", seeds)))
            differences.append(gaps[-1] - mean("ngm_sgd_rates_2", f"avg_sg_{row.reference}", seeds))
        found = [row.gap, row.difference, row.reached]
        np.testing.assert_allclose(found, [gaps[0], differences[0], np.isfinite(gaps[1:]).mean()], atol=1e-12)
        if row.reached:
            outer = stats.norm.cdf(-2.5705818 * np.sqrt(6 / 5))  # the t of 5 degrees that 2.5 % exceed; sd / √(n−1) for sd / √n
            low, high = np.nanquantile(differences[1:], [outer, 1 - outer])
            np.testing.assert_allclose([row.difference_low, row.difference_high], [low, high], atol=1e-12)
    by = fast[fast["reference"] == "first"].set_index("optimizer")
    assert list(by.index) == ["adam", "msgd", "sgd"]
    assert (by.loc["adam", "reached"], by.loc["msgd", "beyond"], by.loc["sgd", "beyond"]) == (0, 1, 0)
    assert np.isnan(by.loc["adam", ["gap", "difference", "difference_low"]].astype(float)).all()


def test_a_sweep_of_one_optimizer_has_no_gap_to_compare(tmp_path):
    alone = metrics()[lambda table: table["optimizer"].str.startswith("ngm_sgd")]
    path = tmp_path / "frontier_gap.csv"
    files.write_csv(path, frontier_gaps(alone, MEMBERS, "ngm_sgd_rates_2", 10, 0))
    assert list(files.read_csv(path)) == list(frontier_gaps(metrics(), MEMBERS, "ngm_sgd_rates_2", 10, 0))
    contracts.check(path)


@pytest.mark.parametrize(
    ("accuracy", "target", "gap"),
    [((0.2, 0.6, 0.4, 0.9), 0.4, 1.5), ((0.2, 0.4, 0.4), 0.4, 2.0), ((0.5, 0.6), 0.5, 1.0), ((0.5, 0.6), 0.7, math.nan)],
)
def test_the_smallest_rate_that_reaches_the_accuracy_counts(accuracy, target, gap):
    found, reached, beyond = gap_at(np.array([accuracy]), np.arange(1.0, 1 + len(accuracy))[None], np.array([target]))
    np.testing.assert_allclose(found, [gap])
    assert reached[0] == (not np.isnan(gap))
    assert not beyond.any()


def test_a_gap_that_is_undefined_before_the_crossing_is_no_accuracy_unreached():
    found, reached, _ = gap_at(
        np.array([[0.1, 0.5, 0.9]] * 2), np.array([[np.nan, 0.3, 0.4], [0.1, np.nan, 0.4]]), np.full(2, 0.5)
    )
    np.testing.assert_array_equal(found, [0.3, np.nan])
    assert reached.all()


def test_points_have_intervals_and_count_diverged_runs():
    table = metrics()
    gone = (table["optimizer"] == "sgd_rates_3") & (table["seed"] == 42) & (table["metric"] == "diverged")
    table.loc[gone, "value"] = 1.0
    points = frontier_table(table, MEMBERS)
    assert list(points["learning_rate"][:3]) == [0.01, 0.1, 1.0]
    point = points.set_index("member").loc["sgd_rates_3"]
    own = table[(table["optimizer"] == "sgd_rates_3") & (table["metric"] == "avg_acc")]["value"]
    assert (point["n"], point["diverged"], point["optimizer"]) == (len(SEEDS), 1, "sgd")
    assert point["avg_acc_mean"] == pytest.approx(own.mean())
    assert point["avg_acc_low"] < own.mean() < point["avg_acc_high"]
    assert np.isnan(point["avg_net_sg_first_mean"])  # not measured here


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(UserError, match="needs the reference of the suite to be a member of its sweep, not ngm_sgd"):
        frontier_gaps(metrics(), MEMBERS, "ngm_sgd", 10, 0)
    with pytest.raises(UserError, match="name a sweep of kind rates in the suite"):
        frontier_table(metrics(), {})
    short = metrics()
    short = short[(short["optimizer"] != "sgd_rates_1") | (short["seed"] != 42)]
    with pytest.raises(UserError, match="run with different seeds"):
        frontier_table(short, MEMBERS)
