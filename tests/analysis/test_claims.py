from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from stability_gap.analysis import claims
from stability_gap.analysis.claims import (
    CLAIMS,
    COLUMNS,
    INCONCLUSIVE,
    NOT_REPRODUCED,
    NOT_TESTED,
    PAPER_OPTIMIZERS,
    REPRODUCED,
    Claim,
    Finding,
    Terms,
    all_of,
    directional,
    judge,
    level,
)
from stability_gap.analysis.settings import AnalysisSettings
from stability_gap.analysis.statistics import PairedTest, compare
from stability_gap.errors import UserError

CLASS = Terms(incremental={"b": "class"}, resamples=500)
DOMAIN = Terms(incremental={"b": "domain"}, resamples=500)
NOISE = np.array([-0.9, 0.7, -0.5, 0.3, -0.1, 0.1, -0.3, 0.5, -0.7, 0.9]) * 0.01
"""ten seeds, mean zero"""

Value = float | np.ndarray


def rows(optimizer: str, metric: str, *values: Value, first: int | None = None, seeds: int = 10) -> pd.DataFrame:
    """One value for the stream, or one per context from `first` on; noise of each optimizer and context is its own."""
    tables = []
    for i, value in enumerate(values):
        noise = np.roll(NOISE, len(optimizer) + 3 * i)[:seeds] if np.isscalar(value) else 0.0
        tables.append(
            pd.DataFrame(
                {
                    "benchmark": "b",
                    "optimizer": optimizer,
                    "seed": np.arange(seeds),
                    "metric": metric,
                    "context": None if first is None else first + i,
                    "value": np.broadcast_to(value, seeds) + noise,
                }
            )
        )
    return pd.concat(tables).astype({"context": "Int16"})


def gaps(seeds: int = 10, **means: Value) -> pd.DataFrame:
    return pd.concat(
        [rows(o, f"avg_sg_{reference}", mean, seeds=seeds) for o, mean in means.items() for reference in ("first", "previous")]
    )


def verdict(number: int, metrics: pd.DataFrame, terms: Terms = CLASS, reference: str | None = None) -> tuple[str, str]:
    """The one verdict and evidence of a claim (for one reference)."""
    found = judge(metrics, terms, [each for each in CLAIMS if each.number == number])
    if reference:
        found = found[found["reference"] == reference]
    (row,) = found.to_dict("records")
    return row["verdict"], row["evidence"]


# --- the table ---


def test_claims_one_to_six_are_registered_once_and_documented() -> None:
    numbers = [each.number for each in CLAIMS]
    assert len(numbers) == len(set(numbers))
    assert set(range(1, 7)) <= set(numbers)
    assert all(each.statement and each.find.__doc__ for each in CLAIMS)


def test_table_has_a_row_per_claim_benchmark_and_reference() -> None:
    metrics = gaps(ngm_sgd=0.1, sgd=0.2, msgd=0.3, adam=0.3)
    metrics = pd.concat([metrics, metrics.assign(benchmark="a")]).sample(frac=1, random_state=0)
    terms = CLASS.model_copy(update={"incremental": {"a": "domain", "b": "class"}})
    found = judge(metrics, terms, [each for each in CLAIMS if each.number <= 6])
    assert list(found.columns) == COLUMNS
    keys = [
        (n, b, r if isinstance(r, str) else None)
        for n, b, r in zip(found["claim"], found["benchmark"], found["reference"], strict=True)
    ]
    assert keys == [
        *[(claim, benchmark, reference) for claim in (1, 2) for benchmark in "ab" for reference in ("first", "previous")],
        (3, "a", None),
        (3, "b", None),
        *[(4, benchmark, reference) for benchmark in "ab" for reference in ("first", "previous")],
        *[(claim, benchmark, None) for claim in (5, 6) for benchmark in "ab"],
    ]
    assert set(found["verdict"]) <= {REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE, NOT_TESTED}


