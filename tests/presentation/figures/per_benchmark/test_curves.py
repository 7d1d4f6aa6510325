import dataclasses

import numpy as np
import pytest
from drawn import lines_of, texts

from stability_gap.analysis.runs import BenchmarkRuns
from stability_gap.errors import UserError
from stability_gap.presentation import style
from stability_gap.presentation.figures.per_benchmark.curves import draw_benchmark

BENCHMARK = "split_digits"
ADAM = "#CC79A7"


def test_names_contexts_and_seeds(small, looks):
    figure = draw_benchmark(small.runs(BENCHMARK), looks, {})
    for expected in ("Split digits, n = 3 seeds", "context 1", "context 2", "NGM-SGD", "Gain,\noutput layer"):
        assert expected in texts(figure)
    assert len(figure.axes) == 4


def test_draws_the_mean_over_seeds(small, looks):
    runs = small.runs(BENCHMARK)
    first, seen = draw_benchmark(runs, looks, {}).axes[:2]
    of_adam = runs.evaluations[runs.evaluations["optimizer"] == "adam"]
    for axes, rows in ((first, of_adam[of_adam["task"] == 1]), (seen, of_adam)):
        (line,) = lines_of(axes, ADAM)
        np.testing.assert_allclose(line.get_ydata(), rows.groupby("iteration")["accuracy"].mean().to_numpy(), rtol=1e-6)


def test_a_long_stream_keeps_its_minima(suite, looks):
    runs = suite.runs("split_mnist")
    axes = draw_benchmark(runs, looks, {}).axes[0]
    rows = runs.evaluations[(runs.evaluations["optimizer"] == "adam") & (runs.evaluations["task"] == 1)]
    mean = rows.groupby("iteration")["accuracy"].mean()
    (line,) = lines_of(axes, ADAM)
    assert len(line.get_xdata()) < len(mean) / 2
    for start in range(200, 1000, 200):
        here = (line.get_xdata() > start) & (line.get_xdata() <= start + 200)
        assert line.get_ydata()[here].min() == pytest.approx(mean[start + 1 : start + 200].min(), rel=1e-6)


def test_panels_without_data_are_left_out(small, looks):
    runs = small.runs(BENCHMARK)
    evaluations, training = (table[table["optimizer"] != "ngm_sgd"] for table in (runs.evaluations, runs.training))
    figure = draw_benchmark(BenchmarkRuns(BENCHMARK, 10, evaluations, training), looks, {})
    assert len(figure.axes) == 3
    assert "NGM-SGD" not in texts(figure)
    accuracy_alone = BenchmarkRuns(BENCHMARK, 10, evaluations.drop(columns="loss"), training)
    assert len(draw_benchmark(accuracy_alone, looks, {}).axes) == 2


def test_a_diverged_run_is_at_chance_and_named(small, looks):
    evaluations = small.evaluations[BENCHMARK].copy()
    gone = (evaluations["optimizer"] == "adam") & (evaluations["seed"] == 43) & (evaluations["iteration"] > 40)
    evaluations.loc[gone, ["accuracy", "loss"]] = np.nan
    runs = dataclasses.replace(small.runs(BENCHMARK), evaluations=evaluations)
    figure = draw_benchmark(runs, looks, {})
    assert "Adam (1 diverged)" in texts(figure)
    style.render(figure, "png")
    with pytest.raises(UserError, match="classes"):
        draw_benchmark(dataclasses.replace(runs, classes=None), looks, {})


def test_every_optimizer_has_dashes_and_markers_of_its_own(small, looks):
    axes = draw_benchmark(small.runs(BENCHMARK), looks, {}).axes[0]
    wide = [line for line in axes.lines if line.get_linewidth() > 1]
    assert len({line.get_marker() for line in wide}) == len(wide) == 4
    assert len({str(line._unscaled_dash_pattern) for line in wide}) == 4
    assert [line.get_linestyle() for line in wide].count("-") == 1
