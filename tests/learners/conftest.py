"""What all tests of learners share."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def single_threaded(one_thread) -> None:
    """For every test here."""
