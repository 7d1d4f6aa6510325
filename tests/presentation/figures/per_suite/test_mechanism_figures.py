import numpy as np
import pandas as pd
import pytest
from drawn import lines_of, texts

from stability_gap.analysis.mechanism.around import around_switches
from stability_gap.presentation.figures.per_suite import mechanism, mechanism_path

SNAPSHOTS = (-1, 0, 1, 2, 5, 10, 20, 50, 100, 200)
NGM = "#D55E00"


@pytest.fixture(scope="module")
def table():
    random, parts = np.random.default_rng(0), []
    for benchmark in ("split_digits", "rotated_digits"):
        for optimizer in ("sgd", "ngm_sgd"):
            grid = pd.MultiIndex.from_product([[42, 43, 44], [2, 3], SNAPSHOTS], names=["seed", "context", "since"])
            keys = grid.to_frame(index=False)
            quantities = {*mechanism._PANELS, *mechanism_path._PANELS}
            parts += [
                keys.assign(benchmark=benchmark, optimizer=optimizer, quantity=name, value=random.lognormal(size=len(keys)))
                for name in sorted(quantities)
            ]
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("kind", [mechanism, mechanism_path])
def test_a_row_for_each_benchmark_and_the_means_in_its_panels(table, looks, kind):
    figure = kind.draw_suite({"mechanism.csv": table}, looks, {})
    assert len(figure.axes) == 2 * len(kind._PANELS)
    assert texts(figure).count("n = 3 seeds") == 1
    quantity = next(iter(kind._PANELS))
    rows = table[(table["benchmark"] == "split_digits") & (table["quantity"] == quantity)]
    means = around_switches(rows, quantity, geometric=quantity.startswith("lambda"))
    expected = means.loc[means["optimizer"] == "ngm_sgd", "mean"]
    shown = [line.get_ydata() for axes in figure.axes[:: len(kind._PANELS)] for line in lines_of(axes, NGM)]
    assert any(np.allclose(each, expected) for each in shown)
    assert {"0", "200"} <= {label.get_text() for label in figure.axes[0].get_xticklabels()}


def test_both_curvatures_have_the_same_axis(table, looks):
    raw, effective = mechanism.draw_suite({"mechanism.csv": table}, looks, {}).axes[:2]
    assert raw.get_ylim() == effective.get_ylim()
    assert raw.get_yscale() == "log"


def test_without_runs_says_so(table, looks):
    assert "No run of this suite" in texts(mechanism.draw_suite({"mechanism.csv": table[:0]}, looks, {}))
