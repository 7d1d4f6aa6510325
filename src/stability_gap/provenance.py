"""Tell where a result comes from: digests of the code that makes it, versions of packages."""

import ast
import contextlib
import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent

# Packages whose version can change a number or a picture.
PACKAGES = ("matplotlib", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "snakemake", "torch", "torchvision")


@cache
def code_digest(*modules: str) -> str:
    """Digest the sources of `modules`, such as "experiment.run", and of all that they import: sha256, first 16 hex digits.

    Snakemake does not notice a change in an imported module; a rule that carries this digest does. What counts: `code_of`.
    """
    total = hashlib.sha256()
    for module in code_of(*modules):
        total.update(f"{module}\0".encode() + _find(module).read_bytes())
    return total.hexdigest()[:16]


def code_of(*modules: str) -> list[str]:
    """List `modules` and the modules of this package that they import, directly or not, inside functions too; sorted by name.

    Nothing is imported, only sources are read. A module that lies directly in the package (errors, settings, files, …) checks,
    passes on and stores, but computes nothing: it counts only where it is asked for. A module that imports pkgutil finds the
    modules beside it by listing, so all of them count.

    Errors: FileNotFoundError where a module is not there.
    """
    found: set[str] = set()
    waiting = [module.removeprefix(f"{PACKAGE.name}.") for module in modules]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += [name for name in _imported(module) if "." in name or _find(name).name == "__init__.py"]
    return sorted(found)


def _imported(module: str) -> set[str]:
    """List the modules of this package that a module runs by being imported, its parents among them."""
    file = _find(module)
    is_package = file.name == "__init__.py"
    folder = module if is_package else module.rpartition(".")[0]
    names = {module.rpartition(".")[0]}
    for base, level, name in _imports(file.read_text(encoding="utf-8")):
        if level:
            above = folder.split(".")[: len(folder.split(".")) - level + 1] if folder else []
            base = ".".join([PACKAGE.name, *above, *([base] if base else [])])
        if base == "pkgutil":
            names |= {_name(each) for each in file.parent.rglob("*.py")}
        elif base.split(".")[0] == PACKAGE.name:
            inside = ".".join(base.split(".")[1:])
            whole = f"{inside}.{name}".strip(".")
            names.add(whole if name and _exists(whole) else inside)
    return names - {"", module}


@cache
def _imports(source: str) -> tuple[tuple[str, int, str], ...]:
    """List what a source imports, anywhere in it: (module, level of a relative import, name or '')."""
    found: list[tuple[str, int, str]] = []
    for node in _statements(ast.parse(source).body):
        if isinstance(node, ast.Import):
            found += [(alias.name, 0, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [(node.module or "", node.level, alias.name) for alias in node.names]
    return tuple(found)


def _statements(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Walk statements and those within them; expressions, the bulk of a source, hold none."""
    for node in body:
        yield node
        for inner in ("body", "orelse", "finalbody", "handlers", "cases"):
            yield from _statements(getattr(node, inner, ()))


def _name(file: Path) -> str:
    """Name a file's module: PACKAGE/tasks/arrays.py -> 'tasks.arrays', PACKAGE/tasks/__init__.py -> 'tasks'."""
    return ".".join(file.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip(".")


def _exists(module: str) -> bool:
    place = PACKAGE.joinpath(*module.split("."))
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def _find(module: str) -> Path:
    """Find the file of a module of this package. Errors: FileNotFoundError."""
    if not _exists(module):
        raise FileNotFoundError(f"{PACKAGE.name} has no module {module!r}")
    place = PACKAGE.joinpath(*module.split("."))
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def module_digest(module: str) -> str:
    """Digest the file of an importable module: sha256, first 16 hex digits; 'absent' where there is none."""
    try:
        found = importlib.util.find_spec(module)
    except Exception:  # whatever a parent package raises when it is imported
        found = None
    if found is None or not found.origin or not Path(found.origin).is_file():
        return "absent"
    return hashlib.sha256(Path(found.origin).read_bytes()).hexdigest()[:16]


@cache
def data_digest(folder: str) -> str:
    """Digest the files in a folder of this package that are no modules, such as templates: sha256, first 16 hex digits."""
    total = hashlib.sha256()
    for file in sorted((PACKAGE / folder).iterdir()):
        total.update(f"{file.name}\0".encode() + file.read_bytes())
    return total.hexdigest()[:16]


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Look up the version of each package that is installed, without local build labels ('+cpu')."""
    found: dict[str, str] = {}
    for package in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # a job needs no snakemake
            found[package] = importlib.metadata.version(package).split("+")[0]
    return found
