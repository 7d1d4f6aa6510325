import itertools
import subprocess
import sys
import warnings
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from stability_gap.analysis.metrics.registry import outcomes
from stability_gap.analysis.statistics import (
    COLUMNS,
    bootstrap_intervals,
    by_seed,
    compare,
    generator_for,
    holm,
    paired_test,
    sign_flip_test,
    smallest_p,
    t_interval,
)
from stability_gap.errors import UserError

FAST = 200
FRACTIONS = st.floats(0, 1, allow_nan=False, width=32)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def table(values: dict[str, list[float]], metric: str = "avg_acc", benchmark: str = "digits") -> pd.DataFrame:
    rows = [
        (benchmark, optimizer, seed, metric, None, value)
        for optimizer, column in values.items()
        for seed, value in enumerate(column, start=42)
    ]
    frame = pd.DataFrame(rows, columns=["benchmark", "optimizer", "seed", "metric", "context", "value"])
    return frame.astype({"seed": "int32", "context": "Int16", "value": "float64"})


def random_table(optimizers: int, seeds: int, benchmark: str = "digits", metric: str = "avg_acc") -> pd.DataFrame:
    draws = np.random.default_rng([optimizers, seeds]).random((optimizers, seeds))
    return table({f"o{i}": list(column) for i, column in enumerate(draws)}, metric, benchmark)


# --- sign flips ---


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1, 2, 3], 2 / 8),  # only +++ and --- reach 6
        ([1, 2, -3], 1.0),  # sum 0: every flip reaches it
        ([-1, 2, 3], 4 / 8),  # |sum| >= 4: +++, -++ and their mirrors
        ([1, 2, 3, 4], 2 / 16),
        ([-1, 2, 3, 4], 4 / 16),  # |sum| >= 8: all equal signs (10), 1 flipped (8)
        ([1, 2, 3, 4, 5], 2 / 32),
        ([1, 1, 1, 1, -1], 12 / 32),  # |sum| >= 3: at most one sign differs
        ([0, 0, 0, 0, 0], 1.0),
        ([0, 0, 5], 1.0),  # the sum is always +-5
    ],
)
def test_exact_p_by_hand(differences: list[float], p: float) -> None:
    assert sign_flip_test(np.array(differences, dtype=float), rng()) == (p, 2 ** len(differences))


def test_sums_equal_on_paper_are_ties() -> None:
    # 0.1 + 0.2 - 0.3 is 5.6e-17 in floats; on paper it is 0, so every flip is as extreme.
    assert sign_flip_test(np.array([0.1, 0.2, -0.3]), rng())[0] == 1.0


@given(st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=9))
@settings(max_examples=40)
def test_sign_flip_agrees_with_scipy(differences: list[float]) -> None:
    d = np.round(np.array(differences), 3)
    reference = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True)
    assert sign_flip_test(d, rng())[0] == pytest.approx(reference.pvalue)


def test_monte_carlo_above_sixteen_is_seeded_and_close_to_exact() -> None:
    d = np.r_[np.random.default_rng(1).normal(0.3, 1, 16), 0.0]  # a zero changes no sum: exact p is that of the first 16
    exact, flips = sign_flip_test(d[:16], rng())
    p, drawn = sign_flip_test(d, rng())
    assert flips == drawn == 2**16
    assert p == sign_flip_test(d, rng())[0]
    assert p != sign_flip_test(d, np.random.default_rng(1))[0]
    assert abs(p - exact) < 4 * np.sqrt(exact * (1 - exact) / drawn)
    assert 0 < sign_flip_test(np.ones(40), rng())[0] == smallest_p(40) < 1e-4


def test_differences_that_are_zero_on_paper_have_no_sign() -> None:
    assert 0.1 + 0.2 - 0.3 > 0
    test = paired_test(np.full(8, 0.1) + 0.2, np.full(8, 0.3), rng(), FAST)
    assert (test.p_value, test.mean_difference) == (1.0, 0.0)


# --- intervals ---


