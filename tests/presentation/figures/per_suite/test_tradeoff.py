import numpy as np
import pandas as pd
from drawn import texts

from stability_gap.presentation import style
from stability_gap.presentation.figures.per_suite.tradeoff import draw_suite


def test_names_every_optimizer_and_diverged_runs(small, looks):
    metrics = small.metrics.copy()
    is_gone = (metrics["optimizer"] == "adam") & (metrics["seed"] == 43)
    metrics.loc[is_gone & (metrics["metric"] == "diverged"), "value"] = 1.0
    text = texts(draw_suite({"metrics.parquet": metrics}, looks, {}))
    for expected in ("Split digits", "n = 3 seeds", "Adam: 1 diverged", "SGD", "MSGD", "NGM-SGD", "↖ better"):
        assert expected in text


def test_two_tasks_have_one_gap_and_one_panel(small, suite, looks):
    assert len(draw_suite({"metrics.parquet": small.metrics}, looks, {}).axes) == 1
    assert len(draw_suite({"metrics.parquet": suite.metrics}, looks, {}).axes) == 4


def test_a_missing_optimizer_undefined_gaps_and_perfect_accuracy(small, looks):
    metrics = small.metrics[small.metrics["optimizer"] != "ngm_sgd"].copy()
    metrics.loc[(metrics["optimizer"] == "sgd") & metrics["metric"].str.startswith("avg_sg"), "value"] = np.nan
    metrics.loc[(metrics["optimizer"] == "adam") & (metrics["metric"] == "avg_acc"), "value"] = 1.0
    style.render(draw_suite({"metrics.parquet": metrics}, looks, {}), "png")


def test_an_interval_beyond_perfect_accuracy_hides_nothing(small, looks):
    """Two good seeds and a poor one: the t interval of their mean ends above 1, where a logit axis has nothing."""
    metrics = small.metrics.copy()
    accurate = metrics["metric"] == "avg_acc"
    metrics.loc[accurate, "value"] = metrics.loc[accurate, "seed"].map({42: 1.0, 43: 0.98, 44: 0.9}).to_numpy()
    (axes,) = draw_suite({"metrics.parquet": metrics}, looks, {}).axes
    low, high = axes.get_ylim()
    assert low < 0.9
    assert high > 0.99
    for line in axes.lines:
        assert all(low <= y <= high for y in line.get_ydata())


def test_a_poor_optimizer_leaves_the_others_room(small, looks):
    """94 and 95 % stay as far apart beside 15 % as a seventh of the axis that they had without."""
    metrics = small.metrics.copy()
    for name, accuracy in {"sgd": 0.15, "msgd": 0.94, "ngm_sgd": 0.95, "adam": 0.9}.items():
        metrics.loc[(metrics["optimizer"] == name) & (metrics["metric"] == "avg_acc"), "value"] = accuracy

    def share(table):
        (axes,) = draw_suite({"metrics.parquet": table}, looks, {}).axes
        heights = axes.transAxes.inverted().transform(axes.transData.transform([(0, 0.94), (0, 0.95)]))[:, 1]
        return heights[1] - heights[0]

    assert share(metrics) > share(metrics[metrics["optimizer"] != "sgd"]) / 7
    assert share(metrics) > 2 * 0.01 / 0.8  # twice what a linear axis gives


def test_accuracies_have_ticks_that_do_not_touch(suite, looks):
    figure = draw_suite({"metrics.parquet": suite.metrics}, looks, {})
    for axes in figure.axes:
        low, high = axes.get_ylim()
        places = sorted(axes.transData.transform([(0, tick) for tick in axes.get_yticks() if low <= tick <= high])[:, 1])
        assert len(places) >= 3
        assert np.diff(places).min() > 8


def test_many_optimizers_get_a_legend(small, looks):
    twins = [small.metrics[small.metrics["optimizer"] == "sgd"].assign(optimizer=f"own_{number}") for number in range(4)]
    figure = draw_suite({"metrics.parquet": pd.concat([small.metrics, *twins])}, looks, {})
    assert len(figure.legends) == 1


def test_without_any_gap_it_says_so(small, looks):
    metrics = small.metrics.assign(value=small.metrics["value"].where(~small.metrics["metric"].str.startswith("avg_sg")))
    assert "No accuracy above zero at a switch" in texts(draw_suite({"metrics.parquet": metrics}, looks, {}))
