"""Claims 7 and 11 on made-up curvature and on the toy model."""

import numpy as np
import pandas as pd
import pytest

from stability_gap.analysis.claims import CLAIMS, Terms, judge
from stability_gap.analysis.toy import simulate

TERMS = Terms(incremental={"b": "class"})
METRICS = pd.DataFrame(
    {
        "benchmark": ["b"],
        "optimizer": ["ngm_sgd"],
        "seed": [0],
        "metric": ["avg_acc"],
        "context": pd.array([None], "Int16"),
        "value": [0.9],
    }
)


def curvature(change: float, wrong: float = 0.0, seeds: int = 10) -> pd.DataFrame:
    """λ_eff that changes by the factor exp(change) in the burst; a ratio that is wrong by a factor at one snapshot."""
    random, rows = np.random.default_rng(0), []
    for seed in range(seeds):
        for context in (2, 3):
            for since in (-1, 0, 5, 10, 20, 50):
                effective = np.exp(3 + context + 0.1 * random.normal() + change * (since in (5, 10, 20)))
                squared = 4.0 + (since > 0)
                ratio = squared * (1 + wrong * (since == 20 and seed == 0))
                rows += [
                    (seed, context, since, *pair)
                    for pair in (("lambda_eff", effective), ("lambda_ratio", ratio), ("gain_squared", squared))
                ]
    return pd.DataFrame(rows, columns=["seed", "context", "since", "quantity", "value"]).assign(
        benchmark="b", optimizer="ngm_sgd"
    )


def verdict(number: int, **evidence: pd.DataFrame) -> tuple[str, str]:
    files = {f"{name}.csv": table for name, table in evidence.items()}
    (row,) = judge(METRICS, TERMS, files, claims=[each for each in CLAIMS if each.number == number]).to_dict("records")
    return row["verdict"], row["evidence"]


@pytest.mark.parametrize(
    ("change", "wrong", "seeds", "expected"),
    [
        (-0.7, 0.0, 10, "reproduced"),
        (0.7, 0.0, 10, "not reproduced"),
        (-0.7, 0.02, 10, "not reproduced"),
        (0.0, 0.0, 10, "inconclusive"),
        (-0.7, 0.0, 3, "inconclusive"),
    ],
)
def test_curvature_must_be_scaled_and_fall(change, wrong, seeds, expected):
    found, words = verdict(7, mechanism=curvature(change, wrong, seeds))
    assert found == expected, words
    assert ("off 1 by 0.02 at most" in words) == (wrong > 0)
    assert words.count("; ") == 2


def test_curvature_not_measured_is_not_tested():
    assert verdict(7) == ("not tested here", "missing: mechanism.csv")
    table = curvature(-0.7)
    assert verdict(7, mechanism=table.assign(benchmark="other"))[0] == "not tested here"
    assert verdict(7, mechanism=table[table["since"] != 5]) == ("not tested here", "missing: λ_eff at 5 updates since a switch")


def test_the_toy_model_follows_and_lags():
    found, words = verdict(11, toy=simulate())
    assert found == "reproduced", words
    swapped = simulate().replace({"model": {"slow": "gain", "gain": "slow"}})
    assert verdict(11, toy=swapped)[0] == "not reproduced"
    assert verdict(11)[0] == "not tested here"
