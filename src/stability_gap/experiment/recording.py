"""What a run writes down: a row per update (the columns of training.parquet), the trajectory it leaves behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


class Recorder:
    """Makes one row per update; values stay on the device until the end.

    Args:
        gained: names of the layers whose gains are followed. weights: raw weight of every weight layer by name.
        parameters: all that is trained. seeds: () for one model, (S,) where every tensor has a leading axis of S seeds.
    """

    def __init__(
        self, gained: Sequence[str], weights: Mapping[str, Tensor], parameters: Sequence[Tensor], seeds: tuple[int, ...] = ()
    ) -> None:
        norms = [f"weight_norm_{layer}" for layer in weights]
        self.names = [
            "loss",
            "accuracy",
            "entropy",
            "learning_rate",
            *(f"gain_{layer}" for layer in gained),
            *norms,
            "update_norm",
        ]
        self._gained, self._seeds = len(gained), seeds
        self._weights, self._parameters = list(weights.values()), list(parameters)
        self._before = [parameter.detach().clone() for parameter in parameters]

    @torch.no_grad()
    def row(
        self, logits: Tensor, labels: Tensor, loss: Tensor, output_entropy: Tensor, learning_rate: float, gains: Sequence[Tensor]
    ) -> Tensor:
        """The row of an update, after the optimizer's step: (columns,), with a trailing axis of seeds (columns, S).

        Args:
            logits: (batch, classes) of this update. loss, output_entropy: their mean cross-entropy and entropy, ().
            gains: (units,) of each followed layer; none where there is no gain modulation.
        """
        torch._foreach_sub_(self._before, self._parameters)
        norms = self._norms([*self._before, *self._weights])
        changes, weight_norms = norms[: len(self._before)], norms[len(self._before) :]
        torch._foreach_copy_(self._before, self._parameters)
        one = torch.ones_like(loss)
        return torch.stack(
            [
                loss,
                (logits.argmax(-1) == labels).to(loss.dtype).mean(-1),
                output_entropy,
                one * learning_rate,
                *([values.mean(-1) for values in gains] or [one] * self._gained),
                *weight_norms,
                torch.linalg.vector_norm(torch.stack(list(changes)), dim=0),
            ]
        )

    def _norms(self, tensors: Sequence[Tensor]) -> Sequence[Tensor]:
        """L2 norm of each tensor, of each seed's part of it where there are seeds."""
        if self._seeds:
            return [torch.linalg.vector_norm(tensor.flatten(1), dim=1) for tensor in tensors]
        return torch._foreach_norm(list(tensors))


@dataclass
class Trajectory:
    """What one run leaves behind.

    Attributes:
        accuracy, loss: (evaluations, K), NaN for tasks not seen yet and after divergence.
        evaluated: int (evaluations,), the 1-based iterations of the evaluations.
        training: name -> (T,), one value per iteration; NaN after divergence.
        diverged_at: the first iteration whose training loss, weights or test loss were not finite, or None.
    """

    accuracy: np.ndarray
    loss: np.ndarray
    evaluated: np.ndarray
    training: dict[str, np.ndarray]
    diverged_at: int | None


def trajectory(names: Sequence[str], rows: np.ndarray, accuracy: np.ndarray, loss: np.ndarray, seen: np.ndarray) -> Trajectory:
    """What was recorded as a Trajectory, blank (NaN) from the iteration on that was not finite.

    Args:
        rows: (T, columns), in the order of `names`. accuracy, loss: (evaluations, K), evenly spaced, the last after update T.
        seen: int (evaluations,), how many tasks each evaluation covered.
    """
    every = len(rows) // len(loss)
    evaluated = np.arange(every, len(rows) + 1, every)
    covered = np.arange(loss.shape[1]) < seen[:, None]
    broken_updates = np.flatnonzero(~np.isfinite(rows).all(axis=1)) + 1
    broken_evaluations = evaluated[(~np.isfinite(loss) & covered).any(axis=1)]
    broken = np.concatenate([broken_updates, broken_evaluations])
    diverged_at = int(broken.min()) if broken.size else None
    rows, accuracy, loss = rows.copy(), np.where(covered, accuracy, np.nan), np.where(covered, loss, np.nan)
    if diverged_at is not None:
        rows[diverged_at - 1 :] = np.nan
        accuracy[evaluated >= diverged_at] = np.nan
        loss[evaluated >= diverged_at] = np.nan
    return Trajectory(accuracy, loss, evaluated, dict(zip(names, rows.T, strict=True)), diverged_at)
