"""From a stream folder to a run folder: the tables and run.json of docs/data-contracts.md."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from stability_gap import files
from stability_gap.errors import UserError
from stability_gap.experiment.machine import processor
from stability_gap.experiment.run import train_cell
from stability_gap.experiment.settings import CellSettings, EvaluationSettings
from stability_gap.learners.settings import GainSettings, LinearRate, MLPSettings, RunRate, SGDSettings
from stability_gap.tasks.prepare import prepare_dataset, prepare_stream
from stability_gap.tasks.settings import DigitsSettings, SplitStream

ITERATIONS, TASKS = 4, 5
CELL = CellSettings(
    benchmark="split_tiny",
    optimizer="ngm_sgd",
    iterations=ITERATIONS,
    batch_size=8,
    model=MLPSettings(kind="mlp", hidden=5),
    optimizer_settings=SGDSettings(method="sgd", learning_rate=0.05, gain=GainSettings(eta=0.4)),
    evaluation=EvaluationSettings(),
)

EVALUATIONS = {
    "seed": "int32",
    "iteration": "int32",
    "context": "int16",
    "task": "int16",
    "accuracy": "float32",
    "loss": "float32",
}
TRAINING = {"seed": "int32", "iteration": "int32", "context": "int16"} | dict.fromkeys(
    [
        *("loss", "accuracy", "entropy", "learning_rate"),
        *("gain_hidden1", "gain_hidden2", "gain_output"),
        *("weight_norm_hidden1", "weight_norm_hidden2", "weight_norm_output"),
        "update_norm",
    ],
    "float32",
)


@pytest.fixture(scope="module")
def stream(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("stream")
    prepare_dataset("digits", DigitsSettings(source="sklearn_digits"), folder, folder / "data")
    prepare_stream("split_tiny", SplitStream(kind="split", classes_per_task=2), folder / "data", folder / "stream")
    return folder / "stream"


@pytest.fixture(scope="module")
def block(stream, tmp_path_factory) -> Path:
    """A run folder of seeds 7 and 3, in that order."""
    folder = tmp_path_factory.mktemp("runs") / "deep" / "7_3"
    train_cell(CELL, stream, [7, 3], folder, threads=1, device="cpu")
    return folder


def evaluations(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "evaluations.parquet")


def training(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "training.parquet")


def evaluated_cell(**changes: object) -> CellSettings:
    return CELL.model_copy(update={"evaluation": EvaluationSettings(**changes)})


# --- tables ---------------------------------------------------------------------------------------------------------


def test_the_folder_holds_three_files_and_nothing_else(block):
    assert {path.name for path in block.iterdir()} == {"evaluations.parquet", "training.parquet", "run.json"}


def test_evaluations_have_the_columns_types_and_order_of_the_contract(block):
    table = evaluations(block)
    assert {name: str(dtype) for name, dtype in table.dtypes.items()} == EVALUATIONS
    assert list(table) == list(EVALUATIONS)
    expected = [
        (seed, (context - 1) * ITERATIONS + step, context, task)
        for seed in (3, 7)
        for context in range(1, TASKS + 1)
        for step in range(1, ITERATIONS + 1)
        for task in range(1, context + 1)
    ]
    assert list(table[["seed", "iteration", "context", "task"]].itertuples(index=False, name=None)) == expected
    assert table["accuracy"].between(0, 1).all()
    assert np.isfinite(table["loss"]).all()


def test_training_has_the_columns_types_and_order_of_the_contract(block):
    table = training(block)
    assert {name: str(dtype) for name, dtype in table.dtypes.items()} == TRAINING
    assert list(table) == list(TRAINING)
    expected = [
        (seed, iteration, (iteration - 1) // ITERATIONS + 1) for seed in (3, 7) for iteration in range(1, TASKS * ITERATIONS + 1)
    ]
    assert list(table[["seed", "iteration", "context"]].itertuples(index=False, name=None)) == expected
    assert np.isfinite(table).all(axis=None)
    assert table["gain_output"].max() > 1.5


def test_with_rho_2_every_second_iteration_is_evaluated(block, stream, tmp_path):
    train_cell(evaluated_cell(every=2), stream, [3], tmp_path, threads=1, device="cpu")
    every = evaluations(block).query("seed == 3 and iteration % 2 == 0").reset_index(drop=True)
    pd.testing.assert_frame_equal(evaluations(tmp_path), every, check_exact=True)
    assert len(training(tmp_path)) == TASKS * ITERATIONS


def test_with_tasks_first_only_task_1_has_rows(block, stream, tmp_path):
    train_cell(evaluated_cell(tasks="first"), stream, [3], tmp_path, threads=1, device="cpu")
    table, first = evaluations(tmp_path), evaluations(block).query("seed == 3 and task == 1").reset_index(drop=True)
    assert table["context"].max() == TASKS
    pd.testing.assert_frame_equal(table.drop(columns="loss"), first.drop(columns="loss"), check_exact=True)
    np.testing.assert_allclose(table["loss"], first["loss"], rtol=1e-6)


# --- seeds ----------------------------------------------------------------------------------------------------------


def test_the_rows_of_a_seed_do_not_depend_on_the_other_seeds_of_the_block(block, stream, tmp_path):
    for seed in (3, 7):
        train_cell(CELL, stream, [seed], tmp_path / str(seed), threads=1, device="cpu")
    for table in ("evaluations.parquet", "training.parquet"):
        alone = pd.concat([pd.read_parquet(tmp_path / str(seed) / table) for seed in (3, 7)], ignore_index=True)
        files.write_parquet(tmp_path / table, alone)
        assert files.digest(tmp_path / table) == files.digest(block / table)


def test_the_same_run_gives_the_same_bytes_again(block, stream, tmp_path):
    train_cell(CELL, stream, [3, 7], tmp_path, threads=1, device="cpu")
    for table in ("evaluations.parquet", "training.parquet"):
        assert files.digest(tmp_path / table) == files.digest(block / table)


# --- run.json -------------------------------------------------------------------------------------------------------


def test_run_json_tells_where_the_numbers_come_from(block, stream):
    facts, about = files.read_json(block / "run.json"), files.read_json(stream / "stream.json")
    assert facts.keys() == {
        *("benchmark", "optimizer", "classes", "tasks", "incremental", "settings", "seeds", "stream_digest", "official"),
        *("donor", "code", "versions", "python", "device", "processor", "threads"),
        *("wall_seconds", "cpu_seconds", "peak_memory_mib", "peak_gpu_memory_mib", "cuda"),
    }
    assert (facts["benchmark"], facts["optimizer"], facts["classes"], facts["tasks"]) == ("split_tiny", "ngm_sgd", 10, 5)
    assert CellSettings.model_validate(facts["settings"]) == CELL
    alone = {"together": 1, "captured": False, "fallbacks": [], "resumed": 0}
    assert facts["seeds"] == {seed: {"status": "completed", "diverged_at": None} | alone for seed in ("3", "7")}
    assert (facts["stream_digest"], facts["official"]) == (about["digest"], True)
    assert facts["versions"]["torch"] == torch.__version__.split("+")[0]
    assert (facts["device"], facts["processor"], facts["threads"], facts["donor"]) == ("cpu", processor(), 1, None)
    assert 0 < facts["wall_seconds"] < 600
    assert 0 < facts["cpu_seconds"] < 600
    assert facts["peak_memory_mib"] > 50
    assert facts["peak_gpu_memory_mib"] is facts["cuda"] is None


def test_a_seed_that_diverges_is_listed_warned_of_and_keeps_its_rows(stream, tmp_path, caplog):
    wide = MLPSettings(kind="mlp", hidden=64)  # in a narrow one all units die, and the run ends finite
    wild = CELL.model_copy(update={"model": wide, "optimizer_settings": SGDSettings(method="sgd", learning_rate=1e6)})
    with caplog.at_level(logging.WARNING, logger="stability_gap"):
        train_cell(wild, stream, [3], tmp_path, threads=1, device="cpu")
    seed = files.read_json(tmp_path / "run.json")["seeds"]["3"]
    assert seed["status"] == "diverged"
    table, trained = evaluations(tmp_path), training(tmp_path)
    assert (len(table), len(trained)) == (ITERATIONS * (1 + 2 + 3 + 4 + 5), TASKS * ITERATIONS)
    after = table["iteration"] >= seed["diverged_at"]
    assert after.any()
    assert table["accuracy"].isna().tolist() == after.tolist()
    assert table["loss"][after].isna().all()
    assert trained["loss"].isna().tolist() == (trained["iteration"] >= seed["diverged_at"]).tolist()
    assert caplog.messages == [f"split_tiny ngm_sgd seed 3 diverged at iteration {seed['diverged_at']}"]


# --- machine --------------------------------------------------------------------------------------------------------


def test_cuda_on_a_machine_without_is_refused_before_anything_is_made(monkeypatch, stream, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"device: 'cuda' is not available on this machine \(.+\); write device: auto or cpu"):
        train_cell(CELL, stream, [3], tmp_path / "run", threads=1, device="cuda")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_threads_is_what_was_asked_for_and_is_written_down(stream, tmp_path, threads):
    short = CELL.model_copy(update={"iterations": 1})
    train_cell(short, stream, [3], tmp_path, threads=threads, device="cpu")
    assert torch.get_num_threads() == threads
    assert torch.are_deterministic_algorithms_enabled()
    assert files.read_json(tmp_path / "run.json")["threads"] == threads


# --- cadence, rates, watchers ---------------------------------------------------------------------------------------


def test_a_cadence_keeps_the_rows_that_it_evaluates(block, stream, tmp_path):
    train_cell(evaluated_cell(every=3, dense=1), stream, [3], tmp_path, threads=1, device="cpu")
    table, every = evaluations(tmp_path), evaluations(block).query("seed == 3")
    within = (every["iteration"] - 1) % ITERATIONS + 1
    kept = every[within.isin([1, 3, 4])].reset_index(drop=True)
    pd.testing.assert_frame_equal(table, kept, check_exact=True)


def with_rate(learning_rate: object, **changes: object) -> CellSettings:
    return CELL.model_copy(
        update={"optimizer_settings": SGDSettings(method="sgd", learning_rate=learning_rate), "optimizer": "follower", **changes}
    )


def test_a_scheduled_learning_rate_is_in_force_and_written_down(stream, tmp_path):
    train_cell(with_rate(LinearRate(kind="linear", start=0.2, end=0.01)), stream, [3], tmp_path, threads=1, device="cpu")
    table = training(tmp_path)
    np.testing.assert_allclose(table["learning_rate"], np.linspace(0.2, 0.01, TASKS * ITERATIONS), rtol=1e-6)


def test_a_run_that_follows_another_has_its_rate_times_the_gain_squared(block, stream, tmp_path):
    follower = with_rate(RunRate(kind="run", optimizer="ngm_sgd"))
    train_cell(follower, stream, [3, 7], tmp_path, threads=1, device="cpu", donors=[block])
    told = files.read_json(tmp_path / "run.json")["donor"]
    assert (told["optimizer"], set(told["seeds"]), len(set(told["seeds"].values()))) == ("ngm_sgd", {"3", "7"}, 2)
    donor = training(block)
    np.testing.assert_allclose(training(tmp_path)["learning_rate"], donor["learning_rate"] * donor["gain_output"] ** 2, rtol=1e-6)
    plain = with_rate(RunRate(kind="run", optimizer="ngm_sgd", gain_power=0))
    train_cell(plain, stream, [3], tmp_path / "plain", threads=1, device="cpu", donors=[block])
    train_cell(with_rate(0.05), stream, [3], tmp_path / "constant", threads=1, device="cpu")
    pd.testing.assert_frame_equal(training(tmp_path / "plain"), training(tmp_path / "constant"), rtol=1e-4)


def test_a_constant_gain_is_the_mean_of_the_same_seeds_run(block, stream, tmp_path):
    optimizer = SGDSettings(method="sgd", learning_rate=0.05, gain=GainSettings(mean_of="ngm_sgd"))
    settings = CELL.model_copy(update={"optimizer_settings": optimizer, "optimizer": "constant"})
    train_cell(settings, stream, [3, 7], tmp_path, threads=1, device="cpu", donors=[block])
    mean, made = training(block).groupby("seed")["gain_output"].mean(), training(tmp_path).groupby("seed")["gain_output"]
    np.testing.assert_allclose(made.min(), mean, rtol=1e-6)
    np.testing.assert_allclose(made.max(), mean, rtol=1e-6)
    assert mean[3] != mean[7]


@pytest.mark.parametrize(
    "optimizer",
    [
        SGDSettings(method="sgd", learning_rate=RunRate(kind="run", optimizer="ngm_sgd")),
        SGDSettings(method="sgd", learning_rate=0.05, gain=GainSettings(mean_of="ngm_sgd")),
    ],
    ids=["rate", "gain"],
)
def test_what_follows_a_run_that_diverged_diverges_with_it(block, stream, tmp_path, optimizer):
    donor, table = tmp_path / "donor", training(block)
    table.loc[(table["seed"] == 7) & (table["iteration"] >= 9), "learning_rate":] = np.nan
    files.write_parquet(donor / "training.parquet", table)
    files.write_json(donor / "run.json", files.read_json(block / "run.json"))
    settings = CELL.model_copy(update={"optimizer_settings": optimizer, "optimizer": "follower"})
    train_cell(settings, stream, [3, 7], tmp_path / "run", threads=1, device="cpu", donors=[donor])
    told = files.read_json(tmp_path / "run" / "run.json")["seeds"]
    assert [(told[seed]["status"], told[seed]["diverged_at"]) for seed in ("3", "7")] == [("completed", None), ("diverged", 9)]


@pytest.mark.parametrize(
    ("settings", "donors", "message"),
    [
        (
            with_rate(RunRate(kind="run", optimizer="ngm_sgd")),
            [],
            "reads the run of ngm_sgd with the same seed; name the folder of that run with --donor",
        ),
        (CELL, [Path("some/run")], "ngm_sgd reads no other run; leave --donor some/run out"),
    ],
    ids=["missing", "of no use"],
)
def test_a_donor_that_is_missing_or_of_no_use_is_refused(stream, tmp_path, settings, donors, message):
    with pytest.raises(UserError, match=message):
        train_cell(settings, stream, [3], tmp_path / "run", threads=1, device="cpu", donors=donors)
    assert not (tmp_path / "run").exists()


WATCHER = """
import numpy as np


