"""The seeds of a job on a GPU: which of them share a block, and what happens where a GPU does not do what it should.

A stand-in plays the GPU: its captures fail in each way that one can, or memory runs out.
"""

import json
import logging
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from cells import assert_close_runs, assert_same_run, cnn_cell, coloured_images, small_cell, train, train_together
from graphs import CapturedOnce, Frozen, LittleMemory, NeverCaptured, NeverRun, NoMemoryForGraphs, NotANumber, Stale, StandIn

from stability_gap.errors import UserError
from stability_gap.experiment import evaluation, loop, run_file, seed_blocks, seed_trainer
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.own_watcher import own_watcher
from stability_gap.experiment.progress import Progress
from stability_gap.experiment.randomness import generator
from stability_gap.experiment.recording import Way
from stability_gap.experiment.seed_blocks import fitting, rehearse, relative_difference, train_seeds
from stability_gap.experiment.seed_trainer import SeedTrainer
from stability_gap.experiment.settings import EvaluationSettings
from stability_gap.learners.settings import ImportedSettings, RunRate, SGDSettings
from stability_gap.tasks.class_order import shuffle_classes

CPU = torch.device("cpu")
SEEDS = [42, 7, 43]
FIVE = [3, 7, 4, 9, 1]


def trainer(digits, optimizer: str = "ngm_sgd", iterations: int = 6) -> SeedTrainer:
    """Of MLPs on the digits; what it computes needs no GPU."""
    settings = small_cell(optimizer, iterations=iterations)
    return SeedTrainer(settings, DeviceStream(digits, settings, CPU), progress=Progress("cell", 5, 1, clock=lambda: 0.0))


@pytest.fixture
def gpu(monkeypatch):
    """gpu(graph): captures are made by `graph`."""

    def play(graph: type[StandIn]) -> None:
        StandIn.made = []
        for module in (loop, evaluation):
            monkeypatch.setattr(module, "captured", graph)

    return play


# --- what may be shared ---------------------------------------------------------------------------------------------


FOLLOWING = SGDSettings(method="sgd", learning_rate=RunRate(kind="run", optimizer="ngm_sgd"))
IMPORTED = ImportedSettings(method="import", learning_rate=0.05, target="torch.optim:RMSprop")


@pytest.mark.parametrize(
    ("device", "optimizer_settings", "expected"),
    [
        ("cpu", None, [("one", 42), ("one", 7), ("one", 43)]),
        ("cuda", None, [("block", [42, 7, 43])]),
        ("cpu", IMPORTED, [("one", 42), ("one", 7), ("one", 43)]),
        ("cuda", IMPORTED, [("one", 42), ("one", 7), ("one", 43)]),
        ("cuda", FOLLOWING, [("block", [42]), ("block", [7]), ("block", [43])]),
    ],
)
def test_seeds_share_a_block_on_a_gpu_but_for_imported_optimizers_and_rates_of_their_own(
    digits, monkeypatch, device, optimizer_settings, expected
):
    """Which way each seed goes; nothing is trained."""
    settings = small_cell("sgd")
    if optimizer_settings is not None:
        settings = settings.model_copy(update={"optimizer_settings": optimizer_settings})
    stream = DeviceStream(digits, settings, CPU)
    way: list[tuple[str, object]] = []
    monkeypatch.setattr(SeedTrainer, "one", lambda self, seed: way.append(("one", seed)))
    monkeypatch.setattr(seed_blocks, "checked", lambda _, seeds: way.append(("block", seeds)) or dict.fromkeys(seeds))
    stream.device = SimpleNamespace(type=device)
    made = train_seeds(SeedTrainer(settings, stream), SEEDS)
    assert (way, list(made)) == (expected, SEEDS)


def test_with_a_class_order_of_its_own_each_seed_is_trained_alone_on_its_own_stream(digits):
    natural = small_cell("ngm_sgd", iterations=2)
    by_seed = natural.model_copy(update={"class_order": "by_seed"})
    stream = DeviceStream(digits, by_seed, CPU)
    together = train_seeds(SeedTrainer(by_seed, stream), SEEDS)
    for seed in SEEDS:
        shuffled = DeviceStream(shuffle_classes(digits, generator(seed, "classes")), natural, CPU)
        assert_same_run(together[seed], train(natural, shuffled, seed))
    stream.device = SimpleNamespace(type="cuda")
    way: list[int] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SeedTrainer, "one", lambda self, seed: way.append(seed))
        train_seeds(SeedTrainer(by_seed, stream), SEEDS)
    assert way == SEEDS


