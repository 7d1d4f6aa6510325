"""Axes of accuracies and of gaps."""

import pandas as pd
import pytest

from stability_gap.presentation import scales, style


def panel():
    figure = style.new_figure(3.4, 2.0)
    return figure, figure.subplots()


def test_accuracies_of_0_and_1_are_drawn_inside():
    kept = scales.inside(pd.Series([0.0, 0.5, 1.0]))
    assert 0 < kept[0] < 0.001
    assert kept[1] == 0.5
    assert 0.999 < kept[2] < 1


@pytest.mark.parametrize("which", ["x", "y"])
@pytest.mark.parametrize("limits", [(0.05, 0.99), (0.9, 0.98), (0.952, 0.968)])
def test_ticks_of_accuracy_lie_inside_apart_and_are_percent(which, limits):
    figure, axes = panel()
    scales.set_accuracy_axis(axes, which)
    axes.set(**{f"{which}lim": limits})
    style.freeze(figure)
    scales.choose_ticks(axes, which)
    ticks = axes.get_xticks() if which == "x" else axes.get_yticks()
    assert 3 <= len(ticks) <= 9
    assert all(limits[0] <= tick <= limits[1] for tick in ticks)
    assert (axes.xaxis if which == "x" else axes.yaxis).get_major_formatter()(0.95, 0) == "95"


def test_the_lowest_and_the_highest_accuracy_have_room_for_a_marker():
    low, high = scales.accuracy_limits(pd.Series([0.1, 0.5, 0.98]))
    assert 0 < low < 0.09
    assert 0.982 < high < 1
    alone = scales.accuracy_limits(pd.Series([0.9, 0.9]))
    assert alone[0] < 0.9 < alone[1]


def test_ticks_of_gaps_do_not_touch():
    figure, axes = panel()
    axes.plot([-0.3, 1.0], [0, 0])
    scales.set_gap_axis(axes, "x")
    style.freeze(figure)
    scales.choose_ticks(axes, "x")
    pixels = axes.transData.transform([(tick, 0) for tick in axes.get_xticks()])[:, 0]
    assert len(pixels) >= 3
    assert (pixels[1:] - pixels[:-1]).min() > axes.get_window_extent().width / 6


def test_a_large_gap_leaves_room_for_small_ones():
    _, axes = panel()
    axes.plot([-0.03, 0.01, 0.04, 0.6], [0, 0, 0, 0])
    scales.set_gap_axis(axes, "x")
    places = axes.transAxes.inverted().transform(axes.transData.transform([[x, 0.0] for x in (0.01, 0.04, 0.6)]))[:, 0]
    assert places[1] - places[0] > 0.15  # a linear axis gives them 0.05
    assert places[2] <= 1
    assert {0.0, 0.05, 0.5} <= set(axes.get_xticks())
    assert axes.xaxis.get_major_formatter()(-0.05, 0) == "−0.05"
