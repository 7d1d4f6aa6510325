"""The lock and the conda environment agree, the lock serves any index, and the lower bounds are those that are tested."""

import os
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.sub(r"\[.*\]", "", name)).lower()


def lock() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [re.split(r"==|;", line) for line in lines if line and not line.startswith("#")]
    return {normal(pin[0].strip()): pin[1].strip() for pin in pins}


def lower_bounds() -> dict[str, str]:
    """What pyproject.toml asks for at least, but for the plugins for clusters, which `make test-oldest` leaves out."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = map(Requirement, [*project["dependencies"], *extras["pipeline"], *extras["notebook"], *extras["dev"]])
    return {normal(each.name): next(part.version for part in each.specifier if part.operator == ">=") for each in asked}


def test_the_lock_pins_every_line_and_names_no_address() -> None:
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r'[a-z0-9-]+==[\w.!]+( ; sys_platform == "linux")?', line) for line in lines)
    assert {"torch", "torchvision", "snakemake", "pytest"} <= set(lock())


def test_conda_has_the_versions_of_the_lock() -> None:
    environment = yaml.safe_load((ROOT / "envs" / "stability-gap.yaml").read_text())
    pins = dict(requirement.split("==") for requirement in environment["dependencies"][-1]["pip"])
    different = {
        name: (version, lock().get(normal(name))) for name, version in pins.items() if lock().get(normal(name)) != version
    }
    assert not different, f"envs/stability-gap.yaml and requirements.lock differ (run `make lock`): {different}"


def test_torch_and_torchvision_come_from_one_release() -> None:
    import torchvision  # fails with "torchvision::nms" beside a torch of another index

    assert torchvision.ops.nms is not None


def test_the_lower_bounds_are_met_and_the_oldest_environment_has_them_exactly() -> None:
    # `make test-oldest` says so. A bound that it cannot have, because something else asks for more, is one that nobody tests.
    sign = "==" if os.environ.get("VERSIONS") == "oldest" else ">="
    installed = {name: version(name) for name in lower_bounds()}
    wrong = {name: installed[name] for name, bound in lower_bounds().items() if installed[name] not in SpecifierSet(sign + bound)}
    assert not wrong, f"installed, against the lower bounds of pyproject.toml: {wrong}"


def test_the_workflow_asks_for_the_lowest_snakemake_that_is_tested() -> None:
    asked = re.search(r'^min_version\("(.+)"\)$', (ROOT / "Snakefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert asked is not None
    assert asked[1] == lower_bounds()["snakemake"]


def test_docs_name_the_lowest_versions_that_were_tested() -> None:
    page = (ROOT / "docs" / "reproducing.md").read_text(encoding="utf-8")
    section = page.partition("## Other versions\n")[2].partition("\n## ")[0]
    told = dict(re.findall(r"^\| ([\w-]+) \| ([\d.]+) \|", section, re.MULTILINE))
    assert {"torch", "torchvision", "snakemake", "numpy", "pandas"} <= set(told)
    assert told == {name: lower_bounds()[name] for name in told}