# --- a GPU that does what it should ---------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["sgd", "msgd", "adam", "ngm_sgd"])
def test_a_block_that_passes_its_rehearsal_is_trained_captured(digits, gpu, caplog, optimizer):
    gpu(StandIn)
    made = trainer(digits, optimizer)
    records = fitting(made, SEEDS)
    for seed, expected in train_together(made.settings, made.stream, SEEDS).items():
        assert_same_run(records[seed], expected)
        assert records[seed].way == Way(together=3, captured=True)
    assert caplog.messages == []
    assert made.progress.finished + made.progress.underway == 3  # rehearsals do not count


def test_watchers_and_progress_see_the_run_and_not_its_rehearsal(digits, gpu):
    seen, settings = [], small_cell("sgd")

    class Watcher:
        def __init__(self, learner, timeline, seeds):
            assert seeds == SEEDS

        def see(self, iteration, step):
            seen.append(iteration)

    gpu(StandIn)
    fitting(SeedTrainer(settings, DeviceStream(digits, settings, CPU), watchers=(Watcher,)), SEEDS)
    assert seen == list(range(1, 31))


@pytest.mark.parametrize(
    ("settings", "images"),
    [
        (small_cell("ngm_adam"), "digits"),
        (cnn_cell("adam", iterations=12), "coloured"),
        (cnn_cell("ngm_sgd", iterations=12), "coloured"),
    ],
    ids=["mlp ngm_adam", "cnn adam", "cnn ngm_sgd"],
)
def test_a_rehearsal_finds_rounding_far_below_its_tolerance(digits, settings, images):
    stream = DeviceStream(digits if images == "digits" else coloured_images(), settings, CPU)
    difference = rehearse(SeedTrainer(settings, stream), SEEDS, capture=False)
    assert 0 < difference < 0.3 * seed_blocks.TOLERANCE["fp32"]


# --- a GPU that does not --------------------------------------------------------------------------------------------


def test_where_no_graph_can_be_made_the_block_is_trained_without(digits, gpu, caplog):
    gpu(NeverCaptured)
    made = trainer(digits)
    records = fitting(made, SEEDS)
    for seed, expected in train_together(made.settings, made.stream, SEEDS).items():
        assert_same_run(records[seed], expected)
        assert records[seed].way == Way(together=3, captured=False, fallbacks=("capture",))
    assert caplog.messages == [
        "no CUDA graph could be made, going on without: operation not permitted when stream is capturing"
    ]  # the first line


def test_what_fails_before_the_capture_is_done_without_graphs_too(digits, gpu, caplog):
    gpu(NeverRun)
    made = trainer(digits)
    for record in fitting(made, SEEDS).values():
        assert record.way == Way(together=3, captured=False, fallbacks=("capture",))
    assert caplog.messages == [
        "no CUDA graph could be made, going on without: no kernel image is available for execution on the device"
    ]


@pytest.mark.parametrize("graph", [StandIn, NeverCaptured])
def test_a_block_that_cannot_be_trained_at_once_is_trained_seed_by_seed(digits, gpu, caplog, monkeypatch, graph):
    """As where a layer cannot be batched over seeds."""
    gpu(graph)
    alone = seed_trainer.train

    def only_alone(learner, *arguments, **options):
        if learner.seeds and (graph is StandIn or not options["capture"]):
            raise RuntimeError("Batching rule not implemented for aten::native_batch_norm\nWe could not generate a fallback.")
        return alone(learner, *arguments, **options)

    monkeypatch.setattr(seed_trainer, "train", only_alone)
    made = trainer(digits)
    records = fitting(made, SEEDS)
    for seed in SEEDS:
        assert_same_run(records[seed], train(made.settings, made.stream, seed))
        assert records[seed].way == Way(together=1, captured=False, fallbacks=("capture", "block"))
    assert caplog.messages[-1] == (
        "3 seeds at once cannot be trained, going on one by one: Batching rule not implemented for aten::native_batch_norm"
    )
    assert made.progress.finished + made.progress.underway == 3