def test_another_claim_is_one_function() -> None:
    def find(metrics: pd.DataFrame, terms: Terms) -> list[Finding]:
        return [Finding("b", REPRODUCED, f"{len(metrics)} rows, level {terms.alpha:g}")]

    found = judge(gaps(ngm_sgd=0.1), CLASS, [Claim(99, "tables have rows", find)])
    assert found.iloc[0].tolist() == [99, "tables have rows", "b", None, REPRODUCED, "20 rows, level 0.05"]


def test_a_benchmark_that_nobody_describes_is_an_error() -> None:
    with pytest.raises(UserError, match="whether b is class- or domain-incremental"):
        judge(gaps(ngm_sgd=0.1), Terms(incremental={}))


def test_margins_and_level_are_those_of_the_settings() -> None:
    assert Terms(incremental={}).model_dump(exclude={"incremental"}) == AnalysisSettings().model_dump()


@pytest.mark.parametrize(("number", "needed"), [(1, "msgd, adam"), (2, "sgd"), (3, "adam, msgd, sgd"), (4, "adam, msgd, sgd")])
def test_missing_optimizers_are_named(number: int, needed: str) -> None:
    found = judge(gaps(ngm_sgd=0.1), CLASS, [each for each in CLAIMS if each.number == number])
    assert set(found["verdict"]) == {NOT_TESTED}
    assert set(found["evidence"]) == {f"missing: {needed}"}


@pytest.mark.parametrize("number", [5, 6])
def test_missing_ngm_sgd_is_named(number: int) -> None:
    assert verdict(number, gaps(sgd=0.1)) == (NOT_TESTED, "missing: ngm_sgd")


@pytest.mark.parametrize(
    ("number", "evidence"),
    [
        (1, "missing: avg_sg_first; missing: avg_sg_first"),
        (2, "missing: avg_sg_first"),
        (3, "avg_acc missing: ngm_sgd, sgd, msgd, adam"),
        (4, "fewer than two switches: adam, msgd, ngm_sgd, sgd"),
        (5, "missing: gain_before, gain_peak or gain_end"),
        (6, "missing: mean_gain of two tasks"),
    ],
)
def test_missing_metrics_are_named(number: int, evidence: str) -> None:
    metrics = pd.concat([rows(optimizer, "min_acc", 0.5) for optimizer in PAPER_OPTIMIZERS])
    reference = "first" if number in (1, 2, 4) else None
    assert verdict(number, metrics, CLASS, reference) == (NOT_TESTED, evidence)


# --- the rules ---


def paired(difference: float, low: float, high: float, p_holm: float, p_smallest: float = 0.002) -> PairedTest:
    return PairedTest(10, 0.0, -difference, difference, 1.0, low, high, low, high, p_holm / 6, 1024, p_smallest, p_holm)


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (paired(-0.2, -0.3, -0.1, 0.01), REPRODUCED),
        (paired(-0.2, -0.3, -0.1, 0.06), INCONCLUSIVE),  # the interval alone never confirms
        (paired(0.2, -0.1, 0.3, 0.01), NOT_REPRODUCED),
        (paired(0.2, 0.1, 0.3, 0.06), NOT_REPRODUCED),  # the whole interval contradicts
        (paired(0.2, 0.1, 0.3, 0.06, p_smallest=0.0625), INCONCLUSIVE),  # unless n is too small for any verdict
        (paired(0.2, -0.1, 0.3, 0.06), INCONCLUSIVE),
        (paired(0.0, 0.0, 0.0, 1.0), INCONCLUSIVE),
        (PairedTest(1, 0.1, 0.2, -0.1), INCONCLUSIVE),
        (PairedTest(0, np.nan, np.nan, np.nan), INCONCLUSIVE),
    ],
)
def test_directional(test: PairedTest, expected: str) -> None:
    assert directional(test, 0.05) == expected


def test_directional_contradiction_needs_both_intervals() -> None:
    assert directional(replace(paired(0.2, 0.1, 0.3, 0.06), bca_low=-0.01), 0.05) == INCONCLUSIVE


def test_alpha_is_a_parameter() -> None:
    assert directional(paired(-0.2, -0.3, -0.1, 0.06), 0.1) == REPRODUCED


