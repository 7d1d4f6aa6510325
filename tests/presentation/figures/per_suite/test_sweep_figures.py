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


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    rows = []
    for name, each in MEMBERS.items():
        for seed in (1, 2, 3):
            of = {
                "avg_acc": 0.6 + 0.1 * each["number"] - 0.01 * seed,
                "avg_sg_first": 0.1 * each["number"] + 0.01 * seed,
                "diverged": 0.0,
            }
            of["avg_sg_previous"] = 2 * of["avg_sg_first"]
            rows += [("split", name, seed, metric, np.nan, value) for metric, value in of.items()]
    metrics = pd.DataFrame(rows, columns=METRICS)
    gaps = frontier_gaps(metrics, MEMBERS, "ngm_sgd_rates_2", 20, 0)
    return {"metrics.parquet": metrics, "frontier.csv": frontier_table(metrics, MEMBERS), "frontier_gap.csv": gaps}


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
    assert "below 70 %: sgd 1, ngm_sgd 1 of 3 rates" in texts(figure)
    level = tables["frontier_gap.csv"]["accuracy"].iloc[0]
    assert any(np.allclose(line.get_xdata(), level) for line in panels[0].lines if len(line.get_xdata()) == 2)
    assert style.render(figure, "png") == style.render(frontier.draw_suite(tables, LOOKS, {}), "png")


def test_every_configuration_is_a_dot_and_those_with_a_gain_have_colours():
    rows = [
        {"benchmark": "split", "optimizer": base, "learning_rate": rate, "final": rate, "avg_sg_previous": 1 - rate}
        | {"gain.gamma": 1 - rate if base == "ngm_sgd" else np.nan, "gain.eta": rate if base == "ngm_sgd" else np.nan}
        | {"selected_final": rate == 0.5, "selected_anytime": rate == 0.1}
        for base in ("sgd", "ngm_sgd")
        for rate in (0.1, 0.2, 0.5)
    ]
    table = pd.DataFrame(rows)
    figure = sensitivity.draw_suite({"selection.csv": table}, LOOKS, {})
    titled = [axes for axes in figure.axes if axes.get_xlabel() in ("Learning rate", "1 − γ")]
    assert [axes.get_xlabel() for axes in titled] == ["Learning rate", "Learning rate", "1 − γ", "1 − γ"]
    dots, ring, square = (np.asarray(each.get_offsets()) for each in titled[0].collections)
    np.testing.assert_allclose(np.sort(dots[:, 1]), np.sort(table["final"]))
    assert (set(ring[:, 0]), set(square[:, 0])) == ({0.5}, {0.1})
    assert len(titled[2].collections[0].get_offsets()) == 3
    plain = sensitivity.draw_suite({"selection.csv": table[table["optimizer"] == "sgd"]}, LOOKS, {})
    assert len(plain.axes) == 2