@pytest.mark.parametrize("sample", [[1.0, 2.0], [0.1, 0.4, 0.2, -0.1, 0.3], [0, 0, 0, 0, 1.0], list(np.arange(10.0))])
def test_bootstrap_agrees_with_scipy_reference(sample: list[float]) -> None:
    d = np.array(sample)
    percentile, bca = bootstrap_intervals(d, rng(), 1000)
    for method, ours in (("percentile", percentile), ("BCa", bca)):
        reference = stats.bootstrap((d,), np.mean, n_resamples=1000, method=method, rng=rng())
        assert ours == pytest.approx(tuple(reference.confidence_interval), nan_ok=False)


def test_percentile_interval_from_first_principles() -> None:
    d = np.array([0.0, 1.0])  # a resample's mean is 0, .5, 1 with probability 1/4, 1/2, 1/4
    (low, high), _ = bootstrap_intervals(d, rng(), 2000, confidence=0.4)
    assert (low, high) == (0.5, 0.5)  # the 30 % and 70 % points
    assert bootstrap_intervals(d, rng(), 2000, confidence=0.6)[0] == (0.0, 1.0)  # the 20 % and 80 % points


@pytest.mark.parametrize("value", [0.0, 0.25, -3.0])
def test_constant_differences_are_quiet_and_degenerate(value: float) -> None:
    a = np.array([0.1, 0.7, 0.3, 0.9])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        test = paired_test(a + value, a, rng(), FAST)  # equal up to rounding only
    interval = (test.ci_low, test.ci_high, test.bca_low, test.bca_high)
    assert interval == pytest.approx([value] * 4)
    assert np.isnan(test.effect_size)
    assert test.p_value == (1.0 if value == 0 else 2 / 16)


def test_t_interval_agrees_with_scipy() -> None:
    d = np.array([0.1, 0.4, 0.2, -0.1, 0.3])
    for confidence in (0.9, 0.95):
        assert t_interval(d, confidence) == pytest.approx(tuple(stats.ttest_1samp(d, 0).confidence_interval(confidence)))


# --- one pair ---


def test_effect_size_by_hand() -> None:
    test = paired_test(np.array([1.0, 2.0, 3.0]), np.zeros(3), rng(), FAST)
    assert (test.n, test.mean_a, test.mean_b, test.mean_difference) == (3, 2.0, 0.0, 2.0)
    assert test.effect_size == pytest.approx(2.0)  # mean 2, standard deviation 1
    assert (test.flips, test.p_smallest) == (8, 0.25)


@given(st.lists(st.tuples(FRACTIONS, FRACTIONS), min_size=2, max_size=8))
@settings(max_examples=60)
def test_properties_of_a_pair(pairs: list[tuple[float, float]]) -> None:
    a, b = np.array(pairs).T
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forth, back = paired_test(a, b, rng(), FAST), paired_test(b, a, rng(), FAST)
    assert smallest_p(len(a)) <= forth.p_value <= 1
    assert forth.p_value == back.p_value
    assert -back.mean_difference == pytest.approx(forth.mean_difference, abs=1e-15)
    assert -back.effect_size == pytest.approx(forth.effect_size, nan_ok=True)
    assert (-back.ci_high, -back.ci_low) == pytest.approx((forth.ci_low, forth.ci_high), abs=1e-12)
    assert (a - b).min() - 1e-12 <= forth.ci_low <= forth.ci_high <= (a - b).max() + 1e-12
    assert (a - b).min() - 1e-12 <= forth.bca_low <= forth.bca_high <= (a - b).max() + 1e-12


def test_swapped_reads_the_same_numbers_from_the_other_side() -> None:
    a, b = np.random.default_rng(3).random((2, 6))
    test = paired_test(a, b, rng(), FAST)
    swapped = test.swapped()
    assert (swapped.mean_a, swapped.mean_difference) == (test.mean_b, -test.mean_difference)
    assert (swapped.ci_low, swapped.bca_high) == (-test.ci_high, -test.bca_low)
    assert swapped.swapped() == test


def test_pairs_with_an_undefined_value_are_left_out() -> None:
    test = paired_test(np.array([1.0, np.nan, 3.0, 4.0]), np.array([0.0, 0.0, np.inf, 1.0]), rng(), FAST)
    assert (test.n, test.mean_a, test.mean_b) == (2, 2.5, 0.5)


