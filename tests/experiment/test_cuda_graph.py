"""Captured updates and evaluations, with a stand-in for CUDA graphs that behaves as they do and runs on a CPU.

The capture itself needs a GPU. What a graph asks of those who use it can be held here: arguments and results keep their place, a
result is overwritten by the next call, and nothing of the function runs in Python after the capture but what replays.
"""

import contextlib

import pytest
import torch
from cells import SEED, assert_same_run, augmented, cnn_cell, coloured_images, rates_of, small_cell
from graphs import StandIn

from stability_gap.experiment import cuda_graph, evaluation, loop
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.learner import learner_of_block
from stability_gap.experiment.sampling import draw_run, side_by_side
from stability_gap.experiment.settings import CellSettings, EvaluationSettings
from stability_gap.experiment.timeline import timeline
from stability_gap.learners.settings import AverageSettings

SEEDS = [42, 7, 43]


@pytest.fixture
def stand_in(monkeypatch):
    StandIn.made = []
    for module in (loop, evaluation):
        monkeypatch.setattr(module, "captured", StandIn)
    return StandIn.made


def told(settings: CellSettings, **changes: object) -> CellSettings:
    """The same with other keys of the optimizer."""
    return settings.model_copy(update={"optimizer_settings": settings.optimizer_settings.model_copy(update=changes)})


@pytest.mark.parametrize("optimizer", ["msgd", "adam", "ngm_sgd", "oracle"])
@pytest.mark.parametrize(
    ("make", "changes"),
    [
        (small_cell, {"evaluation": EvaluationSettings(every=2, dense=3)}),
        (cnn_cell, augmented(test=True)),
    ],
)
def test_a_captured_block_is_the_block(digits, stand_in, optimizer, make, changes):
    if optimizer == "oracle":
        settings = told(make("msgd", **changes), ramp=3, reset_at_switch=True, average=AverageSettings(decay=0.9))
    else:
        settings = make(optimizer, **changes)
    stream = DeviceStream(digits if make is small_cell else coloured_images(), settings, torch.device("cpu"))
    time, rates = timeline(settings, len(stream.train_sizes)), rates_of(settings, stream)

    def block(capture: bool):
        draws = side_by_side([draw_run(settings, stream, seed) for seed in SEEDS])
        learner = learner_of_block(settings, stream, SEEDS, rates)
        return loop.train(learner, stream, draws, rates, time, capture=capture)

    plain, captured = block(False), block(True)
    for one, other in zip(plain, captured, strict=True):
        assert_same_run(one, other)
    update, *evaluations = stand_in
    assert update.calls == time.updates
    assert len(evaluations) == time.contexts  # the number of seen tasks is part of the shape
    assert sum(each.calls for each in evaluations) == len(time.evaluated)


def test_without_capture_nothing_is_captured(digits, stand_in):
    settings = small_cell("sgd")
    stream = DeviceStream(digits, settings, torch.device("cpu"))
    learner = learner_of_block(settings, stream, [SEED], rates_of(settings, stream))
    draws = side_by_side([draw_run(settings, stream, SEED)])
    loop.train(learner, stream, draws, rates_of(settings, stream), timeline(settings, 5))
    assert stand_in == []


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("operation not permitted when stream is capturing"), cuda_graph.CaptureFailed),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 MiB."), torch.OutOfMemoryError),
    ],
)
def test_what_goes_wrong_in_a_capture_is_told_apart_from_lack_of_memory(monkeypatch, error, expected):
    """Up to the capture the function runs as it is."""

    def fails(self):
        raise error

    class Stream:
        def wait_stream(self, other):
            pass

    monkeypatch.setattr(cuda_graph, "_side_stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())
    monkeypatch.setattr(cuda_graph._CudaGraph, "_capture", fails)
    doubled = cuda_graph.captured(lambda x: 2 * x)
    assert [doubled(torch.tensor(x)).item() for x in (1, 2, 3)] == [2, 4, 6]
    with pytest.raises(expected, match=str(error)):
        doubled(torch.tensor(4))


def test_all_graphs_of_a_process_share_one_stream(monkeypatch):
    """cuBLAS keeps a workspace of each that it has met, 32 MiB, to the end."""
    made = []
    monkeypatch.setattr(torch.cuda, "Stream", lambda: made.append("stream") or made[-1])
    cuda_graph._side_stream.cache_clear()
    graphs = [cuda_graph.captured(lambda x: x) for _ in range(3)]
    cuda_graph._side_stream.cache_clear()
    assert made == ["stream"]
    assert [graph.stream for graph in graphs] == ["stream"] * 3
