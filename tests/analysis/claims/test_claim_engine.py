import pandas as pd
import pytest
from claim_tables import CLASS, DOMAIN, gaps, rows, verdicts

from stability_gap.analysis.claims import CLAIMS, COLUMNS, NOT_TESTED, REPRODUCED, Claim, Terms, judge
from stability_gap.analysis.claims.engine import NotTested
from stability_gap.analysis.settings import AnalysisSettings
from stability_gap.errors import UserError


def holds(case):
    return REPRODUCED, f"{len(case.rows)} rows, level {case.terms.alpha:g}"


def test_the_claims_of_the_protocol_are_registered_and_documented():
    assert set(range(1, 11)) - {7} <= {each.number for each in CLAIMS}
    assert {12, 13, 15, 16} <= {each.number for each in CLAIMS}
    assert all(each.statement and each.rule.__doc__ for each in CLAIMS)
    statements = {}
    for each in CLAIMS:  # rows of one claim share its statement
        assert statements.setdefault(each.number, each.statement) == each.statement


def test_a_row_per_benchmark_reference_and_optimizer():
    metrics = gaps(ngm_sgd=0.1, sgd=0.2)
    metrics = pd.concat([metrics, metrics.assign(benchmark="a")]).sample(frac=1, random_state=0)
    terms = Terms(incremental={"a": "domain", "b": "class"})
    claim = Claim(99, "title", "x", holds, references=("first", "previous"), optimizers=("ngm_sgd", "sgd"))
    found = judge(metrics, terms, claims=[claim])
    assert list(found.columns) == COLUMNS
    assert found[["benchmark", "reference", "optimizer"]].to_numpy().tolist() == [
        [b, r, o] for b in "ab" for r in ("first", "previous") for o in ("ngm_sgd", "sgd")
    ]


def test_another_claim_is_one_function():
    found = judge(gaps(ngm_sgd=0.1), CLASS, claims=[Claim(99, "title", "tables have rows", holds)])
    expected = [99, "title", "tables have rows", "b", None, REPRODUCED, "20 rows, level 0.05", None, "yes"]
    assert found.iloc[0].tolist() == expected


def test_what_is_missing_is_named():
    def lacks(case):
        raise NotTested("missing: x")

    def evidence(terms=CLASS, **fields):
        (row,) = judge(gaps(sgd=0.1), terms, claims=[Claim(99, "title", "s", **{"rule": holds, **fields})]).to_dict("records")
        return row["verdict"], row["evidence"], row["authors"]

    def untested(words):
        return NOT_TESTED, words, "cannot be told"

    assert evidence(needs=("sgd", "adam"), optimizers=("msgd",), files=("f.csv",)) == untested("missing: adam, msgd, f.csv")
    assert evidence(needs=(("adam", "sgd"), ("nag", "lpr"))) == untested("missing: nag")
    assert evidence(rule=lacks) == untested("missing: x")
    assert evidence(kind="domain") == untested("about domain-incremental streams")
    assert evidence(replay=True) == untested("about streams with replay")
    assert evidence(replay=True, terms=CLASS.model_copy(update={"sampling": {"b": "replay"}}))[0] == REPRODUCED


def test_a_claim_apart_has_one_row_once_its_files_are_there():
    def rule(case):
        return REPRODUCED, str(len(case.evidence["toy.csv"]))

    claim = Claim(99, "title", "s", rule, files=("toy.csv",), apart="toy")
    without = judge(gaps(sgd=0.1), CLASS, claims=[claim])
    assert without[["benchmark", "verdict"]].to_numpy().tolist() == [["b", NOT_TESTED]]
    found = judge(gaps(sgd=0.1), CLASS, {"toy.csv": pd.DataFrame({"x": [1, 2]})}, claims=[claim])
    assert found[["benchmark", "verdict", "evidence"]].to_numpy().tolist() == [["toy", REPRODUCED, "2"]]


def test_the_authors_data_are_judged_by_the_same_rule():
    def theirs(**means):
        return gaps(5, **means).astype({"context": "float64"})

    ours = gaps(ngm_sgd=0.1, sgd=0.2)
    answers = [
        verdicts(2, ours, authors=authors)["authors"].tolist()
        for authors in (
            theirs(ngm_sgd=0.1, sgd=0.2),
            theirs(ngm_sgd=0.2, sgd=0.1),
            theirs(ngm_sgd=0.1, sgd=0.1),
            theirs(ngm_sgd=0.1),
            None,
        )
    ]
    assert answers == [["yes"] * 2, ["no"] * 2, *[["cannot be told"] * 2] * 3]
    assert set(verdicts(2, ours, authors=theirs(ngm_sgd=0.2, sgd=0.1))["verdict"]) == {REPRODUCED}


def test_a_benchmark_that_nobody_describes_is_an_error():
    with pytest.raises(UserError, match="whether b is class- or domain-incremental"):
        judge(gaps(ngm_sgd=0.1), Terms(incremental={}))


def test_margins_and_level_are_those_of_the_settings():
    assert Terms(incremental={}).model_dump(exclude={"incremental", "sampling"}) == AnalysisSettings().model_dump()


@pytest.mark.parametrize(
    ("number", "evidence"),
    [
        (1, "missing: avg_sg_first"),
        (2, "missing: avg_sg_first"),
        (3, "missing: avg_acc"),
        (4, "fewer than two switches: adam"),
        (5, "missing: gain_rise, gain_decay, placebo_gain_rise, placebo_gain_decay"),
        (6, "missing: mean_gain of two tasks"),
        (8, "missing: avg_sg_first"),
        (16, "missing: avg_net_sg_first"),
    ],
)
def test_missing_metrics_are_named(number, evidence):
    metrics = pd.concat([rows(optimizer, "min_acc", 0.5) for optimizer in ("adam", "msgd", "ngm_sgd", "sgd", "ngm_fixed_gain")])
    found = verdicts(number, metrics)
    assert set(found["verdict"]) == {NOT_TESTED}
    assert found["evidence"].iloc[0] == evidence


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 8, 9, 10, 13, 14, 15, 16])
def test_nothing_is_judged_without_its_optimizers(number):
    found = verdicts(number, gaps(another=0.1), DOMAIN if number == 6 else CLASS)
    assert set(found["verdict"]) == {NOT_TESTED}
    assert found["evidence"].str.startswith("missing: ").all()
