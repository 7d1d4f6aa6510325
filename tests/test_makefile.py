"""What `make` calls is what snakemake understands: a target after --config would be read as a setting."""

import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


@pytest.mark.parametrize("target", ["publish", "verify"])
def test_targets_stand_before_the_configuration(target: str) -> None:
    asked = ["make", "--dry-run", target, "SUITE=smoke", "CONFIG=data_root=somewhere"]
    printed = subprocess.run(asked, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    called = re.search(r"bin/snakemake (.*)$", printed, re.MULTILINE)
    assert called is not None, printed
    words, _, configured = called[1].partition(" --config ")
    assert words.split()[-1] == target
    assert configured.split()[:2] == ["suite=smoke", "data_root=somewhere"]
    rebuilt_apart = "results=$rebuilt" in configured.split()
    assert rebuilt_apart is (target == "verify")
