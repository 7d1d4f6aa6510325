"""Compute accuracy and loss on the test set of every task seen so far (PROTOCOL §1).

It dominates the cost of a run (docs/performance.md), so it is one matrix product per layer over all seen tasks.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from stability_gap.experiment.screening import Screen, close_calls, is_rounded_too_much
from stability_gap.learners.mlp import CHUNK, MLP, effective_weights, mlp_logits_in_chunks
from stability_gap.learners.stacked import StackedModel

PADDING = 128
# More at once get smaller chunks. Of a CNN several maps of the first stage are in memory together, and 5 seeds of 5000 images, 20
# channels and 32×32 pixels make one of 2 GB. And GPU kernels count to 2³¹.
SEEDS_OF_A_CHUNK = 5


def cross_entropies(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of each image in nats: (..., n, classes), (..., n) or (n,) -> (..., n)."""
    shape = logits.shape[:-1]
    return functional.cross_entropy(logits.flatten(0, -2), labels.expand(shape).flatten(), reduction="none").view(shape)


class ContinualEvaluator:
    """Accuracy and loss on the test sets of tasks 1..k, task by task.

    Args:
        images: (n, ...) float32, normalised test images of all tasks, task 1 first. labels: (n,) int64.
        sizes: test images per task.
        screened: use `bf16_screened` arithmetic (MLP only).
        chunk: images per forward pass of any other model than an MLP, whose passes are CHUNK images.
    """

    def __init__(self, images: Tensor, labels: Tensor, sizes: list[int], screened: bool = False, chunk: int = CHUNK) -> None:
        self.images, self.labels, self.sizes, self.chunk = images, labels, sizes, chunk
        self.screens = [Screen(part) for part in images.split(sizes)] if screened else []

    @torch.no_grad()
    def __call__(self, model: nn.Module, tasks: int, images: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Evaluate on the first `tasks` tasks: accuracy (tasks,) and mean cross-entropy in nats (tasks,).

        A StackedModel of S seeds gives (S, tasks). The model is put into eval mode for the call and back; nothing else in it
        changes. `images`, (n, ...) of these tasks or (S, n, ...), stand in for the test images (`augment_test`).
        """
        sizes = self.sizes[:tasks]
        logits = self._logits(model, tasks, images)
        labels = self.labels[: sum(sizes)]
        correct = (logits.argmax(-1) == labels).to(logits.dtype)
        losses = cross_entropies(logits, labels)
        accuracy = torch.stack([part.mean(-1) for part in correct.split(sizes, -1)], -1)
        loss = torch.stack([part.mean(-1) for part in losses.split(sizes, -1)], -1)
        return accuracy, loss

    def _logits(self, model: nn.Module, tasks: int, images: Tensor | None) -> Tensor:
        images = self.images[: sum(self.sizes[:tasks])] if images is None else images
        if not isinstance(model, MLP):
            return self._by_forward(model, images)
        weights = effective_weights(model)
        if not self.screens:
            return mlp_logits_in_chunks(images, *weights)
        logits = torch.cat([screen.logits(*weights) for screen in self.screens[:tasks]])
        close = close_calls(logits)
        # oneDNN compiles a kernel per shape: padding keeps the shapes few.
        again = mlp_logits_in_chunks(functional.pad(images[close], (0, 0, 0, -len(close) % PADDING)), *weights)[: len(close)]
        if is_rounded_too_much(logits, again, close):
            return mlp_logits_in_chunks(images, *weights)
        logits[close] = again
        return logits

    def _by_forward(self, model: nn.Module, images: Tensor) -> Tensor:
        own = isinstance(model, StackedModel) and images.dim() > self.images.dim()
        size = (
            self.chunk * SEEDS_OF_A_CHUNK // max(SEEDS_OF_A_CHUNK, model.seeds) if isinstance(model, StackedModel) else self.chunk
        )
        forward: Callable[[Tensor], Tensor] = model.each if isinstance(model, StackedModel) and own else model
        was_training = model.training
        model.eval()
        logits = torch.cat([forward(chunk) for chunk in images.split(max(1, size), int(own))], dim=-2)
        model.train(was_training)
        return logits.to(images.dtype)
