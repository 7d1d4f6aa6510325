"""The same bytes wherever, whenever and by whomever a suite is built (the variations of Debian's reprotest, and some more)."""

import shutil
import subprocess
from pathlib import Path

import pytest
from projects import clear_errors, differences
from real_workflow import PARTS, Workflow, digests
from variations import VARIATIONS


@pytest.mark.parametrize("name", VARIATIONS)
def test_the_same_bytes_under_a_variation(varied, varied_suite, tally, tmp_path, name):
    variation = VARIATIONS[name]
    flow = unmade(varied, tmp_path / variation.folder)
    with variation.place(flow) as seen:
        done = seen.run(*variation.command(seen.folder, "snakemake", "--cores", variation.cores))
    different = differences(digests(flow), digests(varied)) if done.returncode == 0 else ["(no results)"]
    tally.count(name, survived=not different, lost=len(different), suite=varied_suite)
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stdout
    assert different == [], shown(different, varied, flow)


def test_a_home_that_cannot_be_written_is_named(varied, tmp_path):
    flow = unmade(varied, tmp_path / "workflow")
    refused = flow.snakemake("--cores", "2", HOME="/proc/nobody")
    (line,) = clear_errors(refused)
    assert "Snakemake cannot keep its cache in the home folder" in line
    assert "XDG_CACHE_HOME" in line


def unmade(built: Workflow, folder: Path) -> Workflow:
    """The same project in another folder, nothing made yet."""
    folder.mkdir(parents=True)
    for part in PARTS:
        copy = shutil.copytree if (built.folder / part).is_dir() else shutil.copy2
        copy(built.folder / part, folder / part)
    return Workflow(folder)


def shown(different: list[str], one: Workflow, other: Workflow) -> str:
    """What diffoscope says of the first files that differ, where it is installed."""
    if shutil.which("diffoscope") is None:
        return f"{different}; install diffoscope to see how they differ"
    texts = [str(different)]
    for name in different[:3]:
        pair = [str(flow.folder / "results" / name) for flow in (one, other)]
        told = subprocess.run(["diffoscope", "--max-report-size", "4000", *pair], capture_output=True, text=True, check=False)
        texts.append(told.stdout[:4000] or told.stderr[:1000])
    return "\n".join(texts)
