import numpy as np
import pandas as pd
import pytest
from claim_tables import CLASS, DOMAIN, PAPER, REFERENCES, gaps, rows, verdict, verdicts

from stability_gap.analysis.claims import INCONCLUSIVE, NOT_ASSESSABLE, NOT_REPRODUCED, NOT_TESTED, REPRODUCED, gap


@pytest.mark.parametrize(
    ("msgd", "adam", "expected"),
    [
        (0.3, 0.4, REPRODUCED),
        (0.3, 0.1, INCONCLUSIVE),
        (0.3, 0.02, NOT_REPRODUCED),
        (0.02, 0.02, NOT_REPRODUCED),
    ],
)
def test_claim_1(msgd, adam, expected):
    found, evidence = verdict(1, gaps(ngm_sgd=0.1, sgd=0.05, msgd=msgd, adam=adam), reference="previous")
    assert found == expected
    assert evidence.startswith("avg_sg_previous ngm_sgd against msgd: 0.1 and ")
    assert "; avg_sg_previous ngm_sgd against adam: " in evidence


def test_claim_1_is_adjusted_for_its_two_comparisons_whatever_else_the_suite_has():
    metrics = gaps(ngm_sgd=0.1, msgd=0.3, adam=0.4)
    more = pd.concat([metrics, *(gaps(**{f"ablation_{i}": 0.2 + i}) for i in range(8))])
    assert verdict(1, more, reference="first") == verdict(1, metrics, reference="first")
    assert f"Holm p {2 * 2 / 1024:.3g}, n 10" in verdict(1, metrics, reference="first")[1]


@pytest.mark.parametrize("rival", [0.9, 0.0])
def test_five_seeds_cannot_decide_and_say_so(rival):
    found, evidence = verdict(1, gaps(5, ngm_sgd=0.4, msgd=rival, adam=rival), reference="first")
    assert found == INCONCLUSIVE
    assert "n 5 (cannot reach 0.05): inconclusive" in evidence


@pytest.mark.parametrize(("sgd", "expected"), [(0.2, REPRODUCED), (0.1, INCONCLUSIVE), (0.05, NOT_REPRODUCED)])
def test_claim_2(sgd, expected):
    found, evidence = verdict(2, gaps(ngm_sgd=0.1, sgd=sgd), reference="first")
    assert found == expected
    assert "the paper has them equal" not in evidence


@pytest.mark.parametrize(
    ("sgd", "expected"), [(0.2, NOT_REPRODUCED), (0.105, REPRODUCED), (0.12, INCONCLUSIVE), (0.0, NOT_REPRODUCED)]
)
def test_claim_2_where_the_paper_has_them_equal(sgd, expected, monkeypatch):
    monkeypatch.setattr(gap, "EQUAL_GAP_BENCHMARKS", ("b",))
    found, evidence = verdict(2, gaps(ngm_sgd=0.1, sgd=sgd), DOMAIN, "first")
    assert found == expected
    assert evidence.startswith("the paper has them equal here: 95% t interval [")


def test_claim_2_is_not_assessable_where_a_gap_is_not_told_from_its_placebo():
    metrics = gaps(ngm_sgd=0.1, sgd=0.2)
    net = gaps(metric="avg_net_sg", ngm_sgd=0.08, sgd=0.001)
    found, evidence = verdict(2, pd.concat([metrics, net]), reference="first")
    assert found == NOT_ASSESSABLE
    assert evidence.startswith("sgd has a gap that is not told from its placebo: net 0.001, 95% t interval [-")
    both_above = gaps(metric="avg_net_sg", ngm_sgd=0.08, sgd=0.03)
    assert verdict(2, pd.concat([metrics, both_above]), reference="first")[0] == REPRODUCED


def test_where_no_middle_was_watched_claim_2_stands_as_it_is_and_claim_16_is_not_tested():
    undefined = gaps(metric="avg_net_sg", ngm_sgd=0.1, sgd=0.2).assign(value=np.nan)
    metrics = pd.concat([gaps(ngm_sgd=0.1, sgd=0.2), undefined])
    assert verdict(2, metrics, reference="first")[0] == REPRODUCED
    found, evidence = verdict(16, metrics, reference="first", optimizer="ngm_sgd")
    assert found == NOT_TESTED
    assert evidence == "missing: avg_net_sg_first of ngm_sgd, undefined where no middle is watched"


def test_only_rotated_mnist_has_them_equal_by_default():
    assert gap.EQUAL_GAP_BENCHMARKS == ("rotated_mnist",)


def switches(*curve, optimizer="sgd"):
    return pd.concat([rows(optimizer, f"sg_{reference}", *curve, first=2) for reference in REFERENCES])


@pytest.mark.parametrize(
    ("curve", "expected"),
    [((0.9, 0.3, 0.5), REPRODUCED), ((0.1, 0.3, 0.2), NOT_REPRODUCED), ((0.3, 0.1, 0.3), INCONCLUSIVE)],
)
def test_claim_4_compares_the_first_gap_with_each_later_one(curve, expected):
    found, evidence = verdict(4, switches(*curve), reference="first", optimizer="sgd")
    assert found == expected
    assert evidence.startswith(f"sg_first at switch 3 against 2: {curve[1]:.3g} and {curve[0]:.3g},")
    assert "; sg_first at switch 4 against 2: " in evidence


def test_claim_4_is_not_about_the_largest_of_noisy_gaps():
    even = np.arange(10) % 2 == 0
    # Each later mean is .25, below the first gap, but every seed has one later gap of .5: that alone contradicts nothing.
    curve = (np.full(10, 0.4), np.where(even, 0.5, 0.0), np.where(even, 0.0, 0.5))
    assert verdict(4, switches(*curve), reference="first", optimizer="sgd")[0] == INCONCLUSIVE


def test_claim_4_is_judged_per_optimizer():
    metrics = pd.concat([switches(0.9, 0.3, 0.5, optimizer=o) for o in PAPER[:3]] + [switches(0.1, 0.3, 0.2)])
    found = verdicts(4, metrics).set_index(["reference", "optimizer"])["verdict"]
    assert found["first"].to_dict() == {**dict.fromkeys(PAPER[:3], REPRODUCED), "sgd": NOT_REPRODUCED}


def test_claim_4_is_not_tested_on_domain_incremental_streams():
    found = verdicts(4, switches(0.9, 0.3, 0.5), DOMAIN)
    assert set(found["verdict"]) == {NOT_TESTED}
    assert set(found["evidence"]) == {"about class-incremental streams"}


@pytest.mark.parametrize(("net", "expected"), [(0.1, REPRODUCED), (0.0, INCONCLUSIVE), (-0.1, NOT_REPRODUCED)])
def test_claim_16(net, expected):
    metrics = gaps(metric="avg_net_sg", adam=net, sgd=0.1)
    assert verdict(16, metrics, CLASS, "first", "adam")[0] == expected
    assert verdict(16, metrics, CLASS, "previous", "sgd")[0] == REPRODUCED
    assert verdict(16, metrics, CLASS, "previous", "msgd") == (NOT_TESTED, "missing: msgd")
