import math
from pathlib import Path

import pandas as pd
import pytest

from stability_gap.errors import UserError
from stability_gap.presentation.comparison import PAPER_METRICS, REFERENCE, paper_comparison, sentences
from stability_gap.presentation.formats import to_latex, to_markdown

PUBLISHED = Path(__file__).parents[2] / "reference" / "paper_results.csv"

OURS = pd.DataFrame(
    [
        ("split_mnist", "adam", "v1", "paper_avg_acc", 0.951, 0.004),
        ("split_mnist", "adam", "v1", "paper_avg_sg", 0.21, 0.03),
        ("split_mnist", "adam", "v2", "paper_avg_acc", 0.951, 0.004),
        ("split_mnist", "adam", "v2", "paper_avg_sg", 0.21, 0.03),
        ("split_mnist", "msgd", "v1", "paper_avg_sg", math.nan, math.nan),
        ("split_digits", "adam", "v1", "paper_avg_sg", 0.5, 0.1),
    ],
    columns=PAPER_METRICS,
)
PAPER = pd.DataFrame(
    [
        ("v1", "split_mnist", "adam", "paper_avg_sg", 0.155, 0.094, ""),
        ("v1", "split_mnist", "adam", "paper_avg_acc", 98.602, 0.229, ""),
        ("v3", "split_mnist", "adam", "paper_avg_sg", 0.2, math.nan, ""),
        ("v1", "split_mnist", "msgd", "paper_avg_sg", 0.27, 0.007, ""),
        ("v1", "split_mnist", "sgd", "paper_avg_sg", 0.008, 0.001, ""),
        ("v2", "split_mnist", "msgd", "paper_sg_2", 1.0, math.nan, ""),
    ],
    columns=REFERENCE,
)


def test_table_in_full():
    lines = to_markdown(paper_comparison(OURS, PAPER)).splitlines()
    assert lines[2:8] == [
        "| Benchmark | Paper | Optimizer | Metric | Ours | Published | Difference | Verdict |",
        "| --- | --- | --- | --- | ---: | ---: | ---: | ---: |",
        "| Split MNIST | v1 | MSGD | avg-SG | – | 0.270 ± 0.007 | – | undefined |",
        "|  |  | Adam | avg-ACC (%) | 95.1 ± 0.4 | 98.6 ± 0.2 | −3.5 | **differs** |",
        "|  |  |  | avg-SG | 0.210 ± 0.030 | 0.155 ± 0.094 | +0.055 | within 2 sd |",
        "| Split MNIST | v3 | Adam | avg-SG | 0.210 ± 0.030 | 0.200 | +0.010 | close |",
    ]
    assert lines[-1] == "Not in the paper, so not compared: Split digits."


def test_numbers():
    numbers = paper_comparison(OURS, PAPER).numbers
    assert list(numbers["verdict"]) == ["undefined", "differs", "within_2_sd", "close"]
    assert numbers["ours"][1] == pytest.approx(95.1)
    assert numbers["difference"][1] == pytest.approx(95.1 - 98.602)


def test_sentences():
    assert sentences(paper_comparison(OURS, PAPER).numbers) == [
        "Split MNIST, MSGD: our avg-SG is undefined, against 0.270 ± 0.007 in v1 of the paper.",
        "Split MNIST, Adam: our avg-ACC is 95.1 ± 0.4 %, 3.5 percentage points below the 98.6 ± 0.2 % in v1 of the paper.",
    ]


def test_sentence_where_nothing_differs():
    ours = OURS[OURS["metric"] == "paper_avg_sg"].dropna()
    assert sentences(paper_comparison(ours, PAPER).numbers) == [
        "All 2 published numbers that we can compare with are within 2 sd or close."
    ]


def test_a_suite_that_is_not_in_the_paper():
    table = paper_comparison(OURS[OURS["benchmark"] == "split_digits"], PAPER)
    assert table.numbers.empty
    assert "Not in the paper, so not compared: Split digits." in to_latex(table)
    assert sentences(table.numbers) == ["The paper has no number for these benchmarks and optimizers."]


def test_the_published_file_is_read():
    reference = pd.read_csv(PUBLISHED)
    rows = reference[reference["version"].isin(["v1", "v3"])]
    scale = rows["metric"].str.endswith("_acc").map({True: 0.01, False: 1.0})
    ours = rows.assign(convention=rows["version"].replace("v3", "v2"), value=rows["value"] * scale, sd=rows["sd"] * scale)
    table = paper_comparison(ours[PAPER_METRICS], reference)
    same = table.numbers[table.numbers["version"].isin(["v1", "v3"])]
    assert len(same) == len(rows)
    assert set(same["verdict"]) == {"within_2_sd"}


def test_missing_columns_are_named():
    with pytest.raises(UserError, match=r"paper_metrics\.csv lacks the column\(s\) convention"):
        paper_comparison(OURS.drop(columns="convention"), PAPER)