@pytest.mark.parametrize(
    ("centre", "expected"),
    [(0.0, REPRODUCED), (0.08, REPRODUCED), (0.099, INCONCLUSIVE), (0.2, NOT_REPRODUCED), (-0.2, NOT_REPRODUCED)],
)
def test_level(centre: float, expected: str) -> None:
    assert level(NOISE + centre, 0.1)[0] == expected


def test_level_needs_two_seeds_and_wide_noise_decides_nothing() -> None:
    assert level(np.array([0.0]), 0.1) == (INCONCLUSIVE, "no interval")
    assert level(np.array([-0.05, 0.05]), 0.1)[0] == INCONCLUSIVE


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ([REPRODUCED, REPRODUCED], REPRODUCED),
        ([REPRODUCED, INCONCLUSIVE], INCONCLUSIVE),
        ([REPRODUCED, INCONCLUSIVE, NOT_REPRODUCED], NOT_REPRODUCED),
        ([REPRODUCED, NOT_TESTED], NOT_TESTED),
        ([NOT_TESTED, NOT_REPRODUCED], NOT_REPRODUCED),
        ([], INCONCLUSIVE),
    ],
)
def test_all_of(parts: list[str], whole: str) -> None:
    assert all_of(parts) == whole


# --- claims 1 and 2 ---


@pytest.mark.parametrize(
    ("msgd", "adam", "expected"),
    [
        (0.3, 0.4, REPRODUCED),
        (0.3, 0.1, INCONCLUSIVE),
        (0.3, 0.02, NOT_REPRODUCED),
        (0.02, 0.02, NOT_REPRODUCED),
    ],
)
def test_claim_1(msgd: float, adam: float, expected: str) -> None:
    found, evidence = verdict(1, gaps(ngm_sgd=0.1, sgd=0.05, msgd=msgd, adam=adam), reference="previous")
    assert found == expected
    assert evidence.count("avg_sg_previous ngm_sgd 0.1,") == 2
    assert "; avg_sg_previous ngm_sgd 0.1, adam" in evidence


def test_claim_1_numbers_are_those_of_statistics_csv() -> None:
    metrics = gaps(ngm_sgd=0.1, sgd=0.05, msgd=0.3, adam=0.4)
    found = compare(metrics, resamples=500).set_index(["metric", "optimizer_a", "optimizer_b"])
    against_adam = found.loc[("avg_sg_first", "adam", "ngm_sgd")]
    _, evidence = verdict(1, metrics, reference="first")
    interval = f"[{-against_adam['ci_high']:.3g}, {-against_adam['ci_low']:.3g}]"
    assert f"difference {-against_adam['mean_difference']:.3g}, 95% CI {interval}, Holm p 0.0117, n 10" in evidence
    assert against_adam["p_holm"] == pytest.approx(6 * 2 / 1024)


def test_claim_1_does_not_depend_on_the_ablations() -> None:
    metrics = gaps(ngm_sgd=0.1, sgd=0.05, msgd=0.3, adam=0.4)
    more = pd.concat([metrics, *(gaps(**{f"ablation_{i}": 0.2 + i}) for i in range(8))])
    assert verdict(1, more, reference="first") == verdict(1, metrics, reference="first")


def test_claim_1_names_the_reference_that_holds() -> None:
    metrics = gaps(ngm_sgd=0.1, sgd=0.05, msgd=0.3, adam=0.4)
    metrics.loc[(metrics["optimizer"] == "ngm_sgd") & (metrics["metric"] == "avg_sg_previous"), "value"] += 0.9
    assert verdict(1, metrics, reference="first")[0] == REPRODUCED
    assert verdict(1, metrics, reference="previous")[0] == NOT_REPRODUCED


@pytest.mark.parametrize("rival", [0.9, 0.0])
def test_five_seeds_cannot_decide_and_say_so(rival: float) -> None:
    found, evidence = verdict(1, gaps(5, ngm_sgd=0.4, msgd=rival, adam=rival), reference="first")
    assert found == INCONCLUSIVE
    assert "n 5 (cannot reach 0.05)" in evidence


