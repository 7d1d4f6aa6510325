"""Walk along the straight line between two models: is there a barrier between before the switch and the end of the context?"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional


@torch.no_grad()
def losses_along(
    model: nn.Module,
    start: Mapping[str, Tensor],
    end: Mapping[str, Tensor],
    images: Tensor,
    labels: Tensor,
    shares: Iterable[float],
) -> list[float]:
    """Mean cross-entropy of the model at start + share · (end − start), for each share of the way.

    start, end: state_dicts of the model, of effective weights and, with batch norm, running statistics.
    """
    losses = []
    for share in shares:
        state = {name: value.lerp(end[name], share) if value.is_floating_point() else value for name, value in start.items()}
        losses.append(float(functional.cross_entropy(functional_call(model, state, (images,)), labels)))
    return losses
