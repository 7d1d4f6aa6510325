"""A block of seeds trained as one batched model, the update and the evaluation replayed as CUDA graphs.

On a GPU the time of a small model goes into launching kernels. A block of seeds shares its launches (`learners/stacked.py`), and
a CUDA graph launches a whole update at once. Both do what `training.train` does seed by seed; tests hold one against the other.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from stability_gap.experiment.augmentation import Crops
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.evaluation import cross_entropies
from stability_gap.experiment.recording import Recorder, Trajectory, trajectory
from stability_gap.experiment.settings import CellSettings
from stability_gap.experiment.training import arithmetic, draw_run, fresh_learner, tasks_seen
from stability_gap.learners.build import build_optimizer, gain_layers
from stability_gap.learners.gain import entropy, next_gain
from stability_gap.learners.stacked import StackedModel

WARM_UP = 3  # calls that run as they are before a graph is captured: libraries choose kernels, optimizers make their state


def can_share(settings: CellSettings) -> bool:
    """Whether seeds may be trained together: an imported optimizer may look at whole tensors, and so at other seeds."""
    return settings.training.method != "import"


def train_together(
    settings: CellSettings,
    stream: DeviceStream,
    seeds: list[int],
    progress: Callable[[int], None] = lambda iteration: None,
) -> dict[int, Trajectory]:
    """Train all `seeds` at once through the whole stream: what `training.train` does with each.

    Args:
        progress: called with the number of finished iterations.
    """
    block = Block(settings, stream, seeds)
    draws = [draw_run(settings, stream, seed) for seed in seeds]
    batches = torch.stack([draw.batches for draw in draws], 1)  # (T, S, batch)
    own_crops = [draw.crops for draw in draws if draw.crops is not None]
    crops = Crops.stack(own_crops, 1) if own_crops else None
    updates, tasks = len(batches), len(stream.train_sizes)
    seen, every = tasks_seen(settings, tasks), settings.evaluation.every

    rows = torch.full((updates, len(block.recorder.names), len(seeds)), torch.nan, dtype=stream.dtype, device=stream.device)
    accuracy = torch.full((len(seen), len(seeds), tasks), torch.nan, dtype=stream.dtype, device=stream.device)
    loss = accuracy.clone()
    update_step = captured(block.update, stream.device)
    covered = 0  # tasks that `evaluation_step` evaluates
    for update in range(updates):
        drawn = (crops.offsets[update], crops.flips[update]) if crops else ()
        rows[update] = update_step(batches[update], *drawn)
        if (update + 1) % every == 0:
            evaluation = update // every
            if seen[evaluation] != covered:
                covered = int(seen[evaluation])
                evaluation_step = captured(functools.partial(block.evaluate, covered), stream.device)
            images = [image for draw in draws if (image := draw.test_images(covered)) is not None]
            accuracy[evaluation, :, :covered], loss[evaluation, :, :covered] = evaluation_step(*images)
        progress(update + 1)
    parts = (rows.unbind(2), accuracy.unbind(1), loss.unbind(1))
    recorded = [(row.cpu().numpy(), acc.cpu().numpy(), test.cpu().numpy()) for row, acc, test in zip(*parts, strict=True)]
    names = block.recorder.names
    return {seed: trajectory(names, *of_seed, seen) for seed, of_seed in zip(seeds, recorded, strict=True)}


class Block:
    """The learners of a block of seeds: one update and one evaluation of all of them."""

    def __init__(self, settings: CellSettings, stream: DeviceStream, seeds: list[int]) -> None:
        self.settings, self.stream = settings, stream
        models, modulations = zip(*(fresh_learner(settings, stream, seed) for seed in seeds), strict=True)
        self.model = StackedModel(models)
        self.modulation = modulations[0]
        self.optimizer = build_optimizer(settings.training, self.model.stacked)
        self.recorder = Recorder(
            list(gain_layers(models[0], settings.training.gain)),
            self.model.weights(),
            list(self.model.stacked.values()),
            seeds=(len(seeds),),
        )
        self.entropy = torch.zeros(len(seeds), dtype=stream.dtype, device=stream.device)  # of the previous update's output

    def update(self, indices: Tensor, offsets: Tensor | None = None, flips: Tensor | None = None) -> Tensor:
        """One update of all seeds: (S, batch) indices of images and their crops -> the recorder's row (columns, S)."""
        if self.modulation is not None:
            self._move_gains(self.modulation.g0, self.modulation.gamma, self.modulation.eta)
        crops = Crops(offsets, flips) if offsets is not None and flips is not None else None
        images, labels = self.stream.batch(indices, crops)
        with arithmetic(self.settings, self.stream.device):
            logits = self.model.each(images).to(self.stream.dtype)
        losses = cross_entropies(logits, labels).mean(-1)
        # No seed's loss depends on another's weights, so the gradient of the sum holds each seed's own.
        losses.sum().backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        logits = logits.detach()
        self.entropy.copy_(entropy(logits))
        learning_rate = self.optimizer.param_groups[0]["lr"]
        return self.recorder.row(logits, labels, losses.detach(), self.entropy, learning_rate, self.model.gains())

    @torch.no_grad()
    def _move_gains(self, g0: float, gamma: float, eta: float) -> None:
        for gain in self.model.gains():
            gain.copy_(next_gain(gain, self.entropy[:, None], g0, gamma, eta))

    def evaluate(self, tasks: int, *images: Tensor) -> tuple[Tensor, Tensor]:
        """Accuracy and loss of all seeds on the first `tasks` tasks, (S, tasks) each; `images` where each seed has its own."""
        with arithmetic(self.settings, self.stream.device):
            return self.stream.evaluate(self.model, tasks, torch.stack(images) if images else None)


def captured(function: Callable[..., Any], device: torch.device) -> Callable[..., Any]:
    """`function` of tensors, replayed as a CUDA graph after a few calls; on a CPU `function` itself.

    Arguments and results keep their shapes; a result is overwritten by the next call.
    """
    return _CudaGraph(function) if device.type == "cuda" else function


class _CudaGraph:
    """Runs a function as it is WARM_UP times, then captures it and replays the capture on copies of the arguments."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.calls = function, 0
        self.stream = torch.cuda.Stream()

    def __call__(self, *arguments: Tensor) -> Any:
        if self.calls < WARM_UP:
            self.calls += 1
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                result = self.function(*arguments)
            torch.cuda.current_stream().wait_stream(self.stream)
            return result
        if self.calls == WARM_UP:
            self.calls += 1
            self.arguments = [argument.clone() for argument in arguments]
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph, stream=self.stream):
                self.result = self.function(*self.arguments)
        for kept, argument in zip(self.arguments, arguments, strict=True):
            kept.copy_(argument)
        self.graph.replay()
        return self.result
