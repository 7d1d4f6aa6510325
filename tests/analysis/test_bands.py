import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stability_gap.analysis.bands import band, gain_slopes

T_OF_THREE = 4.302652729911275  # 97.5 % point of Student's t with 2 degrees of freedom, from a printed table


def mean_gains(gains: dict[int, list[float]], optimizer: str = "ngm_sgd") -> pd.DataFrame:
    rows = [
        ("digits", optimizer, seed, "mean_gain", context, gain)
        for seed, per_context in gains.items()
        for context, gain in enumerate(per_context, start=1)
    ]
    table = pd.DataFrame(rows, columns=["benchmark", "optimizer", "seed", "metric", "context", "value"])
    return table.astype({"context": "Int16"})


def test_band_by_hand():
    table = pd.DataFrame(
        {
            "iteration": [2, 1, 1, 1, 2],
            "optimizer": "sgd",
            "accuracy": [0.4, 0.5, 0.6, 0.7, 0.4],
            "seed": [1, 1, 2, 3, 2],
        }
    )
    result = band(table, ["optimizer", "iteration"], "accuracy")
    assert list(result.columns) == ["optimizer", "iteration", "mean", "low", "high", "n"]
    half = T_OF_THREE * 0.1 / math.sqrt(3)  # sd of .5 .6 .7 is .1
    assert result.iloc[0].tolist() == ["sgd", 1, *map(pytest.approx, [0.6, 0.6 - half, 0.6 + half]), 3]
    assert result.iloc[1].tolist() == ["sgd", 2, *map(pytest.approx, [0.4, 0.4, 0.4]), 2]


def test_band_of_one_seed_has_no_interval_and_nan_does_not_enter():
    table = pd.DataFrame({"iteration": [1, 1, 2], "gain": [2.0, math.nan, math.nan]})
    result = band(table, ["iteration"], "gain")
    np.testing.assert_array_equal(result, [[1, 2, math.nan, math.nan, 1], [2, math.nan, math.nan, math.nan, 0]])


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=8), st.randoms())
def test_band_holds_its_mean_and_does_not_depend_on_the_order_of_seeds(values, random):
    shuffled = random.sample(values, len(values))
    one, other = (band(pd.DataFrame({"t": 1, "a": numbers}), ["t"], "a").iloc[0] for numbers in (values, shuffled))
    assert one["low"] <= one["mean"] <= one["high"]
    np.testing.assert_allclose(one.astype(float), other.astype(float), atol=1e-12)
    if np.std(values) > 1e-9:  # scipy has no interval of no spread
        interval = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
        np.testing.assert_allclose([one["low"], one["high"]], interval)


def test_gain_slopes_by_hand():
    result = gain_slopes(mean_gains({1: [1, 2, 3], 2: [2, 4, 6], 3: [3, 6, 9]}))
    assert list(result.columns) == ["benchmark", "optimizer", "n", "slope", "low", "high", "intercept", "r", "p"]
    line = result.iloc[0]
    half = T_OF_THREE * 1 / math.sqrt(3)  # the slopes 1, 2, 3 have sd 1
    assert line[["slope", "low", "high"]].tolist() == pytest.approx([2, 2 - half, 2 + half])
    assert line["n"] == 3
    assert line["intercept"] == pytest.approx(0)
    # squares about the means: contexts 3·2 = 6, gains 9+4+1+4+0+4+1+4+25 = 52, products 3·4 = 12
    r = 12 / math.sqrt(6 * 52)
    assert line["r"] == pytest.approx(r)
    assert line["p"] == pytest.approx(2 * stats.t.sf(r * math.sqrt(7 / (1 - r**2)), 7))


def test_gain_slopes_of_each_cell_and_without_diverged_seeds():
    rising = mean_gains({1: [1.0, 1.5], 2: [1.0, 1.5], 3: [1.0, math.nan]})
    level = mean_gains({1: [1.0, 1.0], 2: [1.0, 1.0]}, "sgd")
    result = gain_slopes(pd.concat([level, rising])).set_index("optimizer")
    assert result.index.tolist() == ["ngm_sgd", "sgd"]
    assert result.loc["ngm_sgd", ["n", "slope", "low", "high", "intercept"]].tolist() == [2, 0.5, 0.5, 0.5, 0.5]
    assert result.loc["sgd", ["n", "slope", "low", "high"]].tolist() == [2, 0, 0, 0]


@pytest.mark.parametrize(("gains", "seeds"), [({1: [1.0], 2: [1.5]}, 2), ({1: [math.nan, math.nan]}, 0)])
def test_no_line_is_nan(gains, seeds):
    line = gain_slopes(mean_gains(gains)).iloc[0]
    assert line["n"] == seeds
    assert line[["slope", "low", "high", "intercept", "r", "p"]].isna().all()


def test_one_seed_has_a_slope_without_interval():
    line = gain_slopes(mean_gains({1: [1.0, 3.0, 5.0]})).iloc[0]
    assert line["slope"] == pytest.approx(2)
    assert line[["low", "high"]].isna().all()
