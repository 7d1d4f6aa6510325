"""Write down what a run leaves behind: a row per update, and the evaluations."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stability_gap.experiment.evaluation import Evaluation
from stability_gap.experiment.learner import Learner, Step
from stability_gap.experiment.timeline import Timeline


class Recorder:
    """Makes one row per update (the columns of training.parquet); values stay on the device until the end.

    Attributes:
        names: of the columns. rows: (T, columns[, S]), NaN where nothing was recorded.
    """

    def __init__(self, learner: Learner, updates: int) -> None:
        self.names = [
            "loss",
            "accuracy",
            "entropy",
            "learning_rate",
            *(f"gain_{layer}" for layer in learner.followed),
            *(f"weight_norm_{layer}" for layer in learner.weights),
            "update_norm",
        ]
        self._followed, self._seeds = len(learner.followed), learner.seeds
        self._weights, self._parameters = list(learner.weights.values()), list(learner.parameters.values())
        self._before = [parameter.detach().clone() for parameter in self._parameters]
        shape = (updates, len(self.names), *learner.seeds)
        self.rows = torch.full(shape, torch.nan, dtype=learner.dtype, device=learner.device)

    def restore(self, rows: Tensor) -> None:
        """Go on with rows that were recorded, (T, columns[, S]); the learner is already where the last of them left it."""
        self.rows.copy_(rows)
        torch._foreach_copy_(self._before, [parameter.detach() for parameter in self._parameters])

    @torch.no_grad()
    def row(self, step: Step) -> Tensor:
        """The row of an update, after the optimizer's step: (columns[, S])."""
        torch._foreach_sub_(self._before, self._parameters)
        norms = self._norms([*self._before, *self._weights])
        changes, weight_norms = norms[: len(self._before)], norms[len(self._before) :]
        torch._foreach_copy_(self._before, self._parameters)
        one = torch.ones_like(step.loss)
        return torch.stack(
            [
                step.loss,
                (step.logits.argmax(-1) == step.labels).to(step.loss.dtype).mean(-1),
                step.entropy,
                one * step.learning_rate,
                *([values.mean(-1) for values in step.gains] or [one] * self._followed),
                *weight_norms,
                torch.linalg.vector_norm(torch.stack(list(changes)), dim=0),
            ]
        )

    def _norms(self, tensors: Sequence[Tensor]) -> Sequence[Tensor]:
        """L2 norm of each tensor, of each seed's part of it where there are seeds."""
        if self._seeds:
            return [torch.linalg.vector_norm(tensor.flatten(1), dim=1) for tensor in tensors]
        return torch._foreach_norm(list(tensors))


@dataclass(frozen=True)
class Way:
    """How a seed was trained.

    together: seeds that were trained at once. captured: as CUDA graphs. fallbacks: why not as it was meant to be, in order:
    memory (the block was halved, or one seed done by the plain loop), capture (no graph could be made), block (it could not be
    trained at once), rehearsal (the block was not the plain loop). resumed: the
    update after which it went on from a checkpoint, 0 where it was trained in one go.
    """

    together: int = 1
    captured: bool = False
    fallbacks: tuple[str, ...] = ()
    resumed: int = 0


@dataclass
class Record:
    """What the run of one seed leaves behind.

    Attributes:
        accuracy, loss: (evaluations, K), NaN for tasks not seen yet and after divergence.
        training: name -> (T,), one value per iteration; NaN after divergence.
        timeline: when the evaluations were.
        diverged_at: the first iteration whose training loss, weights or test loss were not finite, or None.
        way: how the seed was trained.
    """

    accuracy: np.ndarray
    loss: np.ndarray
    training: dict[str, np.ndarray]
    timeline: Timeline
    diverged_at: int | None
    way: Way = Way()


def records(recorder: Recorder, evaluation: Evaluation, timeline: Timeline) -> list[Record]:
    """The record of each seed; a learner of one seed has one."""
    rows, accuracy, loss = (part.cpu() for part in (recorder.rows, evaluation.accuracy, evaluation.loss))
    of_seeds = (
        zip(rows.unbind(2), accuracy.unbind(1), loss.unbind(1), strict=True) if rows.dim() > 2 else [(rows, accuracy, loss)]
    )
    return [record(recorder.names, row.numpy(), acc.numpy(), test.numpy(), timeline) for row, acc, test in of_seeds]


def record(names: Sequence[str], rows: np.ndarray, accuracy: np.ndarray, loss: np.ndarray, timeline: Timeline) -> Record:
    """What was recorded of one seed, blank (NaN) from the iteration on that was not finite.

    Args:
        rows: (T, columns), in the order of `names`. accuracy, loss: (evaluations, K).
    """
    covered = np.arange(loss.shape[1]) < timeline.covered[:, None]
    broken_updates = np.flatnonzero(~np.isfinite(rows).all(axis=1)) + 1
    broken_evaluations = timeline.evaluated[(~np.isfinite(loss) & covered).any(axis=1)]
    broken = np.concatenate([broken_updates, broken_evaluations])
    diverged_at = int(broken.min()) if broken.size else None
    rows, accuracy, loss = rows.copy(), np.where(covered, accuracy, np.nan), np.where(covered, loss, np.nan)
    if diverged_at is not None:
        rows[diverged_at - 1 :] = np.nan
        accuracy[timeline.evaluated >= diverged_at] = np.nan
        loss[timeline.evaluated >= diverged_at] = np.nan
    return Record(accuracy, loss, dict(zip(names, rows.T, strict=True)), timeline, diverged_at)
