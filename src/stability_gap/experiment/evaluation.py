"""Evaluate a learner along its run, wherever the timeline says so."""

from collections.abc import Callable

import torch
from torch import Tensor

from stability_gap.experiment.cuda_graph import captured
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.learner import Learner, Step
from stability_gap.experiment.machine import precision_of
from stability_gap.experiment.timeline import Timeline


class Evaluation:
    """Evaluates a learner wherever its timeline says so.

    Attributes:
        accuracy, loss: (evaluations[, S], K), NaN where nothing was evaluated.
    """

    def __init__(
        self,
        learner: Learner,
        stream: DeviceStream,
        timeline: Timeline,
        test_images: Callable[[int], Tensor | None],
        capture: bool = False,
    ) -> None:
        self.learner, self.stream, self.test_images, self.capture = learner, stream, test_images, capture
        self._covered, self._position = timeline.covered, timeline.evaluation_after()
        shape = (len(timeline.evaluated), *learner.seeds, timeline.contexts)
        self.accuracy = torch.full(shape, torch.nan, dtype=learner.dtype, device=learner.device)
        self.loss = self.accuracy.clone()
        self._tasks, self._evaluate = 0, self._evaluated  # what the present capture covers

    def see(self, iteration: int, step: Step) -> None:
        """Evaluate, if this iteration is one of those."""
        position = self._position.get(iteration)
        if position is None:
            return
        tasks = int(self._covered[position])
        if tasks != self._tasks:  # the number of seen tasks is part of the shape of a capture
            self._tasks = tasks
            self._evaluate = captured(self._evaluated) if self.capture else self._evaluated
        images = self.test_images(tasks)
        with self.learner.evaluated() as self._model:
            accuracy, loss = self._evaluate(*() if images is None else (images,))
        self.accuracy[position, ..., :tasks], self.loss[position, ..., :tasks] = accuracy, loss

    def _evaluated(self, *images: Tensor) -> tuple[Tensor, Tensor]:
        with precision_of(self.learner.precision, self.learner.device):
            return self.stream.evaluate(self._model, self._tasks, images[0] if images else None)
