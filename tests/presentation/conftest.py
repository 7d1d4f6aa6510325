"""Synthetic suites, made once."""

import pytest
from synthetic_results import LOOKS, Suite, make_suite

from stability_gap.presentation.looks import Looks, looks_from


@pytest.fixture(scope="session")
def suite() -> Suite:
    return make_suite()


@pytest.fixture(scope="session")
def small() -> Suite:
    """Two tasks of 30 iterations, three seeds: quick to draw."""
    return make_suite({"split_digits": 2}, range(42, 45), 30)


@pytest.fixture(scope="session")
def looks() -> Looks:
    return looks_from(LOOKS, "ngm_sgd")
