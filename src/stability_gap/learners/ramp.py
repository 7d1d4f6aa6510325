"""A slow start of every task: its images count little at first (PROTOCOL §3, ramp)."""

import numpy as np
import torch
from torch import Tensor

from stability_gap.learners.rates import since_switch


def ramp(batches: Tensor, train_sizes: list[int], switches: np.ndarray, updates: int) -> Tensor:
    """The weight of each image's loss: int64 (T[, S], batch) -> float32 of the same shape.

    From 0 at the first update after a switch to 1 linearly over `updates` updates for images of the newest task, else 1.

    Args:
        train_sizes: images of each task; those of task 1 have the first indices. switches: last update of each context but the
        last, counted from 1.
    """
    passed = since_switch(len(batches), switches)
    factor = np.where(np.isinf(passed) | (updates == 0), 1.0, np.minimum(passed / max(updates, 1), 1.0))
    newest = np.searchsorted(switches, np.arange(len(batches)), side="right")
    bounds = np.cumsum([0, *train_sizes])
    shape = (-1, *[1] * (batches.dim() - 1))
    first, end = (torch.from_numpy(bounds[newest + after]).to(batches.device).view(shape) for after in (0, 1))
    is_new = (batches >= first) & (batches < end)  # without a switch in the sampling, images of later tasks are drawn too
    return torch.where(is_new, torch.from_numpy(factor).float().to(batches.device).view(shape), 1.0)
