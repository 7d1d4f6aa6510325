"""What is installed without extras is enough for the gain, metrics, comparisons and figures; the rest says what it needs."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from stability_gap.provenance import code_of

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "src" / "stability_gap"
CORE = ["api", "side_by_side", "curves.recorder", "learners.gain", "analysis.claims", "analysis.agreement"]
CORE += ["presentation.comparison", "presentation.figures.registry"]
BESIDE = ["files", "settings", "errors", "cli.group"]  # code_of leaves out what lies in the package itself


def project() -> dict:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def normal(requirement: str) -> str:
    return re.split(r"[\[>=<;]", requirement)[0].strip().lower().replace("_", "-")


def distributions(module: str) -> set[str]:
    """The distributions, other than the standard library and this package, that a module imports anywhere."""
    place = PACKAGE.joinpath(*module.split("."))
    source = (place / "__init__.py" if place.is_dir() else place.with_suffix(".py")).read_text(encoding="utf-8")
    roots = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            roots.add((node.module or "").split(".")[0])
    others = {root for root in roots if root not in sys.stdlib_module_names and root != "stability_gap"}
    known = packages_distributions()
    return {normal(known[root][0]) for root in others}


def test_core_dependencies_are_enough_for_gain_metrics_and_figures():
    used = {name for module in [*code_of(*CORE), *BESIDE] for name in distributions(module)}
    core = {normal(requirement) for requirement in project()["dependencies"]}
    assert {"torch", "pandas", "scipy", "matplotlib", "click", "pydantic"} <= used
    assert used <= core


def test_core_and_pipeline_are_enough_for_all():
    modules = [".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py")]
    used = {name for module in modules for name in distributions(module.removesuffix(".__init__")) if module != "__init__"}
    extras = project()["optional-dependencies"]
    assert used <= {normal(each) for each in [*project()["dependencies"], *extras["pipeline"]]}


def test_what_installs_everything_names_the_extra():
    for file in ("README.md", "docs/cluster.md", "Makefile", "envs/lock.py"):
        text = (REPOSITORY / file).read_text(encoding="utf-8")
        assert ".[pipeline" in text, file


MNIST = '{"source": "torchvision", "name": "MNIST", "mean": [0.1], "std": [0.3]}'


@pytest.mark.parametrize(("missing", "settings"), [("sklearn", '{"source": "sklearn_digits"}'), ("torchvision", MNIST)])
def test_a_command_whose_package_is_missing_says_so_in_one_sentence(missing, settings, monkeypatch, tmp_path, capsys):
    from stability_gap import cli

    for name in [name for name in sys.modules if name.split(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    data = ["data", "x", "--settings", settings, "--data-root", str(tmp_path), "-o", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["stability-gap", *data])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert message == f"error: this command needs the package {missing}: pip install 'stability-gap[pipeline]'.\n"
