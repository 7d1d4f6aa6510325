"""Fixtures of the tests on a real Slurm: `make test-cluster`."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cases import new_case
from install import have_slurm
from private_slurm import PrivateSlurm
from real_workflow import Workflow, digests, new_workflow


@pytest.fixture(scope="module")
def slurm(request: pytest.FixtureRequest) -> Iterator[PrivateSlurm]:
    """A Slurm for the tests of a module, with accounting where it says ACCOUNTING = True; stopped whatever happens."""
    have_slurm()
    # Not in pytest's folder, which munged refuses: others may not enter it.
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        slurm = PrivateSlurm(Path(folder), request.module.ACCOUNTING)
        try:
            slurm.start()
            yield slurm
        finally:
            slurm.stop()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """A case of which only training is left."""
    return new_case(tmp_path_factory.mktemp("case") / "workflow")


@pytest.fixture(scope="session")
def trained(prepared: Workflow, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Digests of the case after undisturbed training on this machine."""
    flow = prepared.duplicate(tmp_path_factory.mktemp("local") / "workflow")
    flow.make("--cores", "2", "--until", "train")
    return digests(flow)


@pytest.fixture
def case(prepared: Workflow, tmp_path: Path) -> Workflow:
    """A case of the test's own."""
    return prepared.duplicate(tmp_path / "workflow")


@pytest.fixture(scope="session")
def smoke_digests(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Digests of the smoke suite, made on this machine without a queue."""
    flow = new_workflow(tmp_path_factory.mktemp("local") / "workflow", suite="smoke")
    flow.make("--cores", "2")
    found = digests(flow)
    assert {"smoke/metrics.parquet", "smoke/tables/table1.md", "smoke/figures/tradeoff.pdf"} <= set(found)
    return found


@pytest.fixture
def smoke(tmp_path: Path) -> Workflow:
    """The smoke suite, of which nothing is made."""
    return new_workflow(tmp_path / "workflow", suite="smoke")
