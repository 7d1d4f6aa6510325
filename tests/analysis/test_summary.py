import math

import numpy as np
import pandas as pd
import pytest

from stability_gap.analysis.summary import summarise
from stability_gap.errors import UserError

COLUMNS = ["benchmark", "optimizer", "seed", "metric", "context", "value"]


def metrics(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS).astype({"context": "Int16", "value": "float64"})


HAND = metrics(
    [
        *[("digits", "sgd", seed, "diverged", None, float(seed == 3)) for seed in (1, 2, 3)],
        *[("digits", "sgd", seed, "avg_acc", None, value) for seed, value in ((1, 0.5), (2, 0.75), (3, 0.1))],
        *[("digits", "sgd", seed, "sg_first", 2, value) for seed, value in ((1, 0.25), (2, 0.5), (3, 1.0))],
        *[("digits", "sgd", seed, "sg_first", 10, 0.5) for seed in (1, 2, 3)],
        *[("digits", "sgd", seed, "recovery", 2, value) for seed, value in ((1, 4.0), (2, math.nan), (3, math.nan))],
        *[("digits", "sgd", seed, "wc_acc", None, math.nan) for seed in (1, 2, 3)],
        ("digits", "adam", 1, "diverged", None, 0.0),
        ("digits", "adam", 1, "avg_acc", None, 0.9),
    ]
)


def row(table: pd.DataFrame, optimizer: str, metric: str, context: int | None = None) -> pd.Series:
    found = table[(table["optimizer"] == optimizer) & (table["metric"] == metric)]
    found = found[found["context"].isna() if context is None else found["context"] == context]
    assert len(found) == 1
    return found.iloc[0]


def test_summary_by_hand():
    table = summarise(HAND)
    assert list(table.columns) == [*["benchmark", "optimizer", "metric", "context", "n", "mean", "sd", "min", "max", "diverged"]]
    accuracy = row(table, "sgd", "avg_acc")
    mean = (0.5 + 0.75 + 0.1) / 3
    sd = math.sqrt(((0.5 - mean) ** 2 + (0.75 - mean) ** 2 + (0.1 - mean) ** 2) / 2)
    assert accuracy[["mean", "sd", "min", "max"]].tolist() == pytest.approx([mean, sd, 0.1, 0.75])
    assert accuracy[["n", "diverged"]].tolist() == [3, 1]
    gap = row(table, "sgd", "sg_first", 2)
    assert gap["mean"] == pytest.approx((0.25 + 0.5 + 1) / 3)


def test_order_is_by_key_with_the_whole_stream_last():
    table = summarise(HAND)
    keys = list(zip(table["optimizer"], table["metric"], table["context"].fillna(99), strict=True))
    assert keys == [
        ("adam", "avg_acc", 99),
        ("sgd", "avg_acc", 99),
        ("sgd", "recovery", 2),
        ("sgd", "sg_first", 2),
        ("sgd", "sg_first", 10),
        ("sgd", "wc_acc", 99),
    ]
    assert str(table["context"].dtype) == "Int16"
    shuffled = summarise(HAND.sample(frac=1, random_state=3))
    pd.testing.assert_frame_equal(shuffled, table)


def test_undefined_values_are_counted_out_in_the_open():
    table = summarise(HAND)
    assert row(table, "sgd", "recovery", 2)[["n", "mean"]].tolist() == [1, 4]
    never = row(table, "sgd", "wc_acc")
    assert never["n"] == 0
    assert never[["mean", "sd", "min", "max"]].isna().all()


def test_one_seed_has_no_sd():
    single = row(summarise(HAND), "adam", "avg_acc")
    assert single[["n", "mean", "min", "max", "diverged"]].tolist() == [1, 0.9, 0.9, 0.9, 0]
    assert np.isnan(single["sd"])


def test_a_table_without_marks_of_divergence_is_refused():
    unmarked = HAND[(HAND["metric"] != "diverged") | (HAND["optimizer"] == "adam")]
    with pytest.raises(UserError, match="digits/sgd lack the rows of the metric diverged"):
        summarise(unmarked)
