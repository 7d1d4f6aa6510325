"""Contracts of published tables: what is published keeps them, and each way to break one is told."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stability_gap import contracts, files, publication
from stability_gap.analysis.measure import measure
from stability_gap.analysis.runs import read_runs
from stability_gap.errors import UserError

TEXT = pd.Series(["perhaps"]).dtype  # str since pandas 3, object before
PUBLISHED = Path(__file__).parents[1] / "paper_figures"
TABLES = [
    pytest.param(path, id=f"{path.parent.name}/{path.name}")
    for path in sorted(PUBLISHED.glob("*/*"))
    if path.name in contracts.CONTRACTS
]


@pytest.mark.parametrize("path", TABLES)
def test_what_is_published_keeps_its_contract(path):
    contracts.check(path)


def test_every_table_that_is_published_has_one():
    named = {*publication.FILES, *publication.EXTRA_FILES} - {"report.html"}
    assert named == set(contracts.CONTRACTS)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"p_value": 1.5}, "p_value must be at most p_holm"),
        ({"p_value": 1.5, "p_holm": 1.5}, "column p_value: 1.5 must be at most 1"),
        ({"n": -1}, "column n: -1 must be at least 0"),
        ({"ci_low": 9.0}, "ci_low must be at most ci_high"),
        ({"significant": "perhaps"}, f"column significant: '{TEXT}' is of another type"),
        ({"mean_a": "high"}, "column mean_a: 'high' is of another type"),
        ({"extra": 1}, "the column extra is not among its columns"),
        (
            {"metric": "avg_acc", "optimizer_a": "a", "optimizer_b": "b"},
            "two rows have the same benchmark, metric, optimizer_a, optimizer_b",
        ),
    ],
)
def test_what_breaks_a_contract_is_told_with_column_rule_and_value(tmp_path, change, told):
    table = files.read_csv(PUBLISHED / "digits/statistics.csv").assign(**change)
    files.write_csv(tmp_path / "statistics.csv", table)
    with pytest.raises(UserError) as error:
        contracts.check(tmp_path / "statistics.csv")
    ending = "; see docs/data-contracts.md. Delete it and run snakemake again."
    assert str(error.value) == f"{tmp_path}/statistics.csv breaks its contract: {told}{ending}"


def test_missing_columns_missing_values_and_unknown_words_are_told(tmp_path):
    claims = files.read_csv(PUBLISHED / "digits/claims.csv")
    for table, told in (
        (claims.drop(columns="title"), "it lacks the column title"),
        (claims.iloc[:0].drop(columns="title"), "it lacks the column title"),
        (claims.assign(statement=None), "column statement: a value is missing"),
        (claims.assign(verdict="perhaps"), "column verdict: perhaps must be one of reproduced, not reproduced, inconclusive"),
    ):
        files.write_csv(tmp_path / "claims.csv", table)
        with pytest.raises(UserError, match=told):
            contracts.check(tmp_path / "claims.csv")
    files.write_csv(tmp_path / "claims.csv", claims.iloc[:0])
    contracts.check(tmp_path / "claims.csv")  # no row breaks nothing


def test_parquet_and_what_has_no_contract(tmp_path):
    metrics = files.read_parquet(PUBLISHED / "digits/metrics.parquet")
    files.write_parquet(tmp_path / "metrics.parquet", pd.concat([metrics, metrics.iloc[:1]]))
    with pytest.raises(UserError, match="two rows have the same benchmark, optimizer, seed, metric, context"):
        contracts.check(tmp_path / "metrics.parquet")
    files.write_parquet(tmp_path / "metrics.parquet", metrics.assign(value=np.nan))
    contracts.check(tmp_path / "metrics.parquet")  # an undefined metric is a result
    files.write_text(tmp_path / "notes.csv", "anything\n")
    contracts.check(tmp_path / "notes.csv")


# --- what follows from what is published ----------------------------------------------------------------------------------

WITH_RUNS = [path.parent for path in sorted(PUBLISHED.glob("*/MANIFEST.json")) if files.read_json(path).get("run_files")]


@pytest.mark.parametrize("folder", WITH_RUNS, ids=lambda folder: folder.name)
def test_the_published_metrics_are_those_of_the_published_runs(folder):
    """Measured here; sums of another processor may differ in the last digit."""
    listed = files.read_json(folder / "MANIFEST.json")["run_files"]
    assert listed == {str(path.relative_to(folder)): files.digest(path) for path in folder.glob("runs/*/*/*/*")}
    published = files.read_parquet(folder / "metrics.parquet")
    pd.testing.assert_frame_equal(measure(read_runs(sorted(folder.glob("runs/*/*/*")))), published, rtol=1e-9)


def test_the_default_suite_publishes_its_runs():
    assert "digits" in [folder.name for folder in WITH_RUNS]
