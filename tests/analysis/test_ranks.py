import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
from scipy import stats

from stability_gap.analysis.metrics.registry import METRICS, outcomes
from stability_gap.analysis.ranks import COLUMNS, critical_difference, rank, rank_all
from stability_gap.errors import UserError


def table(means: np.ndarray, metric: str = "avg_acc", seeds: int = 2) -> pd.DataFrame:
    """`means` is benchmarks x optimizers; seeds scatter evenly around them."""
    rows = [
        (f"b{i:02d}", f"o{j}", seed, metric, None, mean + 0.001 * (seed - (seeds - 1) / 2))
        for i, row in enumerate(means)
        for j, mean in enumerate(row)
        for seed in range(seeds)
    ]
    frame = pd.DataFrame(rows, columns=["benchmark", "optimizer", "seed", "metric", "context", "value"])
    return frame.astype({"context": "Int16"})


@pytest.mark.parametrize(
    ("optimizers", "q"),
    # Demsar 2006, table 5(a): critical values of the two-tailed Nemenyi test at 0.05
    [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (6, 2.850), (7, 2.949), (8, 3.031), (9, 3.102), (10, 3.164)],
)
def test_critical_difference_agrees_with_published_values(optimizers: int, q: float) -> None:
    expected = q * np.sqrt(optimizers * (optimizers + 1) / (6 * 14))
    assert critical_difference(optimizers, 14) == pytest.approx(expected, abs=2e-3)


def test_demsar_worked_example() -> None:
    # Demsar 2006, section 3.2.2: 4 classifiers on 14 data sets, CD 1.25 at 0.05 and 1.12 at 0.10
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert critical_difference(4, 14, alpha=0.10) == pytest.approx(1.12, abs=0.005)


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_scikit_posthocs(seed: int) -> None:
    means = np.random.default_rng(seed).random((12, 4)) + np.array([0, 0.1, 0.6, 0.7])
    found = rank(table(means), "avg_acc").set_index("optimizer")
    p_values = scikit_posthocs.posthoc_nemenyi_friedman(means).to_numpy()
    ranks = found["average_rank"].to_numpy()
    apart = np.abs(ranks[:, None] - ranks) > found["critical_difference"].iloc[0]
    off = ~np.eye(4, dtype=bool)
    assert (apart[off] == (p_values[off] < 0.05)).all()
    assert apart.any()
    assert not apart[off].all()


def test_friedman_agrees_with_scipy() -> None:
    means = np.random.default_rng(3).random((6, 4))
    found = rank(table(means), "avg_acc")
    reference = stats.friedmanchisquare(*means.T)
    assert found["friedman_statistic"].to_numpy() == pytest.approx([reference.statistic] * 4)
    assert found["friedman_p"].to_numpy() == pytest.approx([reference.pvalue] * 4)


def test_rank_1_is_the_best_in_the_direction_of_the_metric() -> None:
    means = np.array([[0.1, 0.2, 0.3]] * 3)
    for metric in outcomes():
        best = [3.0, 2.0, 1.0] if METRICS[metric].better == "higher" else [1.0, 2.0, 3.0]
        assert rank(table(means, metric), metric)["average_rank"].tolist() == best
    assert METRICS["wc_acc"].better == "higher"
    assert METRICS["avg_sg_first"].better == "lower"


def test_ranks_by_hand_with_ties_and_low_power() -> None:
    found = rank(table(np.array([[0.5, 0.5, 0.1], [0.9, 0.2, 0.1], [0.3, 0.2, 0.1]]), seeds=1), "avg_acc")
    assert found["average_rank"].to_numpy() == pytest.approx([3.5 / 3, 5.5 / 3, 3.0])
    assert found["benchmarks"].tolist() == [3, 3, 3]
    assert found["note"].tolist() == ["3 benchmarks: low power"] * 3


def test_ten_benchmarks_have_no_note() -> None:
    assert set(rank(table(np.random.default_rng(0).random((10, 3))), "avg_acc")["note"]) == {""}


def test_mean_over_seeds_comes_before_the_ranks() -> None:
    metrics = table(np.array([[0.5, 0.4]] * 3), seeds=3)
    metrics.loc[(metrics["optimizer"] == "o0") & (metrics["seed"] == 0), "value"] = 0.0  # o0 wins 2 of 3 seeds, not the mean
    assert rank(metrics, "avg_acc")["average_rank"].tolist() == [2.0, 1.0]


@pytest.mark.parametrize("benchmarks", [1, 2])
def test_fewer_than_three_benchmarks_are_undefined(benchmarks: int) -> None:
    found = rank(table(np.array([[0.3, 0.2, 0.1]] * benchmarks)), "avg_acc")
    assert found["average_rank"].tolist() == [1.0, 2.0, 3.0]
    assert found[["friedman_statistic", "friedman_p", "critical_difference"]].isna().all(axis=None)
    assert found["note"].tolist() == [f"{benchmarks} benchmark(s): tests undefined, they need 3"] * 3


def test_two_optimizers_have_a_critical_difference_only() -> None:
    found = rank(table(np.array([[0.3, 0.2]] * 4)), "avg_acc")
    assert found["friedman_p"].isna().all()
    assert found["critical_difference"].to_numpy() == pytest.approx([1.960 * np.sqrt(6 / 24)] * 2, abs=1e-3)
    assert "Friedman undefined" in found["note"].iloc[0]


def test_all_tied_is_undefined_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    found = rank(table(np.full((4, 3), 0.5)), "avg_acc")
    assert found["average_rank"].tolist() == [2.0] * 3
    assert found["friedman_p"].isna().all()
    assert "all tied" in found["note"].iloc[0]
    assert len(recwarn) == 0


def test_optimizer_that_is_not_on_every_benchmark_is_left_out() -> None:
    metrics = table(np.array([[0.4, 0.3, 0.2, 0.1]] * 3))
    metrics = metrics[~((metrics["optimizer"] == "o0") & (metrics["benchmark"] == "b01"))]
    found = rank(metrics, "avg_acc")
    assert found["optimizer"].tolist() == ["o1", "o2", "o3"]
    assert found["average_rank"].tolist() == [1.0, 2.0, 3.0]
    assert "left out: o0" in found["note"].iloc[0]


def test_all_metrics_in_one_sorted_table() -> None:
    means = np.random.default_rng(1).random((4, 3))
    parts = [table(means, "wc_acc"), table(means, "avg_acc"), table(means, "bwt")]
    found = rank_all(pd.concat(parts).sample(frac=1, random_state=0))
    assert list(found.columns) == COLUMNS
    assert found[["metric", "optimizer"]].to_numpy().tolist() == [
        [metric, optimizer] for metric in ("avg_acc", "wc_acc") for optimizer in ("o0", "o1", "o2")
    ]
    assert rank_all(parts[2]).empty


def test_metric_without_direction_is_an_error() -> None:
    with pytest.raises(UserError, match="cannot rank by 'loss'"):
        rank(table(np.ones((3, 3))), "loss")
