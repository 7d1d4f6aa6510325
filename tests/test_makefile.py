"""What `make` calls is what snakemake understands, where a target after --config would be a setting; environments stay apart."""

import os
import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


def make(folder: Path, *asked: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Call make as a user does: `make test` hands its own MAKELEVEL and MAKEFLAGS on to what it starts."""
    alone = {name: value for name, value in os.environ.items() if name not in ("MAKELEVEL", "MAKEFLAGS", "MFLAGS")}
    command = ["make", "--makefile", str(REPOSITORY / "Makefile"), *asked]
    return subprocess.run(command, cwd=folder, env=alone | environment, capture_output=True, text=True, check=False)


def dry_run(*asked: str) -> str:
    """What make would do."""
    done = make(REPOSITORY, "--dry-run", *asked)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_results_are_wherever_the_configuration_says() -> None:
    """Snakemake's last words name them."""
    *_, last = dry_run("results", "SUITE=smoke", "CONFIG=results=out").splitlines()
    assert last == ".venv/bin/snakemake --cores all --config suite=smoke results=out"


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
    assert "echo '{suites: {mnist: {seeds: [42,43]}}}' > $rebuilt/chosen.yaml" in dry_run("verify", "SUITE=mnist", "SEEDS=42,43")
    assert "echo '{}' > $rebuilt/chosen.yaml" in dry_run("verify", "SUITE=mnist")


@pytest.mark.parametrize("status", [0, 1])
def test_what_was_built_is_kept_and_named_where_it_differs(tmp_path: Path, status: int) -> None:
    built = tmp_path / "built"
    built.mkdir()
    for name in ("requirements.lock", "pyproject.toml", ".venv/bin/snakemake", ".venv/ready"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {status}\n", encoding="utf-8")
    (tmp_path / ".venv/bin/snakemake").chmod(0o755)
    done = make(tmp_path, "verify", "SUITE=smoke", TMPDIR=str(built))
    assert [f"What was built stays in {folder}" in done.stdout for folder in built.iterdir()] == [True] * status
    assert (done.returncode != 0) == bool(status)


@pytest.mark.parametrize(("versions", "resolution"), [("oldest", "lowest-direct"), ("newest", "highest")])
def test_other_versions_are_tested_in_an_environment_of_their_own(versions: str, resolution: str) -> None:
    printed = dry_run(f"test-{versions}")
    assert f" --resolution {resolution} " in printed
    *_, tested = printed.strip().splitlines()
    assert f" VERSIONS={versions} .venv-{versions}/bin/pytest " in tested
    assert set(re.findall(r"\.venv[\w-]*", printed)) == {f".venv-{versions}"}
    ignored = (REPOSITORY / ".gitignore").read_text(encoding="utf-8").split()
    assert any(fnmatch(f".venv-{versions}/", pattern) for pattern in ignored)
