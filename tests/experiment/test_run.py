"""From a stream folder to a run folder: the tables and run.json of docs/data-contracts.md."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from cells import assert_same_run

from stability_gap import files
from stability_gap.errors import UserError
from stability_gap.experiment import run as run_module
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.run import (
    SECONDS_BETWEEN_LINES,
    Progress,
    is_lack_of_memory,
    lack_of_memory_named,
    make_deterministic,
    peak_memory,
    resolve_device,
    run,
    train_block,
)
from stability_gap.experiment.settings import CellSettings, EvaluationSettings
from stability_gap.experiment.together import train_together
from stability_gap.learners.settings import GainSettings, ImportedSettings, MLPSettings, SGDSettings
from stability_gap.tasks.prepare import prepare_dataset, prepare_stream
from stability_gap.tasks.settings import DigitsSettings, SplitStream
from stability_gap.tasks.stream_file import read

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


@pytest.fixture(autouse=True)
def torch_as_it_was() -> Iterator[None]:
    threads, tf32 = torch.get_num_threads(), (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = tf32


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
        *("code", "versions", "python", "device", "processor", "threads"),
        *("wall_seconds", "peak_memory_mib", "peak_gpu_memory_mib"),
    }
    assert (facts["benchmark"], facts["optimizer"], facts["classes"], facts["tasks"]) == ("split_tiny", "ngm_sgd", 10, 5)
    assert CellSettings.model_validate(facts["settings"]) == CELL
    assert facts["seeds"] == {seed: {"status": "completed", "diverged_at": None} for seed in ("3", "7")}
    assert (facts["stream_digest"], facts["official"]) == (about["digest"], True)
    assert facts["versions"]["torch"] == torch.__version__.split("+")[0]
    assert (facts["device"], facts["threads"]) == ("cpu", 1)
    assert 0 < facts["wall_seconds"] < 600
    assert facts["peak_memory_mib"] > 50
    assert facts["peak_gpu_memory_mib"] is None


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


@pytest.mark.parametrize(("precision", "rounded"), [("fp32", False), ("tf32", True), ("bf16", False)])
def test_products_are_rounded_to_tf32_where_it_is_asked_for_only(precision, rounded):
    for before in ("tf32", "fp32"):  # whatever ran before
        make_deterministic(1, before)
        make_deterministic(1, precision)
        assert torch.backends.cuda.matmul.allow_tf32 is torch.backends.cudnn.allow_tf32 is rounded
        assert torch.get_deterministic_debug_mode() == 2  # error
        assert not torch.backends.cudnn.benchmark


def test_peak_memory_is_that_of_the_kernel_in_bytes():
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("needs Linux: no /proc/self/status")
    (kibibytes,) = (int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    assert peak_memory() == pytest.approx(1024 * kibibytes, rel=0.05)


# --- blocks on a GPU ------------------------------------------------------------------------------------------------


@pytest.fixture
def on_device(stream) -> DeviceStream:
    return DeviceStream(read(stream), CELL, torch.device("cpu"))


@pytest.fixture
def little_memory(monkeypatch):
    """little_memory(k): more than k seeds at once run out of memory, halfway through; returns the blocks that were tried."""

    def limit(most: int) -> list[list[int]]:
        tried: list[list[int]] = []

        def limited(settings, stream, seeds, progress):
            tried.append(list(seeds))
            if len(seeds) > most:
                progress(TASKS * ITERATIONS // 2)
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 MiB.\nGPU 0 has little.")
            return train_together(settings, stream, seeds, progress)

        monkeypatch.setattr(run_module, "train_together", limited)
        return tried

    return limit


SEEDS = [3, 7, 4, 9, 1]


@pytest.mark.parametrize(
    ("most", "tried", "halvings"),
    [
        (5, [[3, 7, 4, 9, 1]], []),
        (3, [[3, 7, 4, 9, 1], [3, 7, 4], [9, 1]], [(5, 3)]),
        (2, [[3, 7, 4, 9, 1], [3, 7, 4], [3, 7], [4], [9, 1]], [(5, 3), (3, 2)]),
        (1, [[3, 7, 4, 9, 1], [3, 7, 4], [3, 7], [3], [7], [4], [9, 1], [9], [1]], [(5, 3), (3, 2), (2, 1), (2, 1)]),
    ],
)
def test_where_gpu_memory_runs_out_the_block_is_halved_and_every_seed_is_trained(
    on_device, little_memory, caplog, most, tried, halvings
):
    blocks = little_memory(most)
    progress = Progress("split_tiny ngm_sgd", len(SEEDS), TASKS * ITERATIONS)
    with caplog.at_level(logging.INFO, logger="stability_gap"):
        runs = train_block(CELL, on_device, SEEDS, progress)
    assert blocks == tried
    assert caplog.messages == [f"out of GPU memory with {all_} seeds at once; going on with {half}" for all_, half in halvings]
    assert list(runs) == SEEDS
    for block in (block for block in tried if len(block) <= most):
        for seed, alone in train_together(CELL, on_device, block).items():
            assert_same_run(runs[seed], alone)
    assert progress.finished + progress.underway == len(SEEDS)  # what ran out of memory does not count


def test_one_seed_that_does_not_fit_is_refused_with_the_reason_and_what_to_do(on_device, little_memory):
    blocks = little_memory(0)
    with pytest.raises(UserError) as error, lack_of_memory_named("split_tiny"):
        train_block(CELL, on_device, [3, 7], Progress("split_tiny ngm_sgd", 2, TASKS * ITERATIONS))
    assert str(error.value) == (
        "too little memory for one seed of split_tiny (CUDA out of memory. Tried to allocate 2 MiB.); "
        "free the GPU, or write device: cpu."
    )
    assert blocks == [[3, 7], [3]]


def test_every_way_to_say_that_memory_ran_out_is_understood():
    for told in (
        torch.OutOfMemoryError("no"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
    ):
        assert is_lack_of_memory(told)
        later = RuntimeError("capture failed")  # what leaving a capture can make of it
        later.__context__ = told
        assert is_lack_of_memory(later)
    assert not is_lack_of_memory(RuntimeError("device-side assert triggered"))


def test_other_errors_of_a_block_are_passed_on(on_device, monkeypatch):
    def broken(*_):
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(run_module, "train_together", broken)
    with pytest.raises(RuntimeError, match="device-side assert"):
        train_block(CELL, on_device, [3, 7], Progress("split_tiny ngm_sgd", 2, TASKS * ITERATIONS))


IMPORTED = ImportedSettings(method="import", learning_rate=0.05, target="torch.optim:RMSprop")


@pytest.mark.parametrize(
    ("device", "training_settings", "shared"),
    [("cpu", CELL.training, False), ("cuda", CELL.training, True), ("cpu", IMPORTED, False), ("cuda", IMPORTED, False)],
)
def test_seeds_share_a_block_on_a_gpu_but_for_imported_optimizers(
    stream, tmp_path, monkeypatch, device, training_settings, shared
):
    """With a CPU that passes for a GPU."""

    class PassesFor(str):
        type = device

    def spied(function):
        def spy(settings, on_device, seeds, *rest):
            calls.append((function.__name__, seeds))
            return function(settings, on_device, seeds, *rest)

        return spy

    calls: list[tuple[str, object]] = []
    monkeypatch.setattr(run_module, "resolve_device", lambda _: PassesFor(device))
    monkeypatch.setattr(
        run_module, "DeviceStream", lambda images, settings, _: DeviceStream(images, settings, torch.device("cpu"))
    )
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 3 * 2**20)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA pretended")
    for function in (run_module.train, run_module.train_together):
        monkeypatch.setattr(run_module, function.__name__, spied(function))
    run(CELL.model_copy(update={"training": training_settings}), stream, [7, 3], tmp_path, threads=1, device=device)
    assert calls == ([("train_together", [7, 3])] if shared else [("train", 7), ("train", 3)])
    assert sorted(set(training(tmp_path)["seed"])) == [3, 7]
    facts = files.read_json(tmp_path / "run.json")
    assert (facts["device"], facts["peak_gpu_memory_mib"]) == (("NVIDIA pretended", 3.0) if device == "cuda" else ("cpu", None))


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
        report = progress.run([42])
        for iteration in range(1, 101):
            clock.now += 0.25
            report(iteration)
        report = progress.run([43])
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
        report = Progress("digits sgd", runs=1, updates=100, clock=clock).run([42])
        for iteration in range(1, 101):
            clock.now += 0.09
            report(iteration)
    assert caplog.messages == []


def test_progress_counts_the_seeds_of_a_block_and_forgets_a_run_that_is_done_again(caplog):
    clock = Clock()
    with caplog.at_level(logging.INFO, logger="stability_gap"):
        progress = Progress("digits sgd", runs=4, updates=100, clock=clock)
        progress.run([42, 43, 44, 45])(50)  # at once: no line yet
        progress.undo()
        for seeds in ([42, 43], [44, 45]):
            report = progress.run(seeds)
            clock.now += 20.0
            report(50)
            clock.now += 20.0
            report(100)
    assert caplog.messages == [
        "digits sgd: run 1 of 4 (seeds 42 to 43), iteration 50 of 100, about 60 s left",
        "digits sgd: run 1 of 4 (seeds 42 to 43), iteration 100 of 100, about 40 s left",
        "digits sgd: run 3 of 4 (seeds 44 to 45), iteration 50 of 100, about 20 s left",
        "digits sgd: run 3 of 4 (seeds 44 to 45), iteration 100 of 100, about 0 s left",
    ]
