"""Fixtures of the tests of the claims."""

import gc

import pytest


@pytest.fixture(autouse=True, scope="module")
def nothing_to_collect():
    """statsmodels collects garbage at every adjustment: 0.1 s each over all that was imported."""
    gc.freeze()
    yield
    gc.unfreeze()
