import numpy as np
import pandas as pd
import pytest
from scipy import stats

from stability_gap.analysis.noninferiority import COLUMNS, noninferiority

RIVALS = ("sgd", "msgd", "adam")
NOISE = np.array([-0.004, 0.003, 0.001, -0.002, 0.004, -0.001, 0.002, -0.003])


def table(benchmark: str = "digits", **values: np.ndarray) -> pd.DataFrame:
    rows = [
        (benchmark, optimizer, seed, "avg_acc", None, value)
        for optimizer, column in values.items()
        for seed, value in enumerate(column)
    ]
    frame = pd.DataFrame(rows, columns=["benchmark", "optimizer", "seed", "metric", "context", "value"])
    return frame.astype({"context": "Int16"})


def suite(candidate: np.ndarray, benchmark: str = "digits") -> pd.DataFrame:
    n = len(candidate)
    return table(benchmark, ngm_sgd=candidate, sgd=np.full(n, 0.8), msgd=np.full(n, 0.9), adam=np.full(n, 0.85))


@pytest.mark.parametrize(
    ("offset", "outcome"),
    [(0.05, "non-inferior"), (0.0, "non-inferior"), (-0.01, "non-inferior"), (-0.02, "undecided"), (-0.03, "inferior")],
)
def test_outcome_by_distance_from_the_best_rival(offset: float, outcome: str) -> None:
    (row,) = noninferiority(suite(0.9 + offset + NOISE)).to_dict("records")
    assert row["outcome"] == outcome
    assert row["rival"] == "msgd"
    assert row["n"] == 8
    assert row["mean_difference"] == pytest.approx(offset)


def test_margin_decides() -> None:
    metrics = suite(0.87 + NOISE)
    assert noninferiority(metrics, margin=0.04)["outcome"].tolist() == ["non-inferior"]
    assert noninferiority(metrics, margin=0.02)["outcome"].tolist() == ["inferior"]


def test_bounds_are_one_sided_and_agree_with_scipy() -> None:
    (row,) = noninferiority(suite(0.89 + NOISE)).to_dict("records")
    test = stats.ttest_1samp(NOISE - 0.01, -0.02, alternative="greater")
    assert row["t_low"] == pytest.approx(test.confidence_interval(0.95).low)
    assert row["p_value"] == pytest.approx(test.pvalue)
    reference = stats.bootstrap(
        (NOISE - 0.01,), np.mean, alternative="greater", method="percentile", rng=np.random.default_rng(1)
    )
    assert row["bootstrap_low"] == pytest.approx(reference.confidence_interval.low, abs=2e-4)
    assert row["t_low"] < row["bootstrap_low"] < -0.01 < row["bootstrap_high"] < row["t_high"]


def test_p_below_alpha_is_where_the_t_bound_clears_the_margin() -> None:
    for offset in np.linspace(-0.03, 0.0, 13):
        (row,) = noninferiority(suite(0.9 + offset + NOISE), resamples=200).to_dict("records")
        assert (row["p_value"] < 0.05) == (row["t_low"] > -0.02)


def test_two_seeds_seldom_decide_though_the_bootstrap_would() -> None:
    (row,) = noninferiority(suite(np.array([0.89, 0.9]))).to_dict("records")
    assert row["bootstrap_low"] > -0.02 > row["t_low"]
    assert row["outcome"] == "undecided"


def test_best_rival_is_taken_on_the_seeds_all_have() -> None:
    values = {"ngm_sgd": np.array([0.5, 0.52, np.nan]), "sgd": np.array([0.4, 0.4, 1.0]), "msgd": np.full(3, 0.45)}
    (row,) = noninferiority(table(**values), rivals=("sgd", "msgd")).to_dict("records")
    assert (row["rival"], row["n"]) == ("msgd", 2)


def test_missing_optimizer_or_seeds_are_undefined() -> None:
    complete = suite(0.9 + NOISE)
    missing = complete[~complete["optimizer"].isin(["adam", "sgd"])].assign(benchmark="a")
    single = suite(np.array([0.9]), "b")
    found = noninferiority(pd.concat([complete, missing, single]))
    assert list(found.columns) == COLUMNS
    assert found["benchmark"].tolist() == ["a", "b", "digits"]
    assert found["outcome"].tolist() == ["undefined", "undefined", "non-inferior"]
    assert found["note"].tolist() == ["missing: sgd, adam", "n=1: no test", ""]
    assert found["t_low"].isna().tolist() == [True, True, False]


def test_equal_differences_need_no_variance() -> None:
    (row,) = noninferiority(suite(np.full(4, 0.95))).to_dict("records")
    assert row["outcome"] == "non-inferior"
    assert row["t_low"] == row["bootstrap_high"] == pytest.approx(0.05)
    assert np.isnan(row["p_value"])
    assert row["note"] == "all differences equal: no p"


def test_other_benchmarks_change_nothing() -> None:
    alone = noninferiority(suite(0.89 + NOISE))
    both = noninferiority(pd.concat([suite(0.7 + NOISE, "a"), suite(0.89 + NOISE).sample(frac=1, random_state=0)]))
    pd.testing.assert_frame_equal(both[both["benchmark"] == "digits"].reset_index(drop=True), alone)
