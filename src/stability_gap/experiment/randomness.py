"""Named random streams: init, order and augmentation of a seed never disturb one another (PROTOCOL §1, pairing)."""

import numpy as np
import torch


def generator(seed: int, name: str) -> np.random.Generator:
    """numpy generator of the stream `name` of a seed; the same for every optimizer, device and machine."""
    return np.random.default_rng([seed, *name.encode()])


def torch_generator(seed: int, name: str) -> torch.Generator:
    """CPU torch generator of the stream `name` of a seed."""
    return torch.Generator().manual_seed(int(generator(seed, name).integers(2**63)))
