"""Captured updates and evaluations, with a stand-in for CUDA graphs that behaves as they do and runs on a CPU.

The capture itself needs a GPU. What a graph asks of those who use it can be held here: arguments and results keep their place, a
result is overwritten by the next call, and nothing of the function runs in Python after the capture but what replays.
"""

import dataclasses
from typing import ClassVar

import pytest
import torch
from cells import SEED, assert_same_run, augmented, cnn_cell, coloured_images, rates_of, small_cell

from stability_gap.experiment import evaluation, loop
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.learner import learner_of_block
from stability_gap.experiment.sampling import draw_run, side_by_side
from stability_gap.experiment.settings import CellSettings, EvaluationSettings
from stability_gap.experiment.timeline import timeline
from stability_gap.learners.settings import AverageSettings

SEEDS = [42, 7, 43]


def tensors_of(result: object) -> list[torch.Tensor]:
    """The tensors of a result, in order."""
    if isinstance(result, torch.Tensor):
        return [result]
    if dataclasses.is_dataclass(result):
        return [tensor for field in dataclasses.fields(result) for tensor in tensors_of(getattr(result, field.name))]
    return [tensor for part in result for tensor in tensors_of(part)] if isinstance(result, tuple | list) else []


class StandIn:
    """Replays a function on kept arguments into kept results."""

    made: ClassVar[list["StandIn"]] = []

    def __init__(self, function) -> None:
        self.function, self.calls = function, 0
        self.made.append(self)

    def __call__(self, *arguments: torch.Tensor | None):
        self.calls += 1
        if self.calls <= 3:
            return self.function(*arguments)
        if self.calls == 4:
            self.arguments = [None if argument is None else argument.clone() for argument in arguments]
            self.result = self.function(*self.arguments)
            return self.result
        for kept, argument in zip(self.arguments, arguments, strict=True):
            assert (kept is None) == (argument is None)
            if kept is not None:
                assert kept.shape == argument.shape
                kept.copy_(argument)
        for kept, new in zip(tensors_of(self.result), tensors_of(self.function(*self.arguments)), strict=True):
            kept.copy_(new)
        return self.result


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
