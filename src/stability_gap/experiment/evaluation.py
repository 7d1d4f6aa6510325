"""Continual evaluation: accuracy and loss on the full test set of every task seen so far (PROTOCOL §1).

It dominates the cost of a run (docs/performance.md), so it is one matrix product per layer over all seen tasks. With arithmetic
`bf16_screened` the hidden layers first run in bfloat16, about four times faster where the CPU has it; every image whose two best
logits lie so close that rounding could have swapped them is computed again in float32. Those images also tell how large the
rounding was: where it came near the limit, the whole evaluation is done again in float32. The accuracies are those of float32
(benchmarks/screening.py checks it); only the loss keeps a rounding error, of about 1e-3 of its value.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from stability_gap.learners.mlp import MLP, effective_weights, mlp_logits
from stability_gap.learners.stacked import StackedModel

# Two logits closer than this share of `_scale` are a close call. Rounding hardly ever moves their difference by a third of that;
# an evaluation in which it moved any by more than half is not trusted.
CLOSE_CALL = 0.02

# Images per pass: the activations of a chunk stay in the cache and below malloc's mmap threshold.
CHUNK = 1000
PADDING = 128


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
        self.screens = [_Screen(part) for part in images.split(sizes)] if screened else []

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
            return _exact(images, weights)
        logits = torch.cat([screen.logits(*weights) for screen in self.screens[:tasks]])
        close = close_calls(logits)
        # oneDNN compiles a kernel per shape: padding keeps the shapes few.
        again = _exact(functional.pad(images[close], (0, 0, 0, -len(close) % PADDING)), weights)[: len(close)]
        if is_rounded_too_much(logits, again, close):
            return _exact(images, weights)
        logits[close] = again
        return logits

    def _by_forward(self, model: nn.Module, images: Tensor) -> Tensor:
        own = isinstance(model, StackedModel) and images.dim() > self.images.dim()
        forward: Callable[[Tensor], Tensor] = model.each if isinstance(model, StackedModel) and own else model
        was_training = model.training
        model.eval()
        logits = torch.cat([forward(chunk) for chunk in images.split(self.chunk, int(own))], dim=-2)
        model.train(was_training)
        return logits.to(images.dtype)


def _exact(images: Tensor, weights: Sequence[Tensor]) -> Tensor:
    return torch.cat([mlp_logits(chunk, *weights) for chunk in images.split(CHUNK)])


class _Screen:
    """The bfloat16 pass over one task's test images, without the pixels that are the same in all of them."""

    def __init__(self, images: Tensor) -> None:
        varying = (images != images[0]).any(0)
        varying[0] |= ~varying.any()  # oneDNN has no product over no pixels
        self.varying = varying.nonzero().squeeze(1)
        self.images = images[:, self.varying].bfloat16()
        self.constant = images[0].index_fill(0, self.varying, 0)

    def logits(self, hidden1: Tensor, hidden2: Tensor, output: Tensor) -> Tensor:
        """Logits (n, classes) in float32, but for the rounding of the hidden layers."""
        bias = (hidden1 @ self.constant).bfloat16()
        hidden1, hidden2 = hidden1[:, self.varying].bfloat16(), hidden2.bfloat16()
        return torch.cat([mlp_logits(chunk, hidden1, hidden2, output, bias) for chunk in self.images.split(CHUNK)])


def close_calls(logits: Tensor) -> Tensor:
    """Indices of the images whose class rounding could change: (n, classes) -> (m,).

    Those whose two best logits are closer than CLOSE_CALL times `_scale`, and any that are not finite.
    """
    best, second = logits.topk(2, dim=1).values.unbind(1)
    return torch.nonzero(~(best - second > CLOSE_CALL * _scale(logits))).squeeze(1)


def is_rounded_too_much(rounded: Tensor, exact: Tensor, close: Tensor) -> bool:
    """Whether rounding moved the difference of the two best logits of any close call by more than half of what makes one, so
    that an image that is none might have changed its class too: (n, classes), (m, classes) of `close`, (m,) -> bool.
    """
    best_two = rounded[close].topk(2, dim=1).indices
    moved = (rounded[close].gather(1, best_two) - exact.gather(1, best_two)).diff(dim=1).abs().squeeze(1)
    return bool((moved > CLOSE_CALL / 2 * _scale(rounded)[close]).any())


def _scale(logits: Tensor) -> Tensor:
    """What rounding errors are measured by: the spread of an image's logits, (n, classes) -> (n,).

    At least half the mean spread: under Adam some images drive hardly a hidden unit, and their errors do not shrink with them.
    """
    spread = logits.amax(1) - logits.amin(1)
    return spread.clamp_min(spread.mean() / 2)
