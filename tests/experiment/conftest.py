"""What all tests of the experiment share."""

from pathlib import Path

import pytest
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
