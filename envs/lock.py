"""Write requirements.lock and envs/stability-gap.yaml from what pip resolves for this package and all its extras.

pip install --dry-run --ignore-installed --quiet --report - '.[pipeline,slurm,cluster,notebook,dev]' | python envs/lock.py

Every version is pinned by name alone: no addresses, so that any index serves. CUDA's packages exist for Linux only.
"""

import json
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
LINUX_ONLY = ("nvidia-", "cuda-", "triton")


def normal(name: str) -> str:
    """The canonical form of a distribution's name."""
    return name.lower().replace("_", "-").replace(".", "-")


def direct_dependencies() -> list[str]:
    """Names in pyproject.toml, but for development tools."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["pipeline"], *extras["slurm"], *extras["cluster"], *extras["notebook"]]
    return sorted(wanted, key=str.lower)


def main() -> None:
    """Read pip's report from standard input and write both files."""
    installed = json.load(sys.stdin)["install"]
    versions = {normal(each["metadata"]["name"]): each["metadata"]["version"] for each in installed}
    versions.pop("stability-gap")
    head = "# Every version, for Python 3.11 and newer. Written by `make lock`; envs/stability-gap.yaml has the same.\n"
    lines = [
        f"{name}=={version}" + (' ; sys_platform == "linux"' if name.startswith(LINUX_ONLY) else "")
        for name, version in sorted(versions.items())
    ]
    (ROOT / "requirements.lock").write_text(head + "\n".join(lines) + "\n")

    pins = []
    for requirement in direct_dependencies():
        name = requirement.split(">=")[0]
        pins.append(f"      - {name}=={versions[normal(name.split('[')[0])]}")
    head = (
        "# For `snakemake --software-deployment-method conda`: the direct dependencies at the versions of requirements.lock.\n"
        "# Written by `make lock`.\n"
        "channels:\n  - conda-forge\ndependencies:\n  - python=3.11\n  - pip\n  - pip:\n"
    )
    (ROOT / "envs" / "stability-gap.yaml").write_text(head + "\n".join(pins) + "\n")


if __name__ == "__main__":
    main()
