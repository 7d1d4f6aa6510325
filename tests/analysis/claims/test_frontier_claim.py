"""Claim 14: what an interval of the gap at equal accuracy says."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from stability_gap.analysis.claims.engine import Terms, judge
from stability_gap.files import METRICS

RIVALS = ("sgd", "msgd", "adam")
NEVER = {"reached": 0.0} | dict.fromkeys(("gap", "difference", "difference_low", "difference_high"), np.nan)


def verdict(names=RIVALS, **rows) -> tuple[str, str]:
    """Verdict and evidence; `rows` change the row of a rival, all of which speak for the claim."""
    for_it = {"gap": 0.3, "difference": 0.2, "difference_low": 0.1, "difference_high": 0.3, "reached": 1.0, "beyond": 0.0}
    shared = {"benchmark": "split", "reference": "first", "accuracy": 0.9, "gap_reference": 0.1, "n": 10}
    table = pd.DataFrame([shared | {"optimizer": rival} | for_it | rows.get(rival, {}) for rival in names])
    metrics = pd.DataFrame([("split", "ngm_sgd_rates_4", 42, "avg_acc", np.nan, 0.9)], columns=METRICS)
    claims = judge(metrics, Terms(incremental={"split": "class"}), evidence={"frontier_gap.csv": table})
    row = claims[(claims["claim"] == 14) & (claims["reference"] == "first")].iloc[0]
    return row["verdict"], row["evidence"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "reproduced"),
        ({"difference_low": -0.01}, "inconclusive"),
        ({"difference_low": -0.3, "difference": -0.2, "difference_high": -0.1}, "not reproduced"),
        ({"reached": 0.5}, "inconclusive"),
        ({"n": 5}, "inconclusive"),
        ({"n": 6}, "reproduced"),
        (NEVER, "inconclusive"),
        ({"beyond": 1.0}, "inconclusive"),
        ({"beyond": 1.0, "difference_low": -0.3, "difference": -0.2, "difference_high": -0.1}, "not reproduced"),
    ],
)
def test_each_rival_must_have_the_larger_gap(change, expected):
    assert verdict(sgd=change)[0] == expected


def test_gaps_at_the_accuracy_of_another_optimizer_say_nothing():
    found, evidence = verdict(names=("ngm_sgd", *RIVALS))
    assert found == "not tested here"
    assert evidence == "the reference of this suite is no member of a sweep of ngm_sgd"


def test_an_accuracy_that_is_never_reached_is_told():
    assert "never reaches final accuracy 0.9 (in 0% of the bootstrap samples)" in verdict(adam=NEVER)[1]
    assert "its smallest rate is more accurate already" in verdict(adam={"beyond": 1.0})[1]


def test_an_undecided_rival_is_told_how_many_seeds_it_needs():
    """As the t test whose 95 % interval is that of the row: here of ten differences with a mean of 0.5 standard deviations."""
    half_width = float(stats.t.ppf(0.975, 9)) * 0.2 / np.sqrt(10)
    undecided = {"difference": 0.1, "difference_low": 0.1 - half_width, "difference_high": 0.1 + half_width}
    needed = int(np.ceil(TTestPower().solve_power(0.5, alpha=0.05, power=0.8)))
    assert f"n 10, about {needed} seeds needed for 80% power: inconclusive" in verdict(sgd=undecided)[1]
    for more_are_no_help in ({}, {"n": 5}, {"reached": 0.5}, {"beyond": 1.0}):
        changed = (undecided if more_are_no_help else {}) | more_are_no_help
        assert "needed" not in verdict(sgd=changed)[1]
