"""Digests of code: they change with what they stand for, and with nothing else."""

import hashlib
import importlib
import importlib.metadata
import shutil

import pytest

from stability_gap import provenance
from stability_gap.provenance import code_digest, module_digest, versions

ORIGINAL = provenance.PACKAGE


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package that digests are taken of; forgets what was cached before and after."""
    copy = tmp_path / "elsewhere" / "stability_gap"
    shutil.copytree(ORIGINAL, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "PACKAGE", copy)
    code_digest.cache_clear()
    yield copy
    code_digest.cache_clear()


def fresh(*stages: str) -> str:
    code_digest.cache_clear()
    return code_digest(*stages)


def append_comment(file) -> None:
    file.write_text(file.read_text() + "# changed\n")


def test_the_place_of_the_package_does_not_matter(package, monkeypatch):
    there = fresh("tasks", "learners", "files.py")
    monkeypatch.setattr(provenance, "PACKAGE", ORIGINAL)
    assert fresh("tasks", "learners", "files.py") == there
    assert len(there) == 16
    assert int(there, 16) >= 0


@pytest.mark.parametrize("stage", ["tasks", "learners", "experiment", "analysis", "presentation"])
def test_a_changed_file_changes_the_digest_of_its_stage_and_of_no_other(package, stage):
    stages = ["tasks", "learners", "experiment", "analysis", "presentation", "files.py"]
    before = {name: fresh(name) for name in stages}
    append_comment(sorted((package / stage).glob("*.py"))[-1])
    assert {name for name in stages if fresh(name) != before[name]} == {stage}


def test_a_digest_of_several_stages_changes_with_each(package):
    digests = [fresh("tasks", "learners", "files.py")]
    for file in ("tasks/streams.py", "learners/gain.py", "files.py"):
        append_comment(package / file)
        digests.append(fresh("tasks", "learners", "files.py"))
    assert len(set(digests)) == 4


def test_new_renamed_and_nested_files_count(package):
    digests = [fresh("learners")]
    (package / "learners" / "deep").mkdir()
    (package / "learners" / "deep" / "new.py").write_text("")
    digests.append(fresh("learners"))
    (package / "learners" / "deep" / "new.py").rename(package / "learners" / "deep" / "newer.py")
    digests.append(fresh("learners"))
    assert len(set(digests)) == 3


def test_what_is_no_source_does_not_count(package):
    before = fresh("learners")
    (package / "learners" / "__pycache__").mkdir()
    (package / "learners" / "__pycache__" / "gain.cpython-311.pyc").write_bytes(b"compiled")
    (package / "learners" / "notes.txt").write_text("notes")
    assert fresh("learners") == before


def test_the_digest_of_a_module_is_that_of_its_file(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_own_optimizer.py").write_text("lr = 1\n")
    importlib.invalidate_caches()
    first = module_digest("my_own_optimizer")
    assert first == hashlib.sha256(b"lr = 1\n").hexdigest()[:16]
    (tmp_path / "my_own_optimizer.py").write_text("lr = 2\n")
    assert module_digest("my_own_optimizer") != first


def test_a_module_without_a_file_is_absent():
    assert module_digest("no_such_module_anywhere") == "absent"
    assert module_digest("sys") == "absent"


def test_versions_carry_no_local_build_label(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", {"torch": "2.8.0+cpu", "numpy": "2.1.0"}.__getitem__)
    assert versions(["torch", "numpy"]) == {"torch": "2.8.0", "numpy": "2.1.0"}


def test_every_package_that_can_change_a_number_has_a_version():
    assert versions().keys() == set(provenance.PACKAGES)
    assert {"numpy", "pandas", "scipy", "torch"} <= versions().keys()
