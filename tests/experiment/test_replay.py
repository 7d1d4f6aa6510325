"""A replay is the recorded run, or an error."""

from pathlib import Path

import pytest
import torch
from cells import small_cell

from stability_gap import files
from stability_gap.errors import UserError
from stability_gap.experiment.replay import open_run
from stability_gap.experiment.run import train_cell
from stability_gap.tasks.prepare import prepare_dataset, prepare_stream
from stability_gap.tasks.settings import DigitsSettings, SplitStream


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> Path:
    """A stream, and runs of ngm_sgd and of sgd_matched, which follows it."""
    folder = tmp_path_factory.mktemp("replay")
    prepare_dataset("digits", DigitsSettings(source="sklearn_digits"), folder, folder / "data")
    prepare_stream("split_digits_smoke", SplitStream(kind="split", classes_per_task=2), folder / "data", folder / "stream")
    train_cell(small_cell("ngm_sgd"), folder / "stream", [7, 3], folder / "ngm_sgd", 1, "cpu")
    matched = small_cell("sgd_matched")
    train_cell(matched, folder / "stream", [3], folder / "sgd_matched", 1, "cpu", [folder / "ngm_sgd"])
    return folder


def test_snapshots_have_the_recorded_weights_and_gains(folders):
    replay = open_run(folders / "ngm_sgd", [folders / "stream"])
    assert replay.seeds == [3, 7]
    kept = replay.snapshots(7, (-1, 0, 2, 6))
    table = files.read_parquet(folders / "ngm_sgd" / "training.parquet")
    table = table[table["seed"] == 7].set_index("iteration")
    assert sorted(kept) == [5, 6, 8, 11, 12, 14, 17, 18, 20, 23, 24, 26, 30]
    for iteration, state in kept.items():
        for layer in ("hidden1", "output"):
            norm = float(torch.linalg.vector_norm(state[f"{layer}.parametrizations.weight.original"]))
            assert norm == pytest.approx(table.loc[iteration, f"weight_norm_{layer}"], rel=1e-6)
            gain = float(state[f"{layer}.parametrizations.weight.0.gain"][0])
            assert gain == pytest.approx(table.loc[iteration, f"gain_{layer}"], rel=1e-6)  # which is a mean over units


def test_only_seeds_of_interest(folders):
    assert open_run(folders / "ngm_sgd", [folders / "stream"], seeds=[7, 99]).seeds == [7]


def test_a_run_that_follows_another_is_replayed_with_it(folders):
    runs = [folders / "sgd_matched", folders / "ngm_sgd"]
    assert len(open_run(runs[0], [folders / "stream"], runs).snapshots(3, (0,))) == 4
    with pytest.raises(UserError, match="reads the run of ngm_sgd; name the run folder of split_digits_smoke ngm_sgd as well"):
        open_run(runs[0], [folders / "stream"], runs[:1])


def test_another_loss_is_refused_with_run_and_iteration(folders, tmp_path):
    table = files.read_parquet(folders / "ngm_sgd" / "training.parquet")
    table.loc[(table["seed"] == 3) & (table["iteration"] == 4), "loss"] += 1e-6
    files.write_parquet(tmp_path / "training.parquet", table)
    files.write_json(tmp_path / "run.json", files.read_json(folders / "ngm_sgd" / "run.json"))
    replay = open_run(tmp_path, [folders / "stream"])
    replay.snapshots(7, (0,))
    with pytest.raises(UserError, match=f"{tmp_path}: seed 3, replayed, has another training loss from iteration 4 on"):
        replay.snapshots(3, (0,))


def test_a_run_of_a_gpu_is_refused_before_it_is_trained(folders, tmp_path):
    files.write_json(tmp_path / "run.json", files.read_json(folders / "ngm_sgd" / "run.json") | {"device": "cuda"})
    with pytest.raises(UserError, match=f"{tmp_path} was trained on cuda; .* --config device=cpu"):
        open_run(tmp_path, [folders / "stream"])


def test_a_run_without_its_stream_or_facts_is_refused(folders, tmp_path):
    facts = files.read_json(folders / "ngm_sgd" / "run.json")
    files.write_json(tmp_path / "run.json", facts | {"stream_digest": "another"})
    with pytest.raises(UserError, match="was trained on none of the streams"):
        open_run(tmp_path, [folders / "stream"])
    files.write_json(tmp_path / "run.json", {"benchmark": "mine"})
    with pytest.raises(
        UserError, match=r"run.json lacks settings, stream_digest, seeds, threads, device; only a run of this pipeline"
    ):
        open_run(tmp_path, [folders / "stream"])
