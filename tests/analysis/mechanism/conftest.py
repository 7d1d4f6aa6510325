"""What all tests of the mechanism share."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def single_threaded(one_thread) -> None:
    """For every test here: its products are tiny."""
