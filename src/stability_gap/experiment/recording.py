"""What a run writes down at every update (the columns of training.parquet)."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from stability_gap.learners.gain import GainModulation, entropy


class Recorder:
    """Collects one row per update; values stay on the device until the end.

    Args:
        layers: names of the weight layers. weights: their raw weights, in the same order. updates: rows to expect.
    """

    def __init__(self, layers: list[str], weights: Sequence[Tensor], updates: int) -> None:
        per_layer = [f"{quantity}_{layer}" for quantity in ("gain", "weight_norm") for layer in layers]
        self.names = ["loss", "accuracy", "entropy", "learning_rate", *per_layer, "update_norm"]
        self._rows = torch.full((updates, len(self.names)), torch.nan, dtype=weights[0].dtype, device=weights[0].device)
        self._weights = list(weights)
        self._before = [weight.detach().clone() for weight in weights]

    @torch.no_grad()
    def record(
        self,
        update: int,
        logits: Tensor,
        labels: Tensor,
        loss: Tensor,
        learning_rate: float,
        gain: GainModulation | None,
    ) -> bool:
        """Write row `update` (0-based) after the optimizer's step; False, and no row, where a value is not finite.

        Args:
            logits: (batch, classes) of this update's forward pass. loss: its mean cross-entropy, ().
        """
        changes = torch._foreach_norm(torch._foreach_sub(self._weights, self._before))
        torch._foreach_copy_(self._before, self._weights)
        one = torch.ones_like(loss)
        gains = [values.mean() for values in gain.gains] if gain else [one] * len(self._weights)
        row = torch.stack(
            [
                loss,
                (logits.argmax(1) == labels).to(loss.dtype).mean(),
                entropy(logits),
                one * learning_rate,
                *gains,
                *torch._foreach_norm(self._weights),
                torch.linalg.vector_norm(torch.stack(changes)),
            ]
        )
        if not torch.isfinite(row).all():
            return False
        self._rows[update] = row
        return True

    def columns(self) -> dict[str, np.ndarray]:
        """name -> (updates,); NaN where no row was written."""
        return dict(zip(self.names, self._rows.T.cpu().numpy(), strict=True))
