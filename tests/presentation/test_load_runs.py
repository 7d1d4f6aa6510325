import json
from pathlib import Path

import pandas as pd
import pytest
from synthetic_results import write_runs

from stability_gap.errors import UserError
from stability_gap.presentation.runs import load_runs


@pytest.fixture
def folders(small, tmp_path) -> list[Path]:
    return write_runs(small, tmp_path / "results")


def test_all_runs_of_a_benchmark(small, folders):
    runs = load_runs(folders)
    assert (runs.benchmark, runs.classes) == ("split_digits", 10)
    keys = ["optimizer", "seed", "iteration", "task"]
    columns = [*keys, "accuracy", "loss"]
    expected = small.evaluations["split_digits"].sort_values(keys)[columns].reset_index(drop=True)
    assert runs.evaluations.sort_values(keys)[columns].reset_index(drop=True).equals(expected)
    assert {"optimizer", "gain_output"} <= set(runs.training.columns)


def test_only_the_seeds_that_are_asked_for(folders):
    assert set(load_runs(folders, seeds=[42]).evaluations["seed"]) == {42}


def test_a_seed_in_two_folders_counts_once(small, folders):
    assert len(load_runs([*folders, folders[0]]).evaluations) == len(small.evaluations["split_digits"])


def test_errors(folders):
    with pytest.raises(UserError, match="no run folders"):
        load_runs([])
    names = json.loads((folders[0] / "run.json").read_text())
    (folders[0] / "run.json").write_text(json.dumps({**names, "benchmark": "other"}))
    with pytest.raises(UserError, match="several benchmarks"):
        load_runs(folders)
    pd.DataFrame({"seed": [1]}).to_parquet(folders[0] / "evaluations.parquet")
    with pytest.raises(UserError, match=r"evaluations\.parquet lacks"):
        load_runs(folders[:1])
