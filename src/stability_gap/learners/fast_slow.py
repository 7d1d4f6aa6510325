"""Explicit fast and slow weights, the mechanism that the gain is said to stand for (PROTOCOL §3, explicit_fast_slow)."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


class FastSlow(torch.optim.Optimizer):
    """Trains W = S + F by S ← S − α_s·∇ and F ← d·F − α_f·∇, with the gradient at W; F starts at 0.

    The parameter is W, the state holds F, and S is their difference.

    Args:
        lr: α_s, a number or a tensor. fast_rate: α_f. fast_decay: d.
    """

    def __init__(self, params: Iterable[Tensor], lr: float | Tensor, *, fast_rate: float, fast_decay: float) -> None:
        super().__init__(params, {"lr": lr, "fast_rate": fast_rate, "fast_decay": fast_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # torch's is overloaded
        """Move every weight that has a gradient."""
        assert closure is None, "one gradient per step"
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["fast"] = torch.zeros_like(weight)
                fast = state["fast"]
                weight.sub_(fast).sub_(group["lr"] * weight.grad)
                fast.mul_(group["fast_decay"]).sub_(weight.grad, alpha=group["fast_rate"])
                weight.add_(fast)
