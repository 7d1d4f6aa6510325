import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_tables import evaluations
from scipy import stats

from stability_gap.analysis.agreement import (
    COLUMNS,
    SEED_COLUMNS,
    compare_with_authors,
    compare_with_paper,
    first_task_accuracies,
    verdict,
    welch_interval,
)
from stability_gap.analysis.measure import measure
from stability_gap.analysis.metrics.registry import METRICS
from stability_gap.analysis.runs import Facts, Run
from stability_gap.analysis.settings import AnalysisSettings
from stability_gap.errors import UserError

NAN = math.nan


def ours(benchmark="rotated_mnist", metric="paper_avg_sg", n=10, convention="v2", **optimizers):
    """Rows of paper_metrics.csv: per optimizer (value, sd)."""
    rows = [(benchmark, name, convention, metric, n, *numbers) for name, numbers in optimizers.items()]
    return pd.DataFrame(rows, columns=["benchmark", "optimizer", "convention", "metric", "n", "value", "sd"])


def published(benchmark="rotated_mnist", metric="paper_avg_sg", version="v2", **optimizers):
    """Rows of paper_results.csv: per optimizer (value, sd)."""
    rows = [(version, benchmark, name, metric, *numbers, "Table 1") for name, numbers in optimizers.items()]
    return pd.DataFrame(rows, columns=["version", "benchmark", "optimizer", "metric", "value", "sd", "note"])


def only(table: pd.DataFrame) -> pd.Series:
    assert len(table) == 1
    return table.iloc[0]


# --- the equivalence test ---


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(-0.9, 0.9, "agrees"), (1.1, 2, "differs"), (-2, -1.1, "differs"), (0.5, 1.5, "undecided"), (-3, 3, "undecided")],
)
def test_verdict_by_hand(low, high, expected):
    assert verdict(low, high, 1.0) == expected


def test_without_an_interval_nothing_is_decided():
    assert verdict(NAN, NAN, 1.0) == "undecided"


@given(st.integers(2, 9), st.integers(2, 9), st.integers(0, 1000))
@settings(max_examples=30)
def test_welch_interval_is_scipy_s(n, m, seed):
    random = np.random.default_rng(seed)
    a, b = random.normal(size=n), random.normal(1, 3, m)
    errors = a.std(ddof=1) / math.sqrt(n), b.std(ddof=1) / math.sqrt(m)
    reference = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.9)
    assert welch_interval(a.mean() - b.mean(), errors, (n, m), 0.9) == pytest.approx(tuple(reference))


def test_welch_interval_without_any_spread_is_the_difference():
    assert welch_interval(0.5, (0.0, 0.0), (5, 5), 0.95) == (0.5, 0.5)
    assert welch_interval(0.5, (0.0, 0.1), (9, 2), 0.95) == pytest.approx((0.5 - 12.7062 * 0.1, 0.5 + 12.7062 * 0.1), abs=1e-3)


# --- the published numbers ---


def test_standard_errors_by_hand():
    row = only(compare_with_paper(ours(sgd=(0.10, 0.02)), published(sgd=(0.12, 0.04))))
    error = math.hypot(0.02 / 2 * math.sqrt(5 / 10), 0.04 / 2)
    assert row["difference"] == pytest.approx(-0.02)
    assert row["standard_errors"] == pytest.approx(0.02 / error)
    assert row["margin"] == pytest.approx(0.25 * 0.12)
    assert (row["verdict"], row["note"]) == ("undecided", "Table 1")
    assert row["low"] < row["difference"] < row["high"]


def test_accuracies_are_compared_as_fractions():
    row = only(
        compare_with_paper(ours(metric="paper_avg_acc", sgd=(0.95, 0.002)), published(metric="paper_avg_acc", sgd=(94.0, 0.2)))
    )
    assert (row["paper"], row["paper_sd"]) == pytest.approx((0.94, 0.002))
    assert row["margin"] == pytest.approx(0.05 * 0.94)
    assert row["verdict"] == "agrees"


