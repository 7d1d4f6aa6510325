"""What `make` calls is what snakemake understands, where a target after --config would be a setting; environments stay apart."""

import os
import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


def dry_run(*asked: str) -> str:
    """What make would do, asked as by a user: `make test` hands its own MAKELEVEL and MAKEFLAGS on to what it starts."""
    alone = {name: value for name, value in os.environ.items() if name not in ("MAKELEVEL", "MAKEFLAGS", "MFLAGS")}
    command = ["make", "--dry-run", *asked]
    return subprocess.run(command, cwd=REPOSITORY, env=alone, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("target", ["publish", "verify"])
def test_targets_stand_before_the_configuration(target: str) -> None:
    printed = dry_run(target, "SUITE=smoke", "CONFIG=data_root=somewhere")
    called = re.search(r"bin/snakemake (.*)$", printed, re.MULTILINE)
    assert called is not None, printed
    words, _, configured = called[1].partition(" --config ")
    assert words.partition(" --configfile ")[0].split()[-1] == target
    assert configured.split()[:2] == ["suite=smoke", "data_root=somewhere"]
    rebuilt_apart = "results=$rebuilt" in configured.split()
    assert rebuilt_apart is (target == "verify")


def test_some_seeds_are_a_setting_of_the_suite() -> None:
    assert "echo 'suites: {mnist: {seeds: [42,43]}}' > $rebuilt/chosen.yaml" in dry_run("verify", "SUITE=mnist", "SEEDS=42,43")
    assert "echo 'suites: {mnist: {}}' > $rebuilt/chosen.yaml" in dry_run("verify", "SUITE=mnist")


@pytest.mark.parametrize(("versions", "resolution"), [("oldest", "lowest-direct"), ("newest", "highest")])
def test_other_versions_are_tested_in_an_environment_of_their_own(versions: str, resolution: str) -> None:
    printed = dry_run(f"test-{versions}")
    assert f" --resolution {resolution} " in printed
    *_, tested = printed.strip().splitlines()
    assert f" VERSIONS={versions} .venv-{versions}/bin/pytest " in tested
    assert set(re.findall(r"\.venv[\w-]*", printed)) == {f".venv-{versions}"}
    ignored = (REPOSITORY / ".gitignore").read_text(encoding="utf-8").split()
    assert any(fnmatch(f".venv-{versions}/", pattern) for pattern in ignored)
