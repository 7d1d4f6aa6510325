"""Groups of the profiles fit every suite: no group may wait for a job that waits for the group."""

from pathlib import Path

import pytest
import yaml
from real_workflow import Workflow, new_workflow

PROFILES = Path(__file__).parents[2] / "profiles"
GROUPED_RUNS = 'train: "runs_{benchmark}"'


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """The workflow with a second profile, in which training is grouped."""
    flow = new_workflow(tmp_path_factory.mktemp("groups") / "workflow")
    text = (PROFILES / "slurm/config.yaml").read_text(encoding="utf-8")
    grouped = flow.folder / "profiles/grouped/config.yaml"
    grouped.parent.mkdir()
    grouped.write_text(text.replace("# train: runs_{benchmark}", GROUPED_RUNS), encoding="utf-8")
    assert GROUPED_RUNS in grouped.read_text(encoding="utf-8")
    return flow


# One suite of each shape: further files from metrics, runs selected by runs, runs that follow others, snapshots replayed.
@pytest.mark.parametrize("suite", ["frontier", "tuning", "controls", "mechanism"])
def test_a_suite_can_be_planned(flow: Workflow, suite: str) -> None:
    for profile in ("slurm", "grouped"):
        options = ("--workflow-profile", f"profiles/{profile}", "--executor", "dryrun", "--config", f"suite={suite}")
        assert "Dry run" in flow.make("--dry-run", *options)


def test_both_profiles_have_the_same_groups() -> None:
    slurm, generic = (yaml.safe_load((PROFILES / name / "config.yaml").read_text()) for name in ("slurm", "generic"))
    for key in ("groups", "group-components", "set-resources", "retries", "cores"):
        assert slurm[key] == generic[key]
