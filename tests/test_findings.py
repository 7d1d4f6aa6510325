"""docs/findings.md: what it says is what is published, and a verdict that changes stops the page."""

import importlib.util
import re
import sys
from pathlib import Path

import pandas as pd
import pytest

from stability_gap import files
from stability_gap.analysis.statistics import by_seed, t_interval

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def findings():
    sys.path.insert(0, str(DOCS))
    spec = importlib.util.spec_from_file_location("generate_findings", DOCS / "generate_findings.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path.remove(str(DOCS))
    return module


def test_the_page_is_that_of_the_published_suites(findings, capsys):
    assert findings.main(["--check"]) == 0, capsys.readouterr().err


def test_it_is_read_on_two_screens(findings):
    words = re.sub(r"\]\([^)]*\)", "]", findings.page()).split()
    assert sum(any(map(str.isalnum, word)) for word in words) <= 1000  # bars of tables are no words


def test_every_picture_and_link_is_there(findings):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", findings.page()):
        assert target.startswith("https://") or (DOCS / target).exists(), target


def test_no_number_of_the_template_is_typed(findings):
    """A result has a decimal point, and comes from a file; a size of the experiment or a setting is no result."""
    text = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", "", findings.TEMPLATE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert set(re.findall(r"(?<![\w/])[−-]?\d+\.\d+", text)) <= {"0.01", "0.95"}  # the common rate, the decay of averages


def test_a_verdict_that_changed_stops_the_page(findings):
    claims = files.read_csv(findings.PUBLISHED / "digits" / "claims.csv")
    row = claims[(claims["claim"] == 3) & (claims["benchmark"] == "split_digits")].iloc[0]
    assert findings.holds("digits", 3, "split_digits", row["verdict"]) == ""
    other = "inconclusive" if row["verdict"] != "inconclusive" else "reproduced"
    with pytest.raises(ValueError, match=re.escape(f"claim 3 on split_digits of suite digits is {other!r}")):
        findings.holds("digits", 3, "split_digits", other)


def test_undecided_differences_have_intervals_around_zero(findings):
    """Those that no verdict of a claim tells: rivals tuned along the stream, NGM-SGD tuned to a constant's accuracy, averages."""
    controls, tuned = (files.read_parquet(findings.PUBLISHED / suite / "metrics.parquet") for suite in ("controls", "tuning"))
    constant = by_seed(controls, "rotated_digits", "avg_sg_previous")["ngm_constant_gain"]
    split, rotated = (by_seed(tuned, name, "avg_sg_previous") for name in ("split_digits_sparse", "rotated_digits_sparse"))
    for difference in (
        split["sgd_tuned_anytime"] - split["ngm_sgd_tuned_anytime"],
        constant - rotated["ngm_sgd_tuned_anytime"],
    ):
        low, high = t_interval(difference.to_numpy())
        assert low < 0 < high
    as_accurate = by_seed(controls, "rotated_digits", "avg_acc")["ngm_constant_gain"].mean()
    assert abs(as_accurate - by_seed(tuned, "rotated_digits_sparse", "avg_acc")["ngm_sgd_tuned_anytime"].mean()) < 5e-4
    averaged = findings.row(
        "frontier_mnist", "frontier_gap.csv", benchmark="split_mnist_sparse", reference="first", optimizer="msgd_ema"
    )
    assert averaged["difference_low"] < 0 < averaged["difference_high"]


def test_curvature_on_new_data_alone_rises_with_new_classes_and_falls_on_rotated_digits(findings):
    claims = files.read_csv(findings.PUBLISHED / "mechanism" / "claims.csv").query("claim == 7").set_index("benchmark")
    ends = {}
    for benchmark in ("split_digits", "rotated_digits"):
        _, _, alone = claims.loc[benchmark, "evidence"].partition("on the new data throughout")
        ends[benchmark] = [float(end) for end in re.search(r"t interval \[(\S+), (\S+)\]", alone).groups()]
    assert min(ends["split_digits"]) > 0
    assert max(ends["rotated_digits"]) < 0


def test_numbers_are_those_of_the_tables(findings):
    summary = files.read_csv(findings.PUBLISHED / "digits" / "summary.csv")
    cell = summary[(summary["benchmark"] == "split_digits") & (summary["optimizer"] == "ngm_sgd")]
    published = cell.loc[(cell["metric"] == "avg_acc") & cell["context"].isna(), "mean"].item()
    assert findings.mean("digits", "split_digits", "ngm_sgd", "avg_acc") == pytest.approx(published)
    metrics = files.read_parquet(findings.PUBLISHED / "digits" / "metrics.parquet")
    seeds = metrics[(metrics["benchmark"] == "split_digits") & (metrics["metric"] == "avg_acc")]
    wide = seeds.pivot_table("value", "seed", "optimizer")
    text = findings.difference("digits", "split_digits", "avg_acc", "ngm_sgd", "sgd", 100, 1)
    assert text.startswith(f"{100 * (wide['ngm_sgd'] - wide['sgd']).mean():.1f} [")
    with pytest.raises(ValueError, match="has no avg_acc of nobody"):
        findings.mean("digits", "split_digits", "nobody", "avg_acc")
    assert isinstance(findings.table("digits", "claims.csv"), pd.DataFrame)
