import numpy as np
import pandas as pd
import pytest
from claim_tables import CLASS, DOMAIN, PAPER, accuracies, rows, verdict

from stability_gap.analysis.claims import INCONCLUSIVE, NOT_REPRODUCED, REPRODUCED


@pytest.mark.parametrize(
    ("ngm", "margin", "expected"),
    [
        (0.92, 0.02, REPRODUCED),
        (0.90, 0.02, REPRODUCED),
        (0.88, 0.02, INCONCLUSIVE),
        (0.88, 0.05, REPRODUCED),
        (0.85, 0.02, NOT_REPRODUCED),
    ],
)
def test_claim_3(ngm, margin, expected):
    metrics = accuracies(ngm_sgd=ngm, sgd=0.8, msgd=0.9, adam=0.85)
    found, evidence = verdict(3, metrics, CLASS.model_copy(update={"accuracy_margin": margin}))
    assert found == expected
    assert evidence.startswith(f"margin {margin:g}, n 10; avg_acc ngm_sgd {ngm:.4g} against sgd 0.8: difference ")
    assert evidence.count("against") == 3


def test_claim_3_holds_against_every_rival_not_the_one_with_the_best_mean():
    even = np.arange(10) % 2 == 0
    # msgd has the best mean, adam is nearly as good but far from ngm_sgd in every other seed
    noisy = 0.9 + np.where(even, 0.2, -0.201)
    metrics = accuracies(ngm_sgd=0.9, sgd=0.8, msgd=np.full(10, 0.9), adam=noisy)
    assert verdict(3, metrics)[0] == INCONCLUSIVE


def test_claim_3_of_one_seed_is_inconclusive_not_untested():
    metrics = pd.concat([rows(optimizer, "avg_acc", 0.9, seeds=1) for optimizer in PAPER])
    assert verdict(3, metrics) == (INCONCLUSIVE, "avg_acc n=1: no test")


def bursts(rise, decay, placebo_rise, placebo_decay):
    named = {"gain_rise": rise, "gain_decay": decay, "placebo_gain_rise": placebo_rise, "placebo_gain_decay": placebo_decay}
    return pd.concat([rows("ngm_sgd", metric, *values, first=2) for metric, values in named.items()])


@pytest.mark.parametrize(
    ("rise", "decay", "expected"),
    [
        ((1.0, 0.8), (0.9, 0.7), REPRODUCED),
        ((1.0, 0.1), (0.9, 0.7), NOT_REPRODUCED),  # at the second switch no more of a rise than at the placebo switch
        ((1.0, 0.8), (0.9, 0.15), NOT_REPRODUCED),  # likewise its decay
        ((1.0, 0.15), (0.9, 0.7), INCONCLUSIVE),  # the net rise is the margin
    ],
)
def test_claim_5_is_net_of_a_placebo_switch(rise, decay, expected):
    found, evidence = verdict(5, bursts(rise, decay, (0.1, 0.1), (0.15, 0.15)))
    assert found == expected
    assert evidence.startswith("switch to 2, placebo rise + 0.05 against rise: 0.15 and 1,")
    assert evidence.count("switch to 3,") == 2


def test_claim_5_margin_is_a_parameter():
    metrics = bursts((0.14, 0.14), (0.14, 0.14), (0.1, 0.1), (0.1, 0.1))
    assert verdict(5, metrics)[0] != REPRODUCED
    assert verdict(5, metrics, CLASS.model_copy(update={"burst_margin": 0.0}))[0] == REPRODUCED


RISE, LEVEL, FALL, NEARLY = (1.5, 1.7, 1.9, 2.1), (2.8, 2.81, 2.8, 2.79), (2.1, 1.9, 1.7, 1.5), (1.0, 1.1, 1.2, 1.3)


@pytest.mark.parametrize(
    ("curve", "terms", "expected"),
    [
        (RISE, CLASS, REPRODUCED),
        (FALL, CLASS, NOT_REPRODUCED),
        (LEVEL, CLASS, NOT_REPRODUCED),
        (NEARLY, CLASS, INCONCLUSIVE),
        (LEVEL, DOMAIN, REPRODUCED),
        (RISE, DOMAIN, NOT_REPRODUCED),
        (FALL, DOMAIN, NOT_REPRODUCED),
        (NEARLY, DOMAIN, INCONCLUSIVE),
        (NEARLY, DOMAIN.model_copy(update={"slope_margin": 0.15}), REPRODUCED),
        (NEARLY, CLASS.model_copy(update={"slope_margin": 0.15}), NOT_REPRODUCED),
    ],
)
def test_claim_6(curve, terms, expected):
    assert verdict(6, rows("ngm_sgd", "mean_gain", *curve, first=1), terms)[0] == expected


def test_claim_6_slope_by_hand():
    # least squares through (1, 1), (2, 3), (3, 2): slope 1/2
    constant = [np.full(10, value) for value in (1.0, 3.0, 2.0)]
    found, evidence = verdict(6, rows("ngm_sgd", "mean_gain", *constant, first=1))
    assert found == REPRODUCED
    assert evidence == "mean gain per task 1 3 2, slope 0.5: 95% t interval [0.5, 0.5], margin 0.1, n 10: rises"


def test_claim_6_leaves_out_seeds_without_a_gain_and_says_how_many_remain():
    metrics = rows("ngm_sgd", "mean_gain", *RISE, first=1)
    metrics.loc[(metrics["seed"] == 3) & (metrics["context"] == 4), "value"] = np.nan
    found, evidence = verdict(6, metrics)
    assert found == REPRODUCED
    assert evidence.endswith("n 9: rises")
