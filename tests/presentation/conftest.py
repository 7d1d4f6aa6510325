"""Synthetic suites, made once."""

import pytest
from synthetic_results import Suite, make_suite


@pytest.fixture(scope="session")
def suite() -> Suite:
    return make_suite()


@pytest.fixture(scope="session")
def small() -> Suite:
    """Two tasks of 30 iterations, three seeds: quick to draw."""
    return make_suite({"split_digits": 2}, range(42, 45), 30)
