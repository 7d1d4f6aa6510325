"""Weights of a ramp, image by image, for one seed and for a block."""

import pytest
import torch

from stability_gap.learners.ramp import ramp

SIZES, SWITCHES = [3, 2, 4], [4, 8]


@pytest.mark.parametrize("shape", [(12, 5), (12, 2, 5)])
@pytest.mark.parametrize("updates", [0, 1, 3, 9])
def test_only_images_of_the_newest_task_wait(shape, updates):
    batches = torch.randint(0, 9, shape, generator=torch.Generator().manual_seed(0))
    weights = ramp(batches, SIZES, SWITCHES, updates)
    assert weights.shape == shape
    for update in range(12):
        context, since = divmod(update, 4)
        for index, weight in zip(batches[update].flatten().tolist(), weights[update].flatten().tolist(), strict=True):
            is_new = context > 0 and sum(SIZES[:context]) <= index < sum(SIZES[: context + 1])
            assert weight == pytest.approx(min(since / updates, 1) if is_new and updates else 1)
