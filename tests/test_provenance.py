"""Digests of code: they change with what they stand for, and with nothing else."""

import ast
import hashlib
import importlib
import importlib.metadata
import shutil

import pytest

from stability_gap import provenance
from stability_gap.provenance import code_digest, code_of, module_digest, versions

ORIGINAL = provenance.PACKAGE

SOURCES = {
    "__init__.py": "",
    "errors.py": "class UserError(Exception): ...",
    "cli.py": "def run():\n    from pack.steps.work import work",
    "steps/__init__.py": "",
    "steps/work.py": "import numpy\nfrom pack import errors\nfrom pack.maths import add\nfrom pack.steps.settings import S",
    "steps/settings.py": "",
    "steps/other.py": "from .work import work\nfrom . import settings\nfrom ..maths import total",
    "maths/__init__.py": "",
    "maths/add.py": "def later():\n    import pack.maths.deep.sums as sums",
    "maths/total.py": "",
    "maths/deep/__init__.py": "",
    "maths/deep/sums.py": "from pack.maths import add  # a circle",
    "registry/__init__.py": "import pkgutil",
    "registry/one.py": "from pack.maths import total",
    "registry/more/__init__.py": "",
    "registry/more/two.py": "",
    "user.py": "from pack.registry import METRICS",
}
WORK = {"steps", "steps.work", "steps.settings", "maths", "maths.add", "maths.deep", "maths.deep.sums"}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package that digests are taken of; forgets what was cached before and after."""
    folder = tmp_path / "elsewhere" / "pack"
    for name, source in SOURCES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source + "\n")
    monkeypatch.setattr(provenance, "PACKAGE", folder)
    code_digest.cache_clear()
    yield folder
    code_digest.cache_clear()


def fresh(*modules: str) -> str:
    code_digest.cache_clear()
    return code_digest(*modules)


def append_comment(file) -> None:
    file.write_text(file.read_text() + "# changed\n")


def test_code_is_what_is_imported_anywhere_in_it_and_nothing_else(package):
    assert set(code_of("steps.work")) == WORK
    assert set(code_of("pack.steps.work")) == WORK
    assert set(code_of("steps.other")) == WORK | {"steps.other", "maths.total"}
    assert code_of("maths.total") == ["maths", "maths.total"]


EVERYWHERE = """
import a
try:
    import b
except* ValueError:
    from c import d
else:
    import e
finally:
    import f
class G:
    async def h(self):
        async with x:
            for _ in []:
                while (lambda: 1 if y else 2)():
                    from . import i
                else:
                    import j
        match x:
            case 1:
                from ..k import l as m
            case _ if z:
                import n.o
if z: import p
elif y: import q
else: import r
"""


def test_imports_are_found_wherever_a_walk_over_everything_finds_them():
    for source in [EVERYWHERE, *[file.read_text("utf-8") for file in provenance.PACKAGE.rglob("*.py")]]:
        slow = []
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                slow += [(alias.name, 0, "") for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                slow += [(node.module or "", node.level, alias.name) for alias in node.names]
        assert sorted(provenance._imports(source)) == sorted(slow)


def test_a_registry_covers_the_modules_that_it_finds_by_listing(package):
    everything = {"registry", "registry.one", "registry.more", "registry.more.two", "maths", "maths.total"}
    assert set(code_of("registry")) == everything
    assert set(code_of("user")) == everything | {"user"}
    (package / "registry" / "new.py").write_text("")
    assert "registry.new" in code_of("user")


def test_what_lies_directly_in_the_package_counts_only_where_it_is_asked_for(package):
    assert "errors" not in code_of("steps.work")
    assert set(code_of("errors", "steps.work")) == WORK | {"errors"}


def test_a_module_that_is_not_there_is_named(package):
    with pytest.raises(FileNotFoundError, match=r"pack has no module 'steps.wrok'"):
        code_of("steps.wrok")


@pytest.mark.parametrize("file", [name for name in SOURCES if name != "__init__.py"])
def test_a_change_deep_in_what_is_imported_changes_the_digest_and_no_other_change_does(package, file):
    module = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    before = {entry: fresh(entry) for entry in ("steps.work", "registry", "maths.total")}
    append_comment(package / file)
    changed = {entry for entry in before if fresh(entry) != before[entry]}
    assert changed == {entry for entry in before if module in code_of(entry)}


def test_renamed_modules_count(package):
    before = fresh("registry")
    (package / "registry" / "more" / "two.py").rename(package / "registry" / "more" / "three.py")
    assert fresh("registry") != before


def test_what_is_no_source_does_not_count(package):
    before = fresh("registry")
    (package / "registry" / "__pycache__").mkdir()
    (package / "registry" / "__pycache__" / "one.cpython-311.pyc").write_bytes(b"compiled")
    (package / "registry" / "notes.txt").write_text("notes")
    assert fresh("registry") == before


def test_the_place_of_the_package_and_the_order_of_the_modules_do_not_matter(package, tmp_path, monkeypatch):
    there = fresh("steps.work", "registry")
    shutil.copytree(package, tmp_path / "copy" / "pack")
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path / "copy" / "pack")
    assert fresh("registry", "steps.work") == there
    assert len(there) == 16
    assert int(there, 16) >= 0


def test_digests_of_the_whole_pipeline_parse_each_source_once(monkeypatch):
    """snakemake waits for them at every start: parsing is what takes the time."""
    code_digest.cache_clear()
    provenance._imports.cache_clear()
    parsed, parse = [], ast.parse
    monkeypatch.setattr(provenance.ast, "parse", lambda source, *rest: parsed.append(source) or parse(source, *rest))
    for module in ("tasks.prepare", "experiment.run", "presentation.tables", "experiment.run"):
        code_digest(module)
    assert len(parsed) == len(set(parsed)) > 50
    count = len(parsed)
    code_digest("experiment.run")
    assert len(parsed) == count


def test_a_change_of_an_update_rule_reaches_training_and_not_the_tables(tmp_path, monkeypatch):
    copy = tmp_path / "stability_gap"
    shutil.copytree(ORIGINAL, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "PACKAGE", copy)
    before = {module: fresh(module) for module in ("experiment.run", "tasks.prepare", "presentation.tables")}
    append_comment(copy / "learners" / "gain.py")
    assert {module for module in before if fresh(module) != before[module]} == {"experiment.run"}
    append_comment(copy / "errors.py")
    append_comment(copy / "files.py")
    assert {module for module in before if fresh(module) != before[module]} == {"experiment.run"}


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