@pytest.mark.parametrize(("sgd", "expected"), [(0.2, REPRODUCED), (0.1, INCONCLUSIVE), (0.05, NOT_REPRODUCED)])
def test_claim_2(sgd: float, expected: str) -> None:
    found, evidence = verdict(2, gaps(ngm_sgd=0.1, sgd=sgd), reference="first")
    assert found == expected
    assert "the paper has them equal" not in evidence


@pytest.mark.parametrize(
    ("sgd", "expected"), [(0.2, NOT_REPRODUCED), (0.105, REPRODUCED), (0.12, INCONCLUSIVE), (0.0, NOT_REPRODUCED)]
)
def test_claim_2_where_the_paper_has_them_equal(sgd: float, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "EQUAL_GAP_BENCHMARKS", ("b",))
    found, evidence = verdict(2, gaps(ngm_sgd=0.1, sgd=sgd), DOMAIN, "first")
    assert found == expected
    assert evidence.startswith("the paper has them equal here: 95% t interval [")


def test_only_rotated_mnist_has_them_equal_by_default() -> None:
    assert claims.EQUAL_GAP_BENCHMARKS == ("rotated_mnist",)


# --- claim 3 ---


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
def test_claim_3(ngm: float, margin: float, expected: str) -> None:
    accuracy = {"ngm_sgd": ngm, "sgd": 0.8, "msgd": 0.9, "adam": 0.85}
    metrics = pd.concat([rows(optimizer, "avg_acc", mean) for optimizer, mean in accuracy.items()])
    found, evidence = verdict(3, metrics, CLASS.model_copy(update={"accuracy_margin": margin}))
    assert found == expected
    assert "best rival msgd 0.9: difference" in evidence
    assert evidence.endswith("n 10")


def test_claim_3_of_one_seed_is_inconclusive_not_untested() -> None:
    metrics = pd.concat([rows(optimizer, "avg_acc", 0.9, seeds=1) for optimizer in PAPER_OPTIMIZERS])
    assert verdict(3, metrics) == (INCONCLUSIVE, "avg_acc n=1: no test")


# --- claim 4 ---


def switches(**curves: tuple[Value, ...]) -> pd.DataFrame:
    return pd.concat(
        [rows(o, f"sg_{reference}", *curve, first=2) for o, curve in curves.items() for reference in ("first", "previous")]
    )


FALLING, RISING, FLAT = (0.9, 0.3, 0.5), (0.1, 0.3, 0.2), (0.3, 0.1, 0.3)


def test_claim_4_holds_for_all() -> None:
    found, evidence = verdict(4, switches(ngm_sgd=FALLING, sgd=FALLING, msgd=FALLING, adam=FALLING), reference="first")
    assert found == REPRODUCED
    assert evidence.count("first the largest in 10 of 10 seeds") == 4
    assert "ngm_sgd largest later gap 0.5, first 0.9" in evidence


@pytest.mark.parametrize(("one", "expected"), [(RISING, NOT_REPRODUCED), (FLAT, INCONCLUSIVE)])
def test_claim_4_fails_with_one_optimizer_and_names_it(one: tuple[float, ...], expected: str) -> None:
    found, evidence = verdict(4, switches(ngm_sgd=FALLING, sgd=one, msgd=FALLING, adam=FALLING), reference="previous")
    assert found == expected
    parts = dict(part.split(" ", 1) for part in evidence.split("; "))
    assert {name for name, part in parts.items() if part.endswith(f": {expected}")} == {"sgd"}


def test_claim_4_compares_with_the_seed_s_own_largest_later_gap() -> None:
    even = np.arange(10) % 2 == 0
    # Each later mean is .25, below the first gap, but every seed has one later gap of .5.
    curve = (np.full(10, 0.4), np.where(even, 0.5, 0.0), np.where(even, 0.0, 0.5))
    found, evidence = verdict(4, switches(ngm_sgd=curve, sgd=curve, msgd=curve, adam=curve), reference="first")
    assert found == NOT_REPRODUCED
    assert evidence.count("first the largest in 0 of 10 seeds") == 4


