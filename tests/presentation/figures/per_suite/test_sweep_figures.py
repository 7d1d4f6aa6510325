"""Figures of sweeps: the frontier and the sensitivity to settings."""

import numpy as np
import pandas as pd
import pytest
from drawn import texts
from matplotlib.colors import to_hex

from stability_gap.analysis.frontier import frontier_gaps, frontier_table
from stability_gap.files import METRICS
from stability_gap.presentation import style
from stability_gap.presentation.figures.per_suite import frontier, sensitivity
from stability_gap.presentation.looks import looks_from

RATES = (0.01, 0.1, 1.0)
MEMBERS = {
    f"{base}_rates_{number}": {"sweep": "rates", "optimizer": base, "number": number, "values": {"learning_rate": rate}}
    for base in ("sgd", "ngm_sgd")
    for number, rate in enumerate(RATES, 1)
}
LOOKS = looks_from(
    {"optimizers": {"sgd": {"colour": "#009E73"}, "ngm_sgd": {"colour": "#D55E00"}} | {name: {} for name in MEMBERS}},
    "ngm_sgd_rates_2",
)


def make_tables(members=MEMBERS, best: float = 0.9) -> dict[str, pd.DataFrame]:
    """Accuracy rises by 0.1 from rate to rate, almost up to `best`; of SGD, the rate that ends worst diverged once."""
    rows = []
    for name, each in members.items():
        for seed in (1, 2, 3):
            of = {
                "avg_acc": best - 0.3 + 0.1 * each["number"] - 0.01 * seed,
                "avg_sg_first": 0.1 * each["number"] + 0.01 * seed,
                "diverged": float(name == "sgd_rates_1" and seed == 1),
            }
            of["avg_sg_previous"] = 2 * of["avg_sg_first"]
            rows += [("split", name, seed, metric, np.nan, value) for metric, value in of.items()]
    metrics = pd.DataFrame(rows, columns=METRICS)
    gaps = frontier_gaps(metrics, members, "ngm_sgd_rates_2", 20, 0)
    return {"metrics.parquet": metrics, "frontier.csv": frontier_table(metrics, members), "frontier_gap.csv": gaps}


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return make_tables()


def stands_at(axes, accuracy: float) -> bool:
    """Whether a vertical line stands there."""
    return any(np.allclose(line.get_xdata(), accuracy) for line in axes.lines if len(line.get_xdata()) == 2)


def test_a_curve_leads_through_the_means_of_the_rates_from_small_to_large(tables):
    figure = frontier.draw_suite(tables, LOOKS, {})
    panels = figure.axes
    assert [axes.get_ylabel() for axes in panels] == ["Gap, task 1", "Gap, task before"]  # the net gap was not measured
    means = tables["frontier.csv"].sort_values(["optimizer", "learning_rate"])
    curves = {to_hex(line.get_color()).upper(): line for line in panels[0].lines if len(line.get_xdata()) == len(RATES)}
    for optimizer, colour in (("sgd", "#009E73"), ("ngm_sgd", "#D55E00")):
        points = means[means["optimizer"] == optimizer]
        np.testing.assert_allclose(curves[colour].get_ydata(), points["avg_sg_first_mean"])
        np.testing.assert_allclose(curves[colour].get_xdata(), points["avg_acc_mean"].where(points["avg_acc_mean"] >= 0.7))
    assert "below 70 %: ngm_sgd 1 of 3 rates\ndiverged: sgd 1 of 3 rates" in texts(figure)
    assert stands_at(panels[0], tables["frontier_gap.csv"]["accuracy"].iloc[0])
    assert style.render(figure, "png") == style.render(frontier.draw_suite(tables, LOOKS, {}), "png")


def test_where_every_rate_ends_below_the_limit_all_are_drawn():
    figure = frontier.draw_suite(make_tables(best=0.5), LOOKS, {})
    assert "every rate ends below 70 %\ndiverged: sgd 1 of 3 rates" in texts(figure)
    curves = [line for line in figure.axes[0].lines if len(line.get_xdata()) == len(RATES)]
    low, high = figure.axes[0].get_xlim()
    assert len(curves) == 2
    assert all(low < accuracy < high for curve in curves for accuracy in curve.get_xdata())
    assert style.render(figure, "png")


def test_an_optimizer_that_is_varied_alone_has_the_accuracy_of_the_reference():
    alone = make_tables({name: each for name, each in MEMBERS.items() if each["optimizer"] == "ngm_sgd"})
    assert alone["frontier_gap.csv"].empty
    points = alone["frontier.csv"].set_index("member")
    assert stands_at(frontier.draw_suite(alone, LOOKS, {}).axes[0], points["avg_acc_mean"]["ngm_sgd_rates_2"])


def grid(rate: str | None = "learning_rate", **more) -> pd.DataFrame:
    """selection.csv: three configurations of SGD and of NGM-SGD, whose rate stands under the key `rate`; None: it is fixed."""
    rows = [
        {"benchmark": "split", "optimizer": base, "number": number, "final": value, "avg_sg_previous": 1 - value}
        | {"learning_rate": value if base == "sgd" else np.nan}
        | ({"gain.gamma": 1 - value, "gain.eta": value} | ({rate: value} if rate else {}) if base == "ngm_sgd" else {})
        | {"selected_final": value == 0.5, "selected_anytime": value == 0.1}
        for base in ("sgd", "ngm_sgd")
        for number, value in enumerate((0.1, 0.2, 0.5), 1)
    ]
    return pd.DataFrame(rows).assign(**more)


def test_every_configuration_is_a_dot_and_those_with_a_gain_have_colours():
    table = grid(n=3)
    figure = sensitivity.draw_suite({"selection.csv": table}, LOOKS, {})
    titled = [axes for axes in figure.axes if axes.get_xlabel() in ("Learning rate", "1 − γ")]
    assert [axes.get_xlabel() for axes in titled] == ["Learning rate", "Learning rate", "1 − γ", "1 − γ"]
    dots, ring, square = (np.asarray(each.get_offsets()) for each in titled[0].collections)
    np.testing.assert_allclose(np.sort(dots[:, 1]), np.sort(table["final"]))
    assert (set(ring[:, 0]), set(square[:, 0])) == ({0.5}, {0.1})
    assert len(titled[2].collections[0].get_offsets()) == 3
    assert "Validation, on images held out from training, n = 3 seeds" in texts(figure)
    plain = sensitivity.draw_suite({"selection.csv": table[table["optimizer"] == "sgd"]}, LOOKS, {})
    assert len(plain.axes) == 2


@pytest.mark.parametrize(
    ("table", "place", "columns"),
    [
        (grid("learning_rate.base"), "Learning rate", ["learning_rate", "learning_rate.base"]),
        (grid(None), "Configuration", ["number"]),
        (grid(None).query("optimizer == 'ngm_sgd'").drop(columns="learning_rate"), "Configuration", ["number"]),
    ],
)
def test_a_rate_within_a_block_is_a_rate_and_where_one_is_fixed_configurations_are_numbered(table, place, columns):
    figure = sensitivity.draw_suite({"selection.csv": table}, LOOKS, {})
    (left, *_) = figure.axes
    assert left.get_xlabel() == place
    expected = table[columns].to_numpy().ravel()
    np.testing.assert_allclose(np.sort(left.collections[0].get_offsets()[:, 0]), np.sort(expected[~np.isnan(expected)]))
    np.testing.assert_array_less(0, figure.axes[2].collections[0].get_sizes())
    assert style.render(figure, "png")
