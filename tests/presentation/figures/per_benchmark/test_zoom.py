import dataclasses

import numpy as np
import pytest
from drawn import lines_of, texts

from stability_gap.errors import UserError
from stability_gap.presentation.figures.per_benchmark.zoom import AFTER, BEFORE, draw_benchmark

ADAM = "#CC79A7"


def panels(figure) -> list:
    return [axes for axes in figure.axes if axes.axison]


def test_no_panel_is_drawn_twice(suite, small, looks):
    assert len(panels(draw_benchmark(suite.runs("split_mnist"), looks, {}))) == 4 + 3
    assert len(panels(draw_benchmark(small.runs("split_digits"), looks, {}))) == 1


def test_shows_the_chosen_switches(suite, looks):
    figure = draw_benchmark(suite.runs("split_mnist"), looks, {}, switches=[3])
    assert "switch to task 3" in texts(figure)
    assert "switch to task 2" not in texts(figure)


def test_a_seed_starts_from_one_and_falls_by_its_stability_gap(small, looks):
    axes = panels(draw_benchmark(small.runs("split_digits"), looks, {}))[0]
    seeds = [line for line in axes.lines if line.get_linewidth() < 0.5 and line.get_color() == ADAM]
    assert len(seeds) == 3
    gaps = small.metrics[(small.metrics["metric"] == "sg_first") & (small.metrics["optimizer"] == "adam")]["value"]
    falls = []
    for line in seeds:
        x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
        assert y[x == 0] == pytest.approx(1)
        falls.append(1 - y[x > 0].min())
    np.testing.assert_allclose(sorted(falls), sorted(gaps), rtol=1e-6)


def test_the_window_ends_at_the_next_switch(suite, small, looks):
    for runs, last in ((suite.runs("split_mnist"), AFTER), (small.runs("split_digits"), 30)):
        (line,) = lines_of(panels(draw_benchmark(runs, looks, {}))[0], ADAM)
        assert (min(line.get_xdata()), max(line.get_xdata())) == (-BEFORE, last)


def test_a_poor_optimizer_does_not_squeeze_the_others(small, looks):
    """Half its accuracy everywhere: the same curve in percent of the accuracy at the switch, the same axis."""
    runs = small.runs("split_digits")
    poor = runs.evaluations.copy()
    poor.loc[poor["optimizer"] == "sgd", "accuracy"] /= 2
    limits = [
        panels(draw_benchmark(dataclasses.replace(runs, evaluations=each), looks, {}))[0].get_ylim()
        for each in (runs.evaluations, poor)
    ]
    np.testing.assert_allclose(*limits)


def test_limits_come_from_the_data(small, looks):
    runs = small.runs("split_digits")
    level = runs.evaluations.assign(accuracy=0.75 + 0.2 * runs.evaluations["accuracy"])
    low, high = panels(draw_benchmark(dataclasses.replace(runs, evaluations=level), looks, {}))[0].get_ylim()
    assert 0.7 < low < high < 1.1


def test_one_context_says_so(small, looks):
    runs = small.runs("split_digits")
    one = dataclasses.replace(runs, evaluations=runs.evaluations[runs.evaluations["context"] == 1])
    assert "no context switch" in texts(draw_benchmark(one, looks, {}))


def test_a_diverged_run_needs_the_number_of_classes(small, looks):
    evaluations = small.evaluations["split_digits"].copy()
    gone = (evaluations["optimizer"] == "adam") & (evaluations["seed"] == 43) & (evaluations["iteration"] > 40)
    evaluations.loc[gone, "accuracy"] = np.nan
    runs = dataclasses.replace(small.runs("split_digits"), evaluations=evaluations)
    assert "Adam (1 diverged)" in texts(draw_benchmark(runs, looks, {}))
    with pytest.raises(UserError, match="classes"):
        draw_benchmark(dataclasses.replace(runs, classes=None), looks, {})


def test_runs_that_know_nothing_at_any_switch_say_so(small, looks):
    """An accuracy of zero has no percent: other panels stay, and where there is none the figure says why."""
    runs = small.runs("split_digits")
    nothing = runs.evaluations.assign(accuracy=0.0)
    assert "no accuracy above zero at a switch" in texts(
        draw_benchmark(dataclasses.replace(runs, evaluations=nothing), looks, {})
    )
    of_one = nothing.assign(accuracy=runs.evaluations["accuracy"].where(runs.evaluations["optimizer"] == "sgd", 0.0))
    assert "Accuracy (% of that at the switch)" in texts(draw_benchmark(dataclasses.replace(runs, evaluations=of_one), looks, {}))
