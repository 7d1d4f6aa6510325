"""The tables in reference/ hold what the analysis compares with."""

from pathlib import Path

import pandas as pd
import pytest

from stability_gap.analysis.agreement import AUTHORS, CONVENTIONS, FIRST_TASK_UNITS, REFERENCE
from stability_gap.analysis.metrics.registry import METRICS
from stability_gap.analysis.paper_convention import UNITS
from stability_gap.config import load
from stability_gap.files import read_csv

REPOSITORY = Path(__file__).parents[1]
CONFIG = load(REPOSITORY / "config.yaml")
SEEDS = [42, 43, 44, 45, 46]


@pytest.fixture(scope="module")
def authors() -> pd.DataFrame:
    return read_csv(REPOSITORY / "reference/authors_per_seed.csv")


@pytest.fixture(scope="module")
def published() -> pd.DataFrame:
    return read_csv(REPOSITORY / "reference/paper_results.csv")


def test_published_numbers_are_ones_that_we_compute(published):
    assert list(published.columns) == REFERENCE
    assert set(published["metric"]) == set(UNITS)
    assert set(published["version"]) == set(CONVENTIONS)
    assert set(published["benchmark"]) <= set(CONFIG.benchmarks)
    assert set(published["optimizer"]) <= set(CONFIG.optimizers)
    assert published[["value", "note"]].notna().all(axis=None)


def test_the_authors_seeds_are_five_of_each_of_five_benchmarks_and_four_optimizers(authors):
    assert list(authors.columns) == AUTHORS
    assert authors["benchmark"].nunique() == 5
    assert set(authors["benchmark"]) <= set(CONFIG.benchmarks)
    assert set(authors["optimizer"]) == {"sgd", "msgd", "adam", "ngm_sgd"}
    cells = authors.groupby(["benchmark", "optimizer", "metric", "context"], dropna=False)["seed"].agg(sorted)
    assert all(seeds == SEEDS for seeds in cells)
    assert authors["value"].notna().all()


def test_the_authors_metrics_are_ones_that_we_compute_in_our_contexts(authors):
    names = set(authors["metric"])
    assert names <= {*FIRST_TASK_UNITS, *METRICS}
    for metric, rows in authors.groupby("metric"):
        if metric in METRICS and METRICS[metric].per == "stream":
            assert rows["context"].isna().all()
        else:
            first = 2 if metric in METRICS and METRICS[metric].per == "switch" else 1
            assert rows.groupby("benchmark")["context"].min().eq(first).all(), metric


def test_the_authors_values_are_fractions_and_fit_together(authors):
    values = authors.pivot_table(index=["benchmark", "optimizer", "seed", "context"], columns="metric", values="value")
    for name in ("accuracy_end", "accuracy_min"):
        assert values[name].between(0, 1).all()
    assert (values["accuracy_min"] <= values["accuracy_end"]).all()
    before = values.groupby(level=[0, 1, 2])["accuracy_end"].shift()
    gaps = 1 - values["accuracy_min"] / before
    assert (gaps - values["sg_first"]).dropna().abs().max() < 1e-4
    means = authors[authors["metric"] == "avg_sg_first"].set_index(["benchmark", "optimizer", "seed"])["value"]
    assert (values["sg_first"].groupby(level=[0, 1, 2]).mean() - means).abs().max() < 1e-5