def test_margins_and_level_are_settings():
    both = ours(sgd=(0.10, 0.01)), published(sgd=(0.11, 0.01))
    assert only(compare_with_paper(*both))["verdict"] == "agrees"
    assert only(compare_with_paper(*both, AnalysisSettings(gap_agreement=0.01)))["verdict"] == "undecided"
    wide = only(compare_with_paper(*both, AnalysisSettings(alpha=0.001)))
    assert wide["high"] - wide["low"] > 0.04


def test_a_fifth_of_the_published_gap_is_not_close():
    row = only(compare_with_paper(ours(sgd=(0.007, 0.0014)), published(sgd=(0.034, NAN))))
    assert row["verdict"] == "differs"


def test_a_number_without_a_spread_says_so_and_has_no_standard_errors():
    row = only(compare_with_paper(ours(sgd=(0.10, 0.01)), published(sgd=(0.10, NAN))))
    assert row["note"] == "Table 1; published without a spread: ours stands in"
    assert math.isnan(row["standard_errors"])
    assert row["verdict"] == "agrees"


def test_an_order_that_is_reversed_shows():
    """Rotated MNIST in v2 and here."""
    found = compare_with_paper(
        ours(adam=(0.140, 0.027), msgd=(0.084, 0.009), sgd=(0.07, 0.005)),
        published(adam=(0.092, NAN), msgd=(0.117, NAN), sgd=(0.05, NAN)),
    ).set_index("optimizer")
    assert "order against msgd reversed: published 0.092 and 0.117, ours 0.14 and 0.084" in found["note"]["adam"]
    assert "order against adam reversed: published 0.117 and 0.092, ours 0.084 and 0.14" in found["note"]["msgd"]
    assert "reversed" not in found["note"]["sgd"]
    assert "agrees" not in set(found["verdict"][["adam", "msgd"]])


def test_orders_that_neither_side_tells_apart_are_not_reversed():
    found = compare_with_paper(ours(adam=(0.10, 0.05), msgd=(0.11, 0.05)), published(adam=(0.11, 0.05), msgd=(0.10, 0.05)))
    assert not found["note"].str.contains("reversed").any()


def test_few_seeds_say_so_and_one_seed_has_no_interval():
    three = only(compare_with_paper(ours(n=3, sgd=(0.1, 0.02)), published(sgd=(0.1, 0.02))))
    assert "the mean curve of 3 seeds, not 5" in three["note"]
    one = only(compare_with_paper(ours(n=1, sgd=(0.1, 0.0)), published(sgd=(0.1, 0.02))))
    assert math.isnan(one["low"])
    assert one["verdict"] == "undecided"


def test_ours_undefined_is_undefined():
    assert only(compare_with_paper(ours(sgd=(NAN, NAN)), published(sgd=(0.1, 0.02))))["verdict"] == "undefined"


def test_every_version_is_compared_in_its_convention_and_sorted():
    paper = pd.concat([published(version=version, sgd=(0.1, 0.01)) for version in ("v3", "v1", "v2")])
    we = pd.concat([ours(convention="v1", sgd=(0.1, 0.01)), ours(convention="v2", sgd=(0.2, 0.01))])
    found = compare_with_paper(we, paper)
    assert list(found.columns) == COLUMNS
    assert found["version"].tolist() == ["v1", "v2", "v3"]
    assert found["ours"].tolist() == [0.1, 0.2, 0.2]


def test_nothing_in_common_is_an_empty_table():
    found = compare_with_paper(ours(benchmark="digits", sgd=(0.1, 0.01)), published(sgd=(0.1, 0.01)))
    assert found.empty
    assert list(found.columns) == COLUMNS


def test_a_reference_that_cannot_be_read_is_named():
    with pytest.raises(UserError, match=r"lack the column\(s\) sd"):
        compare_with_paper(ours(sgd=(0.1, 0.1)), published(sgd=(0.1, 0.1)).drop(columns="sd"))
    with pytest.raises(UserError, match="column value: holds text"):
        compare_with_paper(ours(sgd=(0.1, 0.1)), published(sgd=("a lot", 0.1)))
    with pytest.raises(UserError, match="twice"):
        compare_with_paper(ours(sgd=(0.1, 0.1)), pd.concat([published(sgd=(0.1, 0.1))] * 2))