def test_a_capture_that_fails_late_begins_again_without(digits, gpu, caplog):
    gpu(CapturedOnce)
    made = trainer(digits)
    records = fitting(made, SEEDS)
    for seed, expected in train_together(made.settings, made.stream, SEEDS).items():
        assert_same_run(records[seed], expected)
        assert records[seed].way == Way(together=3, captured=False, fallbacks=("capture",))
    assert caplog.messages == ["no CUDA graph could be made, going on without: too many graphs"]
    assert made.progress.finished + made.progress.underway == 3


def test_the_watchers_of_an_attempt_that_failed_are_dropped(digits, gpu):
    class Watcher:
        def __init__(self, learner, timeline, seeds):
            self.seen: list[int] = []

        def see(self, iteration, step):
            self.seen.append(iteration)

    gpu(CapturedOnce)
    made = replace(trainer(digits), watchers=(Watcher,))
    fitting(made, SEEDS)
    assert [watcher.seen for watcher in made.watched] == [list(range(1, 31))]


def test_what_somebodys_watcher_raises_is_not_laid_to_the_gpu(digits, gpu, monkeypatch, tmp_path):
    """As one that was written on a CPU and meets the seeds of a block as one more dimension."""
    (tmp_path / "for_one_seed.py").write_text(
        "class Adds:\n"
        "    def __init__(self, *_):\n"
        "        pass\n"
        "    def see(self, iteration, step):\n"
        "        step.loss.reshape(1)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    gpu(StandIn)
    made = replace(trainer(digits), watchers=(own_watcher("for_one_seed:Adds"),))
    with pytest.raises(UserError, match=r"^watcher 'for_one_seed:Adds' raised at update 1: .*3.* \(for_one_seed.py, line 5\)$"):
        fitting(made, SEEDS)


@pytest.mark.parametrize("graph", [Stale, Frozen, NotANumber])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "ngm_sgd"])
def test_a_block_that_is_not_the_plain_loop_does_not_count(digits, gpu, caplog, graph, optimizer):
    gpu(graph)
    made = trainer(digits, optimizer)
    records = fitting(made, SEEDS)
    for seed in SEEDS:
        assert_same_run(records[seed], train(made.settings, made.stream, seed))
        assert records[seed].way == Way(together=1, captured=False, fallbacks=("rehearsal",))
    (message,) = caplog.messages
    assert message.startswith("3 seeds at once differ from one by one by ")
    assert message.endswith(" within 20 updates; going on one by one")


@pytest.mark.parametrize("every", [10, 100])
def test_an_evaluation_that_goes_wrong_is_found_where_a_run_has_few_of_them(digits, monkeypatch, every):
    """A graph runs as it is three times before it is captured: a rehearsal evaluates more often than the run."""
    monkeypatch.setattr(loop, "captured", StandIn)
    monkeypatch.setattr(evaluation, "captured", NotANumber)
    settings = small_cell("sgd", iterations=30, evaluation=EvaluationSettings(every=every))
    made = SeedTrainer(settings, DeviceStream(digits, settings, CPU))
    for seed, record in fitting(made, SEEDS).items():
        assert_same_run(record, train(settings, made.stream, seed))
        assert record.way == Way(together=1, captured=False, fallbacks=("rehearsal",))


def test_what_differs_is_measured_relative_to_its_size_and_never_passes_where_it_is_no_number(digits):
    settings = small_cell("ngm_sgd", iterations=4)
    stream = DeviceStream(digits, settings, CPU)
    one, other = train(settings, stream, 42), train(settings, stream, 42)
    assert relative_difference(one, other) == 0
    other.training["accuracy"][:] = 0
    assert relative_difference(one, other) == 0
    other.training["loss"][3] *= 1.5
    assert relative_difference(one, other) == pytest.approx(1 / 3)
    other.loss[2, 0] = -one.loss[2, 0]
    assert relative_difference(one, other) == pytest.approx(2)
    other.loss[2, 0] = np.nan
    assert relative_difference(one, other) == np.inf


