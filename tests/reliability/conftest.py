"""Fixtures of the fault matrix: what a run that nothing disturbs leaves, and the counts that are shown at the end."""

import os
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "workflow"))

from counting import Tally, table
from projects import new_small
from real_workflow import Workflow, digests, new_workflow

SEED = int(os.environ.get("RELIABILITY_SEED", "20261128"))
VARIED = os.environ.get("RELIABILITY_SUITE", "smoke")

TALLY = Tally()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mounts, users and host names need rights: say so at once."""
    if os.geteuid() != 0:
        raise pytest.UsageError("tests/reliability mounts file systems and changes users: run it as root, or in a container.")


def pytest_report_header() -> str:
    """Print what a failure is repeated with."""
    return f"reliability: RELIABILITY_SEED={SEED} RELIABILITY_SUITE={VARIED}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the counts, and keep them where $RELIABILITY_COUNTS says."""
    if not TALLY.rows:
        return
    terminalreporter.write_sep("=", "faults: tried, right in the end, lost")
    terminalreporter.write_line(table(TALLY.rows))
    if kept := os.environ.get("RELIABILITY_COUNTS"):
        TALLY.keep(Path(kept))


@pytest.fixture(scope="session")
def seed() -> int:
    """Where all that is random here begins."""
    return SEED


@pytest.fixture
def tally() -> Tally:
    """Counts what was tried and how it ended."""
    return TALLY


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """The finished small suite, which no test may change; with $RELIABILITY_BUILT, the one that lies there."""
    if built := os.environ.get("RELIABILITY_BUILT"):
        return Workflow(Path(built))
    flow = new_small(tmp_path_factory.mktemp("undisturbed") / "workflow")
    flow.make("--cores", "2")
    return flow


@pytest.fixture(scope="session")
def right(undisturbed: Workflow) -> dict[str, str]:
    """Digests of what the small suite leaves."""
    found = digests(undisturbed)
    assert {"small/metrics.parquet", "small/report.html", "runs/split_digits_smoke/sgd/44/evaluations.parquet"} <= set(found)
    return found


@pytest.fixture
def finished(undisturbed: Workflow, tmp_path: Path) -> Workflow:
    """A copy of the finished small suite, to be damaged."""
    return undisturbed.duplicate(tmp_path / "workflow")


@pytest.fixture(scope="session")
def varied(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """The suite that is built under variations, built without any."""
    if VARIED == "small":
        return request.getfixturevalue("undisturbed")
    flow = new_workflow(tmp_path_factory.mktemp("varied") / "workflow", suite=VARIED)
    flow.make("--cores", "2")
    return flow


@pytest.fixture(scope="session")
def varied_suite() -> str:
    """Its name."""
    return VARIED
