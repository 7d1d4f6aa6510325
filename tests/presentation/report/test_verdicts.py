import pandas as pd
import pytest

from stability_gap.errors import UserError
from stability_gap.presentation.report.verdicts import readable, verdict_grid, without_untested

CLAIMS = pd.DataFrame(
    [
        (1, "ngm_sgd beats msgd", "rotated_digits", "first", "reproduced", "avg_sg ngm_sgd 0.1: difference -0.2; more"),
        (1, "ngm_sgd beats msgd", "split_digits", "first", "not reproduced", "so"),
        (1, "ngm_sgd beats msgd", "split_digits", "previous", "inconclusive", "so"),
        (99, "ngm_sgd is new_thing", "split_digits", None, "not tested here", "no such optimizer"),
    ],
    columns=["claim", "statement", "benchmark", "reference", "verdict", "evidence"],
)


def test_grid(looks):
    columns, rows = verdict_grid(CLAIMS, looks, {"avg_sg": "avg-SG"})
    assert columns == ["Split digits", "rotated_digits"]
    assert [(row.claim, row.reference) for row in rows] == [(1, "gap of task 1"), (1, "gap of the task before"), (99, "")]
    assert [[cell and cell.mark for cell in row.cells] for row in rows] == [["✗", "✓"], ["?", None], ["–", None]]
    assert rows[0].title == "NGM-SGD beats MSGD"  # a table from before claims had titles
    assert rows[0].statement == "NGM-SGD beats MSGD"
    assert rows[2].title == "NGM-SGD is new thing"
    cell = rows[0].cells[1]
    assert cell.evidence == ["avg-SG NGM-SGD 0.1: difference −0.2", "more"]
    assert cell.anchor == "claim-1-rotated_digits-first"


def test_a_title_stands_for_the_statement(looks):
    _, rows = verdict_grid(CLAIMS.assign(title="In a few words"), looks)
    assert (rows[0].title, rows[0].statement) == ("In a few words", "NGM-SGD beats MSGD")


def test_rows_that_no_benchmark_tested_are_numbered_in_place_of_shown(looks):
    _, rows = verdict_grid(CLAIMS, looks)
    shown, untested = without_untested(rows)
    assert [row.claim for row in shown] == [1, 1]
    assert untested == [99]
    assert without_untested(shown) == (shown, [])


def test_anchors_are_told_apart(looks):
    _, rows = verdict_grid(CLAIMS, looks)
    anchors = [cell.anchor for row in rows for cell in row.cells if cell]
    assert len(set(anchors)) == len(CLAIMS)


def test_readable_keeps_hyphens_and_intervals(looks):
    assert readable("95% CI [-0.1, -0.2], sign-flip 10-3", looks) == "95% CI [−0.1, −0.2], sign-flip 10-3"


def test_a_missing_column_is_told(looks):
    with pytest.raises(UserError, match=r"claims\.csv lacks the column\(s\) evidence"):
        verdict_grid(CLAIMS.drop(columns="evidence"), looks)


def test_optimizers_have_rows_of_their_own_and_the_authors_data_a_word(looks):
    more = CLAIMS.iloc[:1].assign(claim=4)
    table = pd.concat([more.assign(optimizer="ngm_sgd", authors="no"), more.assign(optimizer="sgd", authors="cannot be told")])
    _, rows = verdict_grid(table.assign(verdict="not assessable"), looks)
    assert [row.reference for row in rows] == [f"gap of task 1, {looks.optimizer(name)}" for name in ("ngm_sgd", "sgd")]
    assert [row.cells[0].mark for row in rows] == ["○", "○"]
    assert rows[0].cells[0].anchor == "claim-4-rotated_digits-first-ngm_sgd"
    assert rows[0].cells[0].evidence[-1] == "the authors' own data satisfy this rule: no"
    assert rows[1].cells[0].evidence[-1] == "more"
