"""Learning rates of another run: read as far as it went, or refused with the reason."""

import logging
import shutil

import numpy as np
import pandas as pd
import pytest

from stability_gap import files
from stability_gap.errors import UserError
from stability_gap.experiment.donor import digest, read_donors

FACTS = {"benchmark": "split_tiny", "optimizer": "ngm_sgd", "stream_digest": "abc"}


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
    folder = tmp_path / "donor"
    files.write_json(folder / "run.json", FACTS)
    files.write_parquet(folder / "training.parquet", table)
    return folder, table


def read(*folders, seeds=(3,), benchmark="split_tiny", optimizer="ngm_sgd", stream="abc", updates=3):
    return read_donors(folders, benchmark, optimizer, stream, list(seeds), updates)


def test_rates_and_gains_are_those_of_the_seed_in_order(donor):
    folder, table = donor
    files.write_parquet(folder / "training.parquet", table.sample(frac=1, random_state=0))
    found = read(folder, seeds=[7, 3])
    assert set(found) == {3, 7}
    rate, gain = found[7]
    np.testing.assert_allclose(rate, [0.2] * 3, rtol=1e-6)
    assert gain.tolist() == [4, 5, 6]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"benchmark": "other"}, "is no run of other; a run can follow the learning rates of one on its own benchmark only"),
        ({"optimizer": "sgd"}, "is a run of ngm_sgd, but the settings follow sgd; name a folder of that"),
        ({"stream": "def"}, r"was trained on another stream of split_tiny \(stream_digest\); train it again"),
        ({"seeds": [4]}, "has no run of seed 4; train it first"),
        ({"updates": 4}, "has 3 updates of seed 3, not 4"),
    ],
)
def test_a_donor_of_another_benchmark_optimizer_stream_seed_or_length_is_refused(donor, wanted, message):
    with pytest.raises(UserError, match=message):
        read(donor[0], **wanted)


def test_a_seed_in_two_donors_is_refused(donor, tmp_path):
    shutil.copytree(donor[0], tmp_path / "again")
    with pytest.raises(UserError, match=r"donor, .*again hold two runs of seed 7; name one of them only"):
        read(donor[0], tmp_path / "again", seeds=[7])


def test_from_where_a_donor_diverged_there_is_nothing_to_read(donor, caplog):
    folder, table = donor
    table.loc[4, "gain_output"] = np.nan
    files.write_parquet(folder / "training.parquet", table)
    with caplog.at_level(logging.WARNING, logger="stability_gap"):
        found = read(folder, seeds=[3, 7])
    np.testing.assert_allclose(found[7], [[0.2, np.nan, np.nan], [4, np.nan, np.nan]], rtol=1e-6)
    assert np.isfinite(found[3]).all()
    assert caplog.messages == [f"donor {folder} diverged with seed 7 at iteration 2; what follows it ends there"]
    table.loc[3, "learning_rate"] = np.inf
    files.write_parquet(folder / "training.parquet", table)
    with pytest.raises(UserError, match="diverged with seed 7 at iteration 1, so it has no learning rates"):
        read(folder, seeds=[3, 7])


def test_the_digest_is_of_what_was_read(donor):
    found = read(donor[0], seeds=[3, 7])
    assert len({digest(found[3]), digest(found[7]), digest(found[7][::-1])}) == 3
    assert digest(found[7]) == digest(read(donor[0], seeds=[7])[7])


@pytest.mark.parametrize("content", [None, 3, [], {"benchmark": None}])
def test_a_donor_whose_run_json_is_something_else_is_refused(donor, content):
    files.write_json(donor[0] / "run.json", content)
    with pytest.raises(UserError, match="is no run of split_tiny"):
        read(donor[0])
