"""What figures and tables show, computed by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from stability_gap.analysis import figure_data
from stability_gap.errors import UserError


def stream(accuracy, optimizer="a", seed=1, length=4, tasks=(1,)) -> pd.DataFrame:
    """Evaluations of blocks of `length` updates; the same accuracy for every task seen."""
    rows = [
        (optimizer, seed, t, (t - 1) // length + 1, task, value, 0.5)
        for t, value in enumerate(accuracy, start=1)
        for task in tasks
        if task <= (t - 1) // length + 1
    ]
    return pd.DataFrame(rows, columns=["optimizer", "seed", "iteration", "context", "task", "accuracy", "loss"])


@pytest.mark.parametrize("every", [1, 2, 5])
def test_a_context_starts_after_the_last_update_of_the_one_before(every):
    iterations = range(every, 31, every)  # three contexts of ten updates
    evaluations = pd.DataFrame({"iteration": iterations, "context": [(iteration - 1) // 10 + 1 for iteration in iterations]})
    assert figure_data.context_starts(evaluations) == {1: 1, 2: 11, 3: 21}


def test_seeds_and_diverged_seeds_are_counted():
    tables = [stream([0.5] * 4, seed=1), stream([0.5, 0.5, np.nan, np.nan], seed=2), stream([0.5] * 4, "b")]
    counts = figure_data.seed_counts(pd.concat(tables))
    assert counts.to_dict("list") == {"optimizer": ["a", "b"], "n": [2, 1], "diverged": [1, 0]}
    shorter = figure_data.seed_counts(pd.concat([*tables, stream([0.5, np.nan], "c")]))
    assert shorter["diverged"].tolist() == [1, 0, 1]  # evaluated last at another update than the others


def test_curves_by_hand():
    evaluations = pd.concat([stream([0.2, 0.4], seed=1), stream([0.4, np.nan], seed=2)])
    training = evaluations[["optimizer", "seed", "iteration"]].assign(gain_output=[1.0, 1.5, 1.0, 2.5], gain_hidden=9.0)
    made = figure_data.curves(evaluations, training, classes=10)
    np.testing.assert_allclose(made["first"]["mean"], [0.3, 0.25])  # chance where a run diverged
    np.testing.assert_allclose(made["gain"]["mean"], [1.0, 2.0])
    assert made["loss"]["n"].tolist() == [2, 2]
    with pytest.raises(UserError, match="classes"):
        figure_data.curves(evaluations, training)


def test_what_is_not_there_is_an_empty_curve():
    evaluations = stream([0.2, 0.4])
    for training in (evaluations.assign(gain_output=1.0), evaluations[["optimizer", "seed", "iteration"]]):
        assert figure_data.curves(evaluations, training)["gain"].empty
    assert figure_data.curves(evaluations.drop(columns="loss"), evaluations)["loss"].empty


def test_seen_weighs_tasks_alike_and_then_seeds():
    evaluations = stream([0.5] * 4 + [0.2, 0.2, 0.2, 0.2], tasks=(1, 2))
    evaluations.loc[evaluations["task"] == 2, "accuracy"] = 0.6
    np.testing.assert_allclose(figure_data.curves(evaluations, evaluations)["seen"]["mean"], [0.5] * 4 + [0.4] * 4)


def curve(length: int, optimizer: str = "a", seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    mean = rng.uniform(0.5, 1, length)
    table = pd.DataFrame({"optimizer": optimizer, "iteration": np.arange(1, length + 1), "mean": mean, "low": mean, "high": mean})
    return table.assign(n=3)


def test_a_thinned_curve_keeps_what_is_measured_on_it():
    starts, dense = [1, 1001, 2001], figure_data.DENSE
    whole = pd.concat([curve(3000), curve(3000, "b", 1)], ignore_index=True)
    thin = figure_data.thinned(whole, starts)
    assert thin["iteration"].nunique() < 400
    for name, rows in whole.groupby("optimizer"):
        kept = thin[thin["optimizer"] == name].set_index("iteration")["mean"]
        for start in starts:
            block = rows[rows["iteration"].between(start, start + 999)]
            shown = kept[(kept.index >= start) & (kept.index <= start + 999)]
            assert (shown.min(), shown.max()) == (block["mean"].min(), block["mean"].max())
            assert set(range(start, start + dense)) | {start + 999} <= set(shown.index)
    merged = thin.merge(whole, on=["optimizer", "iteration"], suffixes=("", "_whole"))
    assert (merged["mean"] == merged["mean_whole"]).all()


def test_a_short_curve_is_kept_whole_and_many_contexts_stay_few_points():
    assert len(figure_data.thinned(curve(360), [1])) == 360
    many = curve(20_000)
    assert len(figure_data.thinned(many, list(range(1, 20_000, 200)))) < 900


def test_a_curve_without_values_beside_others_is_thinned_too():
    empty = curve(3000, "b", 1).assign(mean=np.nan, low=np.nan, high=np.nan)
    thin = figure_data.thinned(pd.concat([curve(3000), empty], ignore_index=True), [1, 1001, 2001])
    alone = figure_data.thinned(curve(3000), [1, 1001, 2001])
    assert set(thin["iteration"]) == set(alone["iteration"])
    assert thin.loc[thin["optimizer"] == "b", "mean"].isna().all()


def test_windows_are_relative_to_the_switch_and_end_with_the_block():
    accuracy = [0.5, 0.6, 0.7, 0.8, 0.4, 0.6, 0.8, 1.0, 0.5, 0.5, 0.5, 0.5]
    windows = figure_data.switch_windows(stream(accuracy, tasks=(1, 2, 3)), before=2, after=50)
    first = windows[(windows["switch"] == 2) & (windows["panel"] == "first")]
    assert first["since"].tolist() == [-2, -1, 0, 1, 2, 3, 4]
    np.testing.assert_allclose(first["relative"], np.array(accuracy[1:8]) / 0.8)
    assert set(windows.loc[windows["switch"] == 2, "panel"]) == {"first"}  # the mean over old tasks is task 1 there
    assert set(windows.loc[windows["switch"] == 3, "panel"]) == {"first", "old"}


def test_a_curve_without_an_evaluation_at_the_switch_is_relative_to_its_last_one_before():
    dense, sparse = stream([0.5, 0.6, 0.7, 0.8, 0.2, 0.4, 0.6, 0.8]), stream([0.5, 0.6, 0.7, 0.8, 0.2, 0.4, 0.6, 0.8], "b")
    windows = figure_data.switch_windows(pd.concat([dense, sparse[sparse["iteration"] % 2 == 1]]))
    relative = windows[windows["optimizer"] == "b"].set_index("since")["relative"]
    np.testing.assert_allclose(relative[[-1, 1, 3]], [1, 0.2 / 0.7, 0.6 / 0.7])
    assert windows[windows["optimizer"] == "a"].set_index("since")["relative"][0] == 1


def test_old_tasks_are_averaged_before_they_are_compared():
    evaluations = stream([0.8] * 8 + [0.4] * 4, tasks=(1, 2, 3))
    evaluations.loc[evaluations["task"] == 2, "accuracy"] = 0.4
    old = figure_data.switch_windows(evaluations, after=1).query("panel == 'old' and since == 1")["relative"]
    np.testing.assert_allclose(old, (0.4 + 0.4) / (0.8 + 0.4))


def test_no_accuracy_at_the_switch_is_undefined_and_one_context_empty():
    assert figure_data.switch_windows(stream([0.0] * 8))["relative"].isna().all()
    assert figure_data.switch_windows(stream([0.5] * 4)).empty
    assert set(figure_data.switch_windows(stream([0.5] * 12), switches=[3])["switch"]) == {3}


def test_the_shown_range_holds_the_means_and_every_fall_but_not_every_rise():
    values = pd.DataFrame({"relative": [0.1, *np.linspace(0.9, 1.0, 98), 4.0]})
    low, high = figure_data.shown_range(values, pd.DataFrame({"mean": [0.85, 0.95]}))
    assert low == 0.1
    assert 0.99 < high <= 1.0
    assert figure_data.shown_range(values, pd.DataFrame({"mean": [0.85, 1.5]})) == (0.1, 1.5)


def test_modulated_gains_leave_out_a_gain_of_one():
    rows = [("b", name, 1, "mean_gain", k, value) for name, value in (("on", 1.5), ("off", 1.0)) for k in (1, 2)]
    table = pd.DataFrame(rows, columns=["benchmark", "optimizer", "seed", "metric", "context", "value"])
    assert set(figure_data.modulated_gains(table)["optimizer"]) == {"on"}


def test_whole_stream_puts_metrics_side_by_side():
    rows = [("b", "a", seed, name, None, seed / 10) for seed in (1, 2) for name in ("avg_acc", "bwt")]
    table = pd.DataFrame(rows, columns=["benchmark", "optimizer", "seed", "metric", "context", "value"])
    assert figure_data.whole_stream(table, ["avg_acc", "absent"]).columns.tolist() == [
        "benchmark",
        "optimizer",
        "seed",
        "avg_acc",
    ]
    with pytest.raises(ValueError, match="duplicate"):
        figure_data.whole_stream(pd.concat([table, table]), ["avg_acc"])


@pytest.mark.parametrize(
    ("better", "best"), [("higher", [False, True, True]), ("lower", [True, False, False]), (None, [False] * 3)]
)
def test_best_means_are_those_that_print_the_same(better, best):
    assert figure_data.best_means(pd.Series([0.1, 0.947, 0.9471]), 3, better).tolist() == best


def test_undefined_means_are_never_best():
    assert figure_data.best_means(pd.Series([np.nan, 0.2]), 3, "higher").tolist() == [False, True]
    assert figure_data.best_means(pd.Series([np.nan, np.nan]), 3, "lower").tolist() == [False, False]


def test_t_interval():
    values = [1.0, 2.0, 4.0]
    expected = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    np.testing.assert_allclose(figure_data.t_interval(values), expected)
    assert np.isnan(figure_data.t_interval([1.0])).all()
