import pandas as pd
import pytest
from claim_tables import CLASS, accuracies, gaps, verdict

from stability_gap.analysis.claims import INCONCLUSIVE, NOT_REPRODUCED, NOT_TESTED, REPRODUCED


@pytest.mark.parametrize(
    ("gap", "accuracy", "expected"),
    [(0.1, 0.5, REPRODUCED), (0.1, 0.9, INCONCLUSIVE), (0.1, 0.95, NOT_REPRODUCED), (0.3, 0.5, NOT_REPRODUCED)],
)
def test_claim_8(gap, accuracy, expected):
    for fixed in ("ngm_fixed_gain", "msgd_plain_head"):  # the same learner on a CNN
        metrics = pd.concat([gaps(**{fixed: gap}, ngm_sgd=0.2), accuracies(**{fixed: accuracy}, ngm_sgd=0.9)])
        found, evidence = verdict(8, metrics, CLASS, "first")
        assert found == expected
        assert f"avg_acc {fixed} against ngm_sgd" in evidence
    assert verdict(8, gaps(ngm_sgd=0.2), CLASS, "first") == (NOT_TESTED, "missing: ngm_fixed_gain")


@pytest.mark.parametrize(
    ("reset", "expected"), [(0.2, REPRODUCED), (0.4, NOT_REPRODUCED), (0.05, NOT_REPRODUCED), (0.3, INCONCLUSIVE)]
)
def test_claim_9(reset, expected):
    metrics = gaps(ngm_sgd=0.1, msgd=0.3, adam=0.3, msgd_reset=0.2, adam_reset=reset)
    assert verdict(9, metrics, CLASS, "previous")[0] == expected


@pytest.mark.parametrize(("entropy", "expected"), [(0.5, REPRODUCED), (0.4, INCONCLUSIVE), (0.2, NOT_REPRODUCED)])
def test_claim_10(entropy, expected):
    found, evidence = verdict(10, gaps(entropy_lr=entropy, ngm_sgd=0.1, sgd=0.05, msgd=0.3, adam=0.4), CLASS, "first")
    assert found == expected
    assert evidence.count("against entropy_lr") == 4


def test_claim_12_is_claim_1_on_streams_with_replay():
    metrics = gaps(ngm_sgd=0.1, msgd=0.3, adam=0.4)
    replay = CLASS.model_copy(update={"sampling": {"b": "replay"}})
    assert verdict(12, metrics, replay, "first") == verdict(1, metrics, CLASS, "first")
    assert verdict(12, metrics, CLASS, "first") == (NOT_TESTED, "about streams with replay")


@pytest.mark.parametrize(
    ("gap", "accuracy", "expected"),
    [(0.2, 0.9, REPRODUCED), (0.2, 0.95, NOT_REPRODUCED), (0.1, 0.9, INCONCLUSIVE), (0.05, 0.5, NOT_REPRODUCED)],
)
def test_claim_13_at_the_matched_rate(gap, accuracy, expected):
    metrics = pd.concat([gaps(sgd_matched=gap, ngm_sgd=0.1), accuracies(sgd_matched=accuracy, ngm_sgd=0.9)])
    assert verdict(13, metrics, CLASS, "first", "sgd_matched")[0] == expected
    assert verdict(13, metrics, CLASS, "first", "ngm_sgd_tuned_final")[0] == NOT_TESTED


@pytest.mark.parametrize("criterion", ["final", "anytime"])
def test_claim_13_after_tuning_is_against_the_tuned(criterion):
    tuned = {f"{optimizer}_tuned_{criterion}": value for optimizer, value in [("ngm_sgd", 0.1), ("sgd", 0.2), ("msgd", 0.3)]}
    adam = f"adam_tuned_{criterion}"
    level = accuracies(**dict.fromkeys([*tuned, adam], 0.9))
    for gap, expected in ((0.3, REPRODUCED), (0.02, NOT_REPRODUCED)):
        metrics = pd.concat([gaps(**tuned, **{adam: gap}), level])
        assert verdict(13, metrics, CLASS, "first", f"ngm_sgd_tuned_{criterion}")[0] == expected
    lacking = pd.concat([gaps(**tuned), level])
    assert verdict(13, lacking, CLASS, "first", f"ngm_sgd_tuned_{criterion}") == (NOT_TESTED, f"missing: avg_sg_first of {adam}")


@pytest.mark.parametrize(("average", "expected"), [(0.2, REPRODUCED), (0.05, NOT_REPRODUCED)])
def test_claim_15(average, expected):
    assert verdict(15, gaps(ngm_sgd=0.1, msgd_ema=average), CLASS, "first")[0] == expected
