import math

import pandas as pd
import pytest

from stability_gap.analysis.agreement import COLUMNS, compare_with_paper
from stability_gap.errors import UserError
from stability_gap.presentation.comparison import AGREEMENT, paper_comparison, sentences
from stability_gap.presentation.formats import to_latex, to_markdown

ROWS = [
    (
        "split_mnist",
        "v1",
        "adam",
        "paper_avg_acc",
        0.951,
        0.004,
        10,
        0.98602,
        0.00229,
        -0.03502,
        9.7,
        0.02,
        "differs",
        "recomputed",
    ),
    ("split_mnist", "v1", "adam", "paper_avg_sg", 0.21, 0.03, 10, 0.155, 0.094, 0.055, 1.1, 0.02, "undecided", ""),
    ("split_mnist", "v1", "msgd", "paper_avg_sg", math.nan, math.nan, 10, 0.27, 0.007, math.nan, math.nan, 0.03, "undefined", ""),
    (
        "split_mnist",
        "v3",
        "adam",
        "paper_avg_sg",
        *(0.21, 0.03, 10, 0.2, math.nan, 0.01, math.nan, 0.02, "agrees"),
        "recomputed; order against msgd reversed: published 0.2 and 0.1, ours 0.21 and 0.3",
    ),
    (
        "split_mnist",
        "v3",
        "msgd",
        "paper_avg_sg",
        *(0.3, 0.03, 10, 0.1, math.nan, 0.2, math.nan, 0.01, "differs"),
        "order against adam reversed: published 0.1 and 0.2, ours 0.3 and 0.21",
    ),
]
AGREED = pd.DataFrame(ROWS, columns=AGREEMENT)


def test_table_in_full(looks):
    lines = to_markdown(paper_comparison(AGREED, looks)).splitlines()
    assert lines[2:9] == [
        "| Benchmark | Paper | Optimizer | Metric | Ours | Published | Difference | in se | Margin | Verdict |",
        "| --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| Split MNIST | v1 | MSGD | avg-SG | – | 0.270 ± 0.007 | – | – | 0.030 | **undefined** |",
        "|  |  | Adam | avg-ACC (%) | 95.1 ± 0.4 | 98.6 ± 0.2 | −3.5 | 9.7 | 2.0 | **differs** |",
        "|  |  |  | avg-SG | 0.210 ± 0.030 | 0.155 ± 0.094 | +0.055 | 1.1 | 0.020 | undecided |",
        "| Split MNIST | v3 | MSGD | avg-SG | 0.300 ± 0.030 | 0.100 | +0.200 | – | 0.010 | **differs** |",
        "|  |  | Adam | avg-SG | 0.210 ± 0.030 | 0.200 | +0.010 | – | 0.020 | agrees |",
    ]


def test_a_reversed_order_is_noted_once(looks):
    notes = paper_comparison(AGREED, looks).notes
    reversed_orders = [note for note in notes if "order against" in note]
    assert reversed_orders == [
        "Split MNIST v3, avg-SG, MSGD: order against adam reversed: published 0.1 and 0.2, ours 0.3 and 0.21."
    ]


def test_numbers_are_those_of_agreement(looks):
    numbers = paper_comparison(AGREED.sample(frac=1, random_state=1), looks).numbers
    keys = AGREEMENT[:4]
    pd.testing.assert_frame_equal(numbers.sort_values(keys, ignore_index=True), AGREED.sort_values(keys, ignore_index=True))


def test_sentences(looks):
    assert sentences(AGREED.iloc[:3], looks) == [
        "Split MNIST, MSGD: our avg-SG is undefined, against 0.270 ± 0.007 in v1 of the paper.",
        "Split MNIST, Adam: our avg-ACC is 95.1 ± 0.4 %, 3.5 percentage points below the 98.6 ± 0.2 % in v1 of the paper.",
    ]
    assert sentences(AGREED.iloc[3:4], looks) == ["None of the 1 published numbers that we can compare with differs from ours."]


def test_a_suite_that_is_not_in_the_paper(looks):
    table = paper_comparison(AGREED.iloc[:0], looks)
    assert table.numbers.empty
    assert "The paper has no number for these benchmarks and optimizers." in to_latex(table)
    assert sentences(table.numbers, looks) == ["The paper has no number for these benchmarks and optimizers."]


def test_what_analysis_makes_is_what_is_read_here(looks):
    assert set(AGREEMENT) <= set(COLUMNS)
    ours = pd.DataFrame(
        [("split_mnist", "adam", "v1", "paper_avg_acc", 0.951, 0.004, 10)],
        columns=["benchmark", "optimizer", "convention", "metric", "value", "sd", "n"],
    )
    paper = pd.DataFrame(
        [("v1", "split_mnist", "adam", "paper_avg_acc", 98.602, 0.229, "")],
        columns=["version", "benchmark", "optimizer", "metric", "value", "sd", "note"],
    )
    (row,) = to_markdown(paper_comparison(compare_with_paper(ours, paper), looks)).splitlines()[4:5]
    assert row.startswith("| Split MNIST | v1 | Adam | avg-ACC (%) | 95.1 ± 0.4 | 98.6 ± 0.2 | −3.5 | ")


def test_missing_columns_are_named(looks):
    with pytest.raises(UserError, match=r"agreement\.csv lacks the column\(s\) margin"):
        paper_comparison(AGREED.drop(columns="margin"), looks)
