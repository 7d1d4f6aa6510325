"""Named random streams: init, order and augmentation of a seed never disturb one another (PROTOCOL §1, pairing)."""

import numpy as np
import torch


def generator(seed: int, name: str) -> np.random.Generator:
    """numpy generator of the stream `name` of a seed; the same for every optimizer, device and machine."""
    return np.random.default_rng([seed, *name.encode()])


def torch_generator(seed: int, name: str) -> torch.Generator:
    """CPU torch generator of the stream `name` of a seed."""
    return torch.Generator().manual_seed(int(generator(seed, name).integers(2**63)))


def minibatches(seed: int, train_sizes: list[int], iterations: int, batch_size: int) -> np.ndarray:
    """Image indices of every minibatch of the stream: int64 (K·iterations, batch_size).

    In context k each index is drawn uniformly with replacement from the union of tasks 1..k (ideal joint training).

    Args:
        train_sizes: training images per task; images of task 1 come first. iterations: updates per context.
    """
    order = generator(seed, "order")
    unions = np.cumsum(train_sizes)
    return np.concatenate([order.integers(union, size=(iterations, batch_size)) for union in unions])
