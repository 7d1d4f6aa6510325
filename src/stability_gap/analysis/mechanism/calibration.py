"""Measure the entropy signal: how sure the outputs are, and whether they are right as often as they are sure."""

import torch
from torch import Tensor

BINS = 15
"""Of confidence, equally wide (Guo et al. 2017)."""


def expected_calibration_error(logits: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """Expected calibration error: mean over images of |accuracy − mean confidence| of their bin of confidence (Guo et al. 2017).

    Args:
        logits: (n, classes). labels: (n,). bins: of equal width, each without its lower edge.
    """
    confidence, predicted = torch.softmax(logits, dim=-1).max(-1)
    place = (confidence * bins).ceil().long().clamp(1, bins) - 1
    surplus = (predicted == labels).to(confidence.dtype) - confidence
    return float(torch.zeros(bins, dtype=confidence.dtype).index_add(0, place, surplus).abs().sum() / len(labels))
