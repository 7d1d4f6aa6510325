"""Evaluate an MLP in bfloat16 first, and in float32 whatever rounding could have changed.

With arithmetic `bf16_screened` the hidden layers first run in bfloat16, about four times faster where the CPU has it; every
image whose two best logits lie so close that rounding could have swapped them is computed again in float32. Those images also
tell how large the rounding was: where it came near the limit, the whole evaluation is done again in float32. No accuracy was seen
to differ from that of float32 (benchmarks/screening.py); the loss keeps a rounding error, of about 1e-3 of its value.
"""

import torch
from torch import Tensor

from stability_gap.learners.mlp import CHUNK, mlp_logits

# Two logits closer than this share of `_scale` are a close call. Rounding hardly ever moves their difference by a third of that;
# an evaluation in which it moved any by more than half is not trusted.
CLOSE_CALL = 0.02


class Screen:
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
    """Find the images whose class rounding could change: (n, classes) -> indices (m,).

    Those whose two best logits are closer than CLOSE_CALL times `_scale`, and any that are not finite.
    """
    best, second = logits.topk(2, dim=1).values.unbind(1)
    return torch.nonzero(~(best - second > CLOSE_CALL * _scale(logits))).squeeze(1)


def is_rounded_too_much(rounded: Tensor, exact: Tensor, close: Tensor) -> bool:
    """Tell whether rounding moved the difference of the two best logits of any close call by more than half of what makes one, so
    that an image that is none might have changed its class too: (n, classes), (m, classes) of `close`, (m,) -> bool.
    """
    best_two = rounded[close].topk(2, dim=1).indices
    moved = (rounded[close].gather(1, best_two) - exact.gather(1, best_two)).diff(dim=1).abs().squeeze(1)
    return bool((moved > CLOSE_CALL / 2 * _scale(rounded)[close]).any())


def _scale(logits: Tensor) -> Tensor:
    """Measure of rounding errors: the spread of an image's logits, (n, classes) -> (n,).

    At least half the mean spread: under Adam some images drive hardly a hidden unit, and their errors do not shrink with them.
    """
    spread = logits.amax(1) - logits.amin(1)
    return spread.clamp_min(spread.mean() / 2)
