"""Evaluate a learner along its run, wherever the timeline says so."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

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
        self._graph: tuple[int, Callable[..., tuple[Tensor, Tensor]]] | None = None  # the tasks that it covers, and the capture

    def restore(self, updates: int, accuracy: Tensor, loss: Tensor) -> None:
        """Go on after so many updates, with what was evaluated until then."""
        self.accuracy.copy_(accuracy)
        self.loss.copy_(loss)
        for iteration, position in self._position.items():
            if iteration <= updates:
                self.test_images(int(self._covered[position]))  # they were drawn from a random stream

    def see(self, iteration: int, step: Step) -> None:
        """Evaluate, if this iteration is one of those."""
        position = self._position.get(iteration)
        if position is None:
            return
        tasks = int(self._covered[position])
        images = self.test_images(tasks)
        with self.learner.evaluated() as model:
            evaluate: Callable[..., tuple[Tensor, Tensor]] = partial(evaluated, self.learner, self.stream, model, tasks)
            if self.capture:
                if self._graph is None or self._graph[0] != tasks:  # the number of seen tasks is part of its shape
                    self._graph = tasks, captured(evaluate)
                evaluate = self._graph[1]
            accuracy, loss = evaluate(*() if images is None else (images,))
        self.accuracy[position, ..., :tasks], self.loss[position, ..., :tasks] = accuracy, loss


def evaluated(learner: Learner, stream: DeviceStream, model: nn.Module, tasks: int, *images: Tensor) -> tuple[Tensor, Tensor]:
    """Accuracy and loss of a learner's model, ([S,] tasks) each. What is captured holds on to no `Evaluation`, which holds it."""
    with precision_of(learner.precision, learner.device):
        return stream.evaluate(model, tasks, images[0] if images else None)
