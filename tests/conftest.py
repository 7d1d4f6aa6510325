"""Fixtures for all tests."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("untimed", hypothesis.settings.default, deadline=None)  # machines are shared
hypothesis.settings.load_profile("untimed")

SLOW = ("workflow", "journeys", "report")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the folders of slow tests, so that no worker ends up alone with one."""
    items.sort(key=lambda item: not set(SLOW) & set(item.path.parts))


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Find real image data: shared_data("MNIST/raw") is its path, or skips the test.

    Looked for in $STABILITY_GAP_SHARED_DATA, else in ../shared/data beside the repository.
    """
    root = Path(os.environ.get("STABILITY_GAP_SHARED_DATA") or Path(__file__).parents[2] / "shared" / "data")

    def find(part: str) -> Path:
        if not (root / part).exists():
            pytest.skip(f"needs real data: no {part} in {root}; set STABILITY_GAP_SHARED_DATA to a folder that has it")
        return root / part

    return find


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """One thread for torch and numpy: small products are no faster with more, and far slower beside other jobs."""
    import torch
    from threadpoolctl import threadpool_limits

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(threads)