def test_claim_4_is_not_tested_on_domain_incremental_streams() -> None:
    metrics = switches(ngm_sgd=FALLING, sgd=FALLING, msgd=FALLING, adam=FALLING)
    found = judge(metrics, DOMAIN, [each for each in CLAIMS if each.number == 4])
    assert found["verdict"].tolist() == [NOT_TESTED] * 2
    assert set(found["evidence"]) == {"about class-incremental streams"}


# --- claim 5 ---


def gains(before: tuple[Value, ...], peak: tuple[Value, ...], end: tuple[Value, ...]) -> pd.DataFrame:
    named = {"gain_before": before, "gain_peak": peak, "gain_end": end}
    return pd.concat([rows("ngm_sgd", metric, *values, first=2) for metric, values in named.items()])


@pytest.mark.parametrize(
    ("before", "peak", "end", "expected"),
    [
        ((1.5, 1.6), (2.5, 2.4), (1.6, 1.7), REPRODUCED),
        ((1.5, 1.6), (2.5, 1.6), (1.6, 1.4), NOT_REPRODUCED),  # no rise at the second switch
        ((1.5, 1.6), (2.5, 2.4), (1.6, 2.4), NOT_REPRODUCED),  # no decay after the second switch
        ((1.5, 1.6), (2.5, 1.65), (1.6, 1.5), INCONCLUSIVE),  # the second rise is the margin
    ],
)
def test_claim_5(before: tuple[float, ...], peak: tuple[float, ...], end: tuple[float, ...], expected: str) -> None:
    found, evidence = verdict(5, gains(before, peak, end))
    assert found == expected
    assert "switch to 2, rise 1:" in evidence
    assert evidence.count("switch to 3,") == 2


def test_claim_5_margin_is_a_parameter() -> None:
    metrics = gains((1.5, 1.6), (1.54, 1.64), (1.5, 1.6))
    assert verdict(5, metrics)[0] == NOT_REPRODUCED
    assert verdict(5, metrics, CLASS.model_copy(update={"burst_margin": 0.0}))[0] == REPRODUCED


# --- claim 6 ---

RISE, LEVEL, FALL, NEARLY = (1.5, 1.7, 1.9, 2.1), (2.8, 2.81, 2.8, 2.79), (2.1, 1.9, 1.7, 1.5), (1.0, 1.1, 1.2, 1.3)


@pytest.mark.parametrize(
    ("curve", "terms", "expected"),
    [
        (RISE, CLASS, REPRODUCED),
        (FALL, CLASS, NOT_REPRODUCED),
        ((2.0, 2.0, 2.0, 2.0), CLASS, INCONCLUSIVE),
        (LEVEL, DOMAIN, REPRODUCED),
        (RISE, DOMAIN, NOT_REPRODUCED),
        (FALL, DOMAIN, NOT_REPRODUCED),
        (NEARLY, DOMAIN, INCONCLUSIVE),
        (NEARLY, DOMAIN.model_copy(update={"slope_margin": 0.15}), REPRODUCED),
    ],
)
def test_claim_6(curve: tuple[float, ...], terms: Terms, expected: str) -> None:
    assert verdict(6, rows("ngm_sgd", "mean_gain", *curve, first=1), terms)[0] == expected


def test_claim_6_slope_by_hand() -> None:
    # least squares through (1, 1), (2, 3), (3, 2): slope 1/2
    constant = [np.full(10, value) for value in (1.0, 3.0, 2.0)]
    found, evidence = verdict(6, rows("ngm_sgd", "mean_gain", *constant, first=1))
    assert found == REPRODUCED
    assert evidence.startswith("mean gain per task 1 3 2, slope 0.5: difference 0.5, 95% CI [0.5, 0.5], Holm p 0.00195, n 10")


def test_claim_6_leaves_out_seeds_without_a_gain_and_says_how_many_remain() -> None:
    metrics = rows("ngm_sgd", "mean_gain", *RISE, first=1)
    metrics.loc[(metrics["seed"] == 3) & (metrics["context"] == 4), "value"] = np.nan
    found, evidence = verdict(6, metrics)
    assert found == REPRODUCED
    assert evidence.endswith("n 9")
