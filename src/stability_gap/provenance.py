"""Where a result comes from: digests of the code, versions, machine."""

import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent

# Packages whose version can change a number or a picture.
PACKAGES = ("matplotlib", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "snakemake", "torch", "torchvision")


@cache
def code_digest(*stages: str) -> str:
    """sha256 (first 16 hex digits) of the Python sources of `stages`, folders or files of this package.

    Snakemake does not notice changes in imported modules; a rule that carries this digest does.
    """
    total = hashlib.sha256()
    for stage in stages:
        place = PACKAGE / stage
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            total.update(f"{file.relative_to(PACKAGE).as_posix()}\0".encode() + file.read_bytes())
    return total.hexdigest()[:16]


def module_digest(module: str) -> str:
    """sha256 (first 16 hex digits) of an imported module's file, 'absent' where there is none."""
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:  # of a parent package
        found = None
    if found is None or not found.origin or not Path(found.origin).is_file():
        return "absent"
    return hashlib.sha256(Path(found.origin).read_bytes()).hexdigest()[:16]


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Installed version of each package, without local build labels ('+cpu')."""
    return {package: importlib.metadata.version(package).split("+")[0] for package in packages}
