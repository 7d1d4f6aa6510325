"""What all tests of the experiment share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from cells import CONFIG

from stability_gap.tasks.datasets import load
from stability_gap.tasks.streams import Stream, build


@pytest.fixture(scope="module", autouse=True)
def single_threaded(one_thread) -> None:
    """For every test here."""


@pytest.fixture(scope="session")
def digits() -> Stream:
    """Five tasks of two digits."""
    dataset = load(CONFIG.datasets["digits"], Path("unused"), download=False)
    return build(dataset, CONFIG.benchmarks["split_digits"].stream)


@pytest.fixture(autouse=True)
def torch_as_it_was() -> Iterator[None]:
    threads, tf32 = torch.get_num_threads(), (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = tf32