# --- Holm ---


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=12))
@settings(max_examples=60)
def test_holm_is_the_step_down_of_its_definition(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    for p, found in zip(p_values, adjusted, strict=True):
        smaller = sorted(each for each in p_values if each <= p)
        steps = [each * (len(p_values) - rank) for rank, each in enumerate(smaller)]
        assert found == pytest.approx(min(1.0, max(steps)))


def test_holm_by_hand_and_without_undefined_tests() -> None:
    assert holm([0.01, 0.04, 0.03, np.nan]) == pytest.approx([0.03, 0.06, 0.06, np.nan], nan_ok=True)
    assert len(holm([])) == 0


# --- the table ---


def test_columns_order_and_pairs() -> None:
    metrics = pd.concat([random_table(3, 6, "mnist"), random_table(3, 6, "digits"), random_table(3, 6, "digits", "bwt")])
    found = compare(metrics, FAST)
    assert list(found.columns) == COLUMNS
    keys = ["benchmark", "metric", "optimizer_a", "optimizer_b"]
    assert found[keys].to_numpy().tolist() == [
        [benchmark, "avg_acc", a, b] for benchmark in ("digits", "mnist") for a, b in (("o0", "o1"), ("o0", "o2"), ("o1", "o2"))
    ]


def test_row_holds_the_pair_s_own_test() -> None:
    metrics = random_table(3, 7)
    found = compare(metrics, FAST, random_seed=5)
    values = by_seed(metrics, "digits", "avg_acc")
    expected = paired_test(
        values["o0"].to_numpy(), values["o2"].to_numpy(), generator_for(5, "digits", "avg_acc", "o0", "o2"), FAST
    )
    row = found[(found["optimizer_a"] == "o0") & (found["optimizer_b"] == "o2")].iloc[0]
    for name, value in asdict(expected).items():
        if name != "p_holm":
            assert row[name] == value
    assert found["p_holm"].to_numpy() == pytest.approx(multipletests(found["p_value"], method="holm")[1])


def test_holm_stays_inside_its_family() -> None:
    metrics = pd.concat([random_table(4, 8), random_table(2, 8, "mnist")])
    found = compare(metrics, FAST)
    assert (found.loc[found["benchmark"] == "mnist", "p_holm"] == found.loc[found["benchmark"] == "mnist", "p_value"]).all()


@given(st.integers(0, 2**16))
@settings(max_examples=10)
def test_row_order_does_not_matter(shuffle: int) -> None:
    metrics = random_table(3, 6)
    pd.testing.assert_frame_equal(compare(metrics.sample(frac=1, random_state=shuffle), FAST), compare(metrics, FAST))


@pytest.mark.parametrize("seeds", [6, 18])
def test_other_benchmarks_metrics_and_optimizers_change_nothing_but_holm(seeds: int) -> None:
    alone = random_table(2, seeds)
    more = table({"entropy_lr": list(np.random.default_rng(9).random(seeds))})
    suite = pd.concat([random_table(4, seeds, "mnist"), alone, random_table(2, seeds, "digits", "wc_acc"), more])
    found = compare(suite, FAST)
    same = (found["benchmark"] == "digits") & (found["metric"] == "avg_acc") & (found["optimizer_b"] == "o1")
    same &= found["optimizer_a"] == "o0"
    pd.testing.assert_frame_equal(
        found[same].drop(columns=["p_holm", "note"]).reset_index(drop=True),
        compare(alone, FAST).drop(columns=["p_holm", "note"]),
    )


def test_random_seed_changes_the_resamples() -> None:
    metrics = random_table(2, 8)
    first, second = compare(metrics, FAST, random_seed=0), compare(metrics, FAST, random_seed=1)
    assert first["ci_low"].iloc[0] != second["ci_low"].iloc[0]
    assert first["p_value"].equals(second["p_value"])


def test_pairs_by_seed_and_says_how_many() -> None:
    metrics = table({"a": [0.1, 0.2, 0.3, 0.4], "b": [0.0, 0.1, 0.2, 0.3]})
    metrics = metrics[~((metrics["optimizer"] == "a") & (metrics["seed"] == 42))]
    row = compare(metrics, FAST).iloc[0]
    assert row["n"] == 3
    assert row["mean_difference"] == pytest.approx(0.1)  # 0.15 were the seeds not paired
    assert row["mean_b"] == pytest.approx(0.2)
    assert "3 of 4 seeds have both values" in row["note"]


@pytest.mark.parametrize(("values", "n"), [({"a": [0.5], "b": [0.25]}, 1), ({"a": [np.nan] * 3, "b": [0.1] * 3}, 0)])
def test_too_few_seeds_are_undefined_and_say_so(values: dict[str, list[float]], n: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = compare(table(values), FAST).iloc[0]
    assert row["n"] == n
    assert row[["p_value", "p_holm", "ci_low", "bca_high", "effect_size", "p_smallest"]].isna().all()
    assert f"n={n}: no test" in row["note"]
    assert (row["mean_difference"] == 0.25) == (n == 1)


def test_notes_where_n_cannot_reach_the_level() -> None:
    assert compare(random_table(2, 5), FAST)["note"].tolist() == ["n=5 cannot reach 0.05"]
    assert compare(random_table(2, 6), FAST)["note"].tolist() == [""]
    assert compare(random_table(4, 7), FAST)["note"].tolist() == ["n=7 cannot reach 0.05 after Holm over 6 pairs"] * 6
    assert compare(random_table(4, 8), FAST)["note"].tolist() == [""] * 6


def test_values_per_context_are_not_compared() -> None:
    metrics = random_table(2, 5).assign(context=pd.array([2] * 10, dtype="Int16"))
    found = compare(metrics, FAST)
    assert found.empty
    assert list(found.columns) == COLUMNS


def test_two_values_in_one_cell_are_an_error() -> None:
    metrics = random_table(2, 3)
    with pytest.raises(UserError, match=r"two values of avg_acc for digits, o0, seed 42"):
        compare(pd.concat([metrics, metrics.head(1)]), FAST)


def test_every_outcome_is_compared_and_nothing_else() -> None:
    extra = ("bwt", "diverged")
    found = compare(pd.concat([random_table(4, 3, metric=metric) for metric in (*outcomes(), *extra)]), FAST)
    assert set(found["metric"]) == set(outcomes())
    assert len(found) == len(outcomes()) * 6
    assert {"avg_net_sg_first", "anytime_acc"} <= set(outcomes())
    assert not any(name.startswith("avg_depth") for name in outcomes())


def test_significance_is_judged_at_the_level_of_the_settings() -> None:
    metrics = table({"a": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], "b": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]})  # p = 2/2^6 = 0.03125
    for alpha, significant in ((0.05, True), (0.03125, False), (0.01, False)):
        row = compare(metrics, FAST, alpha=alpha).iloc[0]
        assert (row["significant"], row["alpha"]) == (significant, alpha)
    assert not compare(metrics.head(1), FAST)["significant"].any()
    assert compare(table({"a": [0.5], "b": [0.25]}), FAST)["significant"].tolist() == [False]


@given(st.lists(st.sampled_from([-0.3, -0.2, -0.1, 0.1, 0.2, 0.3, 0.4]), min_size=2, max_size=8))
@settings(max_examples=40)
def test_ties_are_those_of_whole_numbers(differences: list[float]) -> None:
    """What is equal in tenths is equal, however floats round it."""
    tenths = np.rint(10 * np.array(differences)).astype(int)
    sums = np.abs([np.dot(signs, tenths) for signs in itertools.product([-1, 1], repeat=len(tenths))])
    assert sign_flip_test(np.array(differences), rng())[0] == np.mean(sums >= abs(tenths.sum()))


def test_a_metric_that_nothing_registers_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    assert compare(random_table(2, 3, metric="strange"), FAST).empty
    assert "nothing registers strange, so it is not compared; name its module with --extension" in caplog.text


def test_imports_neither_torch_nor_figures() -> None:
    code = (
        "import sys, stability_gap.analysis.claims, stability_gap.analysis.ranks; "
        "print(*sorted({'torch', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
