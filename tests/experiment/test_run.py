"""From a stream folder to a run folder: the tables and run.json of docs/data-contracts.md."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from stability_gap import files
from stability_gap.errors import UserError
from stability_gap.experiment.run import SECONDS_BETWEEN_LINES, Progress, resolve_device, run
from stability_gap.experiment.settings import CellSettings, EvaluationSettings
from stability_gap.learners.settings import GainSettings, MLPSettings, SGDSettings
from stability_gap.tasks.prepare import prepare_dataset, prepare_stream
from stability_gap.tasks.settings import DigitsSettings, SplitStream

ITERATIONS, TASKS = 4, 5
CELL = CellSettings(
    benchmark="split_tiny",
    optimizer="ngm_sgd",
    iterations=ITERATIONS,
    batch_size=8,
    model=MLPSettings(kind="mlp", hidden=5),
    training=SGDSettings(method="sgd", learning_rate=0.05, gain=GainSettings(eta=0.4)),
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


@pytest.fixture(scope="module", autouse=True)
def torch_as_it_was() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


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
    run(CELL, stream, [7, 3], folder, threads=1, device="cpu")
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
    run(evaluated_cell(every=2), stream, [3], tmp_path, threads=1, device="cpu")
    every = evaluations(block).query("seed == 3 and iteration % 2 == 0").reset_index(drop=True)
    pd.testing.assert_frame_equal(evaluations(tmp_path), every, check_exact=True)
    assert len(training(tmp_path)) == TASKS * ITERATIONS


def test_with_tasks_first_only_task_1_has_rows(block, stream, tmp_path):
    run(evaluated_cell(tasks="first"), stream, [3], tmp_path, threads=1, device="cpu")
    table, first = evaluations(tmp_path), evaluations(block).query("seed == 3 and task == 1").reset_index(drop=True)
    assert table["context"].max() == TASKS
    pd.testing.assert_frame_equal(table.drop(columns="loss"), first.drop(columns="loss"), check_exact=True)
    np.testing.assert_allclose(table["loss"], first["loss"], rtol=1e-6)


# --- seeds ----------------------------------------------------------------------------------------------------------


def test_the_rows_of_a_seed_do_not_depend_on_the_other_seeds_of_the_block(block, stream, tmp_path):
    for seed in (3, 7):
        run(CELL, stream, [seed], tmp_path / str(seed), threads=1, device="cpu")
    for table in ("evaluations.parquet", "training.parquet"):
        alone = pd.concat([pd.read_parquet(tmp_path / str(seed) / table) for seed in (3, 7)], ignore_index=True)
        files.write_parquet(tmp_path / table, alone)
        assert files.digest(tmp_path / table) == files.digest(block / table)


def test_the_same_run_gives_the_same_bytes_again(block, stream, tmp_path):
    run(CELL, stream, [3, 7], tmp_path, threads=1, device="cpu")
    for table in ("evaluations.parquet", "training.parquet"):
        assert files.digest(tmp_path / table) == files.digest(block / table)


# --- run.json -------------------------------------------------------------------------------------------------------


def test_run_json_tells_where_the_numbers_come_from(block, stream):
    facts, about = files.read_json(block / "run.json"), files.read_json(stream / "stream.json")
    assert facts.keys() == {
        *("benchmark", "optimizer", "classes", "tasks", "settings", "seeds", "stream_digest", "official"),
        *("code", "versions", "python", "device", "processor", "threads", "wall_seconds", "peak_memory_mib"),
    }
    assert (facts["benchmark"], facts["optimizer"], facts["classes"], facts["tasks"]) == ("split_tiny", "ngm_sgd", 10, 5)
    assert CellSettings.model_validate(facts["settings"]) == CELL
    assert facts["seeds"] == {seed: {"status": "completed", "diverged_at": None} for seed in ("3", "7")}
    assert (facts["stream_digest"], facts["official"]) == (about["digest"], True)
    assert facts["versions"]["torch"] == torch.__version__.split("+")[0]
    assert (facts["device"], facts["threads"]) == ("cpu", 1)
    assert 0 < facts["wall_seconds"] < 600
    assert facts["peak_memory_mib"] > 50


def test_a_seed_that_diverges_is_listed_warned_of_and_keeps_its_rows(stream, tmp_path, caplog):
    wide = MLPSettings(kind="mlp", hidden=64)  # in a narrow one all units die, and the run ends finite
    wild = CELL.model_copy(update={"model": wide, "training": SGDSettings(method="sgd", learning_rate=1e6)})
    with caplog.at_level(logging.WARNING, logger="stability_gap"):
        run(wild, stream, [3], tmp_path, threads=1, device="cpu")
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


@pytest.mark.parametrize(
    ("device", "has_cuda", "expected"),
    [("cpu", True, "cpu"), ("cpu", False, "cpu"), ("auto", False, "cpu"), ("auto", True, "cuda"), ("cuda", True, "cuda")],
)
def test_auto_is_cuda_where_there_is_one(monkeypatch, device, has_cuda, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_cuda)
    assert resolve_device(device) == torch.device(expected)


def test_cuda_on_a_machine_without_is_refused_before_anything_is_made(monkeypatch, stream, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="device: 'cuda' is not available on this machine; write device: auto or cpu"):
        run(CELL, stream, [3], tmp_path / "run", threads=1, device="cuda")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_threads_is_what_was_asked_for_and_is_written_down(stream, tmp_path, threads):
    short = CELL.model_copy(update={"iterations": 1})
    run(short, stream, [3], tmp_path, threads=threads, device="cpu")
    assert torch.get_num_threads() == threads
    assert torch.are_deterministic_algorithms_enabled()
    assert files.read_json(tmp_path / "run.json")["threads"] == threads


def test_a_missing_stream_is_named(tmp_path):
    with pytest.raises(UserError, match=r"stream\.json does not exist"):
        run(CELL, tmp_path / "nothing", [3], tmp_path / "run", threads=1, device="cpu")


# --- progress -------------------------------------------------------------------------------------------------------


class Clock:
    """Tells the time that it is set to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_progress_tells_run_iteration_and_time_left_every_few_seconds(caplog):
    clock = Clock()
    with caplog.at_level(logging.INFO, logger="stability_gap"):
        progress = Progress("digits sgd", runs=2, updates=100, clock=clock)
        report = progress.run(42)
        for iteration in range(1, 101):
            clock.now += 0.25
            report(iteration)
        report = progress.run(43)
        for iteration in range(1, 101):
            clock.now += 0.25
            report(iteration)
    assert SECONDS_BETWEEN_LINES == 10.0
    assert caplog.messages == [
        "digits sgd: run 1 of 2 (seed 42), iteration 40 of 100, about 40 s left",
        "digits sgd: run 1 of 2 (seed 42), iteration 80 of 100, about 30 s left",
        "digits sgd: run 2 of 2 (seed 43), iteration 20 of 100, about 20 s left",
        "digits sgd: run 2 of 2 (seed 43), iteration 60 of 100, about 10 s left",
        "digits sgd: run 2 of 2 (seed 43), iteration 100 of 100, about 0 s left",
    ]


def test_progress_of_a_quick_run_says_nothing(caplog):
    clock = Clock()
    with caplog.at_level(logging.INFO, logger="stability_gap"):
        report = Progress("digits sgd", runs=1, updates=100, clock=clock).run(42)
        for iteration in range(1, 101):
            clock.now += 0.09
            report(iteration)
    assert caplog.messages == []
