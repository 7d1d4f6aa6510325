"""Learning rates of another run: read whole, or refused with the reason."""

import numpy as np
import pandas as pd
import pytest

from stability_gap import files
from stability_gap.errors import UserError
from stability_gap.experiment.donor import read_donors


@pytest.fixture
def donor(tmp_path):
    """A run folder of two seeds and three updates."""
    table = pd.DataFrame(
        {
            "seed": np.repeat(np.int32([3, 7]), 3),
            "iteration": np.tile(np.int32([1, 2, 3]), 2),
            "learning_rate": np.float32([0.1, 0.1, 0.1, 0.2, 0.2, 0.2]),
            "gain_output": np.float32([1, 2, 3, 4, 5, 6]),
        }
    )
    files.write_json(tmp_path / "run.json", {"benchmark": "split_tiny"})
    files.write_parquet(tmp_path / "training.parquet", table)
    return tmp_path, table


def test_rates_and_gains_are_those_of_the_seed_in_order(donor):
    folder, table = donor
    files.write_parquet(folder / "training.parquet", table.sample(frac=1, random_state=0))
    found = read_donors([folder], "split_tiny", [7, 3], 3)
    assert set(found) == {3, 7}
    rate, gain = found[7]
    np.testing.assert_allclose(rate, [0.2] * 3, rtol=1e-6)
    assert gain.tolist() == [4, 5, 6]


@pytest.mark.parametrize(
    ("benchmark", "seeds", "updates", "message"),
    [
        ("other", [3], 3, "is no run of other; a run can follow the learning rates of one on its own benchmark only"),
        ("split_tiny", [4], 3, "has no run of seed 4; train it first"),
        ("split_tiny", [3], 4, "has 3 updates of seed 3, not 4"),
    ],
)
def test_a_donor_of_another_benchmark_seed_or_length_is_refused(donor, benchmark, seeds, updates, message):
    with pytest.raises(UserError, match=message):
        read_donors([donor[0]], benchmark, seeds, updates)


def test_a_donor_that_diverged_is_refused(donor):
    folder, table = donor
    table.loc[4, "gain_output"] = np.nan
    files.write_parquet(folder / "training.parquet", table)
    with pytest.raises(UserError, match="diverged with seed 7 at iteration 2"):
        read_donors([folder], "split_tiny", [3, 7], 3)
    assert list(read_donors([folder], "split_tiny", [3], 3)) == [3]


@pytest.mark.parametrize("content", [None, 3, [], {"benchmark": None}])
def test_a_donor_whose_run_json_is_something_else_is_refused(donor, content):
    files.write_json(donor[0] / "run.json", content)
    with pytest.raises(UserError, match="is no run of split_tiny"):
        read_donors([donor[0]], "split_tiny", [3], 3)
