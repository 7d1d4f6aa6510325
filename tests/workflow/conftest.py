"""Fixtures of the tests of the real workflow.

Finished suites are made once per process and used by one test file each, so `pytest -n 2 --dist loadfile` makes each once.
"""

from pathlib import Path

import pytest
from real_workflow import Workflow, new_workflow


@pytest.fixture
def fresh(tmp_path: Path) -> Workflow:
    """The smoke suite, nothing made yet."""
    return new_workflow(tmp_path / "workflow", suite="smoke")


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workflow, str]:
    """The finished smoke suite, which no test may change, and what snakemake printed."""
    flow = new_workflow(tmp_path_factory.mktemp("smoke") / "workflow", suite="smoke")
    return flow, flow.make("--cores", "all")


@pytest.fixture(scope="session")
def smoke(smoke_run: tuple[Workflow, str]) -> Workflow:
    """The finished smoke suite, which no test may change."""
    return smoke_run[0]


@pytest.fixture
def finished(smoke: Workflow, tmp_path: Path) -> Workflow:
    """A copy of the finished smoke suite, to be changed."""
    return smoke.duplicate(tmp_path / "workflow")