# --- the authors' own seeds ---

CURVES = {seed: [[0.2, 0.8, 0.4 + 0.01 * seed, 0.6, 0.7], [0.1, 0.3, 0.5]] for seed in range(4)}


def run(curves=CURVES):
    facts = Facts(benchmark="split_mnist", optimizer="sgd", classes=10)
    return Run(facts, evaluations(curves, [2, 3]), None, Path("here/evaluations.parquet"))


def authors(metric="avg_sg_first", values=(0.4, 0.5, 0.6), context=NAN, optimizer="sgd"):
    table = pd.DataFrame({"seed": range(len(values)), "value": values})
    return table.assign(benchmark="split_mnist", optimizer=optimizer, metric=metric, context=context)


def test_first_task_by_hand():
    table = first_task_accuracies(run()).set_index(["metric", "seed", "context"])["value"]
    assert table["accuracy_end", 0, 1] == pytest.approx(0.8)
    assert table["accuracy_end", 0, 2] == pytest.approx(0.7)
    assert table["accuracy_min", 0, 1] == pytest.approx(0.2)
    assert table["accuracy_min", 3, 2] == pytest.approx(0.43)


def test_first_task_of_a_diverged_run_is_chance():
    table = first_task_accuracies(run({1: [[0.2, NAN, NAN, NAN, NAN], [NAN] * 3]}))
    assert table.loc[table["context"] == 2, "value"].tolist() == pytest.approx([0.1, 0.1])


def test_ours_against_theirs_by_hand():
    measured = measure([run()])
    row = only(compare_with_authors(measured, [run()], authors()))
    values = np.array([(0.8 - 0.4 - 0.01 * seed) / 0.8 for seed in range(4)])
    assert (row["n"], row["n_authors"]) == (4, 3)
    assert (row["ours"], row["authors"]) == pytest.approx((values.mean(), 0.5), abs=1e-6)
    assert (row["ours_sd"], row["authors_sd"]) == pytest.approx((values.std(ddof=1), 0.1), abs=1e-6)
    interval = stats.ttest_ind(values, [0.4, 0.5, 0.6], equal_var=False).confidence_interval(0.95)
    assert (row["low"], row["high"]) == pytest.approx(tuple(interval), abs=1e-5)
    assert row["margin"] == pytest.approx(0.25 * 0.5)
    assert row["verdict"] == "undecided"
    assert pd.isna(row["context"])


def test_task_1_and_gains_are_compared_per_context():
    measured = measure([run()])
    theirs = pd.concat(
        [authors("accuracy_end", (0.7, 0.7, 0.7), 2), authors("accuracy_min", (0.1, 0.1), 2), authors("mean_gain", (2.0,), 1)]
    )
    found = compare_with_authors(measured, [run()], theirs)
    assert list(found.columns) == SEED_COLUMNS
    assert found[["metric", "context"]].to_numpy().tolist() == [["accuracy_end", 2], ["accuracy_min", 2]]  # no gains here
    assert found["verdict"].tolist() == ["agrees", "differs"]


def test_what_we_did_not_run_is_left_out():
    found = compare_with_authors(measure([run()]), [run()], authors(optimizer="adam"))
    assert found.empty
    assert list(found.columns) == SEED_COLUMNS


def test_the_authors_table_is_checked():
    with pytest.raises(UserError, match=r"lack the column\(s\) context"):
        compare_with_authors(measure([run()]), [run()], authors().drop(columns="context"))
    with pytest.raises(UserError, match="column value: holds text"):
        compare_with_authors(measure([run()]), [run()], authors(values=("x",)))


def test_every_metric_of_the_authors_has_a_unit_with_a_margin():
    assert {METRICS[name].unit for name in ("sg_first", "avg_sg_first", "mean_gain", "gain_before", "gain_peak", "gain_end")} == {
        "gap",
        "gain",
    }