# --- memory ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def little_memory(monkeypatch):
    """little_memory(k): more than k seeds at once run out of memory, but for rehearsals; the plain loop has 0. Gives sizes."""

    def limit(most: int) -> list[int]:
        tried: list[int] = []
        enough = seed_trainer.train

        def limited(learner, *arguments, until=None, progress=None, **options):
            if until is None:
                tried.append(sum(learner.seeds))
                if tried[-1] > most:
                    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 MiB.\nGPU 0 has little.")
            return enough(learner, *arguments, until=until, progress=progress, **options)

        monkeypatch.setattr(seed_trainer, "train", limited)
        return tried

    return limit


@pytest.mark.parametrize(
    ("most", "tried", "halvings"),
    [
        (5, [5], []),
        (3, [5, 3, 2], [(5, 3)]),
        (2, [5, 3, 2, 1, 2], [(5, 3), (3, 2)]),
        (1, [5, 3, 2, 1, 1, 1, 2, 1, 1], [(5, 3), (3, 2), (2, 1), (2, 1)]),
    ],
)
def test_where_gpu_memory_runs_out_the_block_is_halved_and_every_seed_is_trained(
    digits, gpu, little_memory, caplog, most, tried, halvings
):
    gpu(StandIn)
    sizes, made = little_memory(most), trainer(digits, iterations=2)
    with caplog.at_level(logging.INFO, logger="stability_gap"):
        records = fitting(made, FIVE)
    assert sizes == tried
    assert caplog.messages == [f"out of GPU memory with {all_} seeds at once; going on with {half}" for all_, half in halvings]
    assert list(records) == FIVE
    for seed, record in records.items():
        assert_close_runs(record, train(made.settings, made.stream, seed), tolerance=1e-3)
        assert record.way.together <= most
        assert record.way.captured
        assert set(record.way.fallbacks) == ({"memory"} if halvings else set())
    assert made.progress.finished + made.progress.underway == len(FIVE)  # what ran out of memory does not count


def test_memory_that_a_capture_lacks_halves_the_block_too(digits, gpu):
    gpu(LittleMemory)
    records = fitting(trainer(digits), FIVE)
    assert list(records) == FIVE
    assert [record.way.together for record in records.values()] == [2, 2, 1, 2, 2]
    assert all(record.way.captured and record.way.fallbacks[0] == "memory" for record in records.values())


def test_one_seed_that_fits_without_graphs_only_is_trained_by_the_plain_loop(digits, gpu, caplog):
    gpu(NoMemoryForGraphs)
    made = trainer(digits)
    records = fitting(made, [3, 7])
    for seed, record in records.items():
        assert_same_run(record, train(made.settings, made.stream, seed))
        assert record.way == Way(together=1, captured=False, fallbacks=("memory", "memory"))
    assert caplog.messages == [
        "out of GPU memory with 2 seeds at once; going on with 1",
        *["out of GPU memory with one seed; going on by the plain loop"] * 2,
    ]


def test_one_seed_that_does_not_fit_and_other_errors_are_passed_on(digits, gpu, little_memory, monkeypatch):
    gpu(StandIn)
    made, sizes = trainer(digits), little_memory(-1)
    with pytest.raises(torch.OutOfMemoryError):
        fitting(made, [3, 7])
    assert sizes == [2, 1, 0]

    def broken(*_, **__):
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(seed_trainer, "train", broken)
    with pytest.raises(RuntimeError, match="device-side assert"):
        fitting(made, [3, 7])


# --- what is told afterwards ----------------------------------------------------------------------------------------


def test_run_json_says_how_each_seed_was_trained(digits, gpu, tmp_path):
    gpu(NeverCaptured)
    made = trainer(digits, "sgd", iterations=2)
    records = fitting(made, [7]) | {42: train(made.settings, made.stream, 42)}
    run_file.write(records, {}, tmp_path)
    told = json.loads((tmp_path / "run.json").read_text())["seeds"]
    ended = {"status": "completed", "diverged_at": None}
    assert told == {
        "7": ended | {"together": 1, "captured": False, "fallbacks": ["capture"], "resumed": 0},
        "42": ended | {"together": 1, "captured": False, "fallbacks": [], "resumed": 0},
    }
