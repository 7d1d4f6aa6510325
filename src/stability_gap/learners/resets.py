"""Clear what an optimizer remembers (PROTOCOL §3, msgd_reset and adam_reset)."""

import torch
from torch import Tensor

from stability_gap.learners.settings import ImportedSettings, OptimizerSettings


@torch.no_grad()
def clear_state(optimizer: torch.optim.Optimizer, settings: OptimizerSettings) -> None:
    """Clear moments, momenta and counts of steps: the next step is the first one of a fresh optimizer.

    They are set to zero in place, as a CUDA graph needs it; those of an imported optimizer, which may not start at zero, are
    dropped.
    """
    if isinstance(settings, ImportedSettings):
        optimizer.state.clear()
    for state in optimizer.state.values():
        for value in state.values():
            if isinstance(value, Tensor):
                value.zero_()