class SaveWeights:
    def __init__(self, learner, timeline, seeds):
        self.learner, self.timeline, self.seeds, self.kept = learner, timeline, seeds, {}

    def see(self, iteration, step):
        if iteration in self.timeline.switches:
            for name, weight in self.learner.weights.items():
                self.kept[f"{name}_{iteration}"] = weight.detach().numpy().copy()

    def finish(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / f"weights_{'_'.join(map(str, self.seeds))}.npz", **self.kept)
"""


def test_a_watcher_that_saves_weights_is_one_file_and_changes_no_result(block, stream, tmp_path, monkeypatch):
    (tmp_path / "my_watchers.py").write_text(WATCHER)
    monkeypatch.syspath_prepend(tmp_path)
    train_cell(CELL, stream, [3, 7], tmp_path / "run", threads=1, device="cpu", watchers=["my_watchers:SaveWeights"])
    for table in ("evaluations.parquet", "training.parquet"):
        assert files.digest(tmp_path / "run" / table) == files.digest(block / table)
    for seed in (3, 7):
        with np.load(tmp_path / "run" / f"weights_{seed}.npz") as kept:
            assert len(kept.files) == 3 * (TASKS - 1)
            norm = np.linalg.norm(kept[f"output_{ITERATIONS}"])
        row = training(block).query(f"seed == {seed} and iteration == {ITERATIONS}")
        assert norm == pytest.approx(row["weight_norm_output"].item(), rel=1e-6)


@pytest.mark.parametrize("target", ["no_such_module:Watcher", "json:Nothing", "json"])
def test_a_watcher_that_is_not_there_is_refused_before_anything_is_trained(stream, tmp_path, target):
    with pytest.raises(UserError, match=f"watcher '{target}'.*must be module:Class"):
        train_cell(CELL, stream, [3], tmp_path / "run", threads=1, device="cpu", watchers=[target])
    assert not (tmp_path / "run").exists()
