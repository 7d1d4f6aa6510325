import numpy as np
import pandas as pd
import pytest

from stability_gap.analysis.mechanism.around import around_switches


def test_averages_switches_first_and_seeds_then():
    rows = [  # seed, context, value; over its switches seed 1 has the mean 2.5, geometric 2
        (1, 2, 1.0),
        (1, 3, 4.0),
        (2, 2, 16.0),
        (2, 3, 16.0),
    ]
    table = pd.DataFrame(rows, columns=["seed", "context", "value"]).assign(
        benchmark="b", optimizer="o", since=5, quantity="lambda_w"
    )
    other = table.assign(quantity="lambda_eff", value=99.0)
    both = pd.concat([table, other])
    (plain,) = around_switches(both, "lambda_w").to_dict("records")
    assert plain["mean"] == pytest.approx((2.5 + 16) / 2)
    assert plain["n"] == 2
    (geometric,) = around_switches(both, "lambda_w", geometric=True).to_dict("records")
    assert geometric["mean"] == pytest.approx(np.sqrt(2 * 16))
    assert geometric["low"] * geometric["high"] == pytest.approx(geometric["mean"] ** 2)
