"""The kinds of figures: one module each, found by where it lies or by the function that it defines. Imports no matplotlib.

A kind is the name of its module. `per_benchmark/` and `per_suite/` hold ours; a module of the user's defines `draw_benchmark`
or `draw_suite` itself. Modules are read, not imported, until one draws, so that planning a workflow stays quick.
"""

import ast
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from stability_gap.errors import UserError

FUNCTIONS: dict[str, Literal["benchmark", "suite"]] = {"draw_benchmark": "benchmark", "draw_suite": "suite"}
_PACKAGE = "stability_gap.presentation.figures"


@dataclass(frozen=True)
class Kind:
    """One kind of figure: `of` one benchmark or the whole suite, drawn by `module`.

    `inputs`: files of the suite's folder that it gets beside metrics.parquet, which its module names as `INPUTS`. `about`: the
    module's docstring, which is its caption in the report.
    """

    name: str
    of: Literal["benchmark", "suite"]
    module: str
    inputs: tuple[str, ...]
    about: str

    def draw(self) -> Callable[..., Any]:
        """Import the function that draws it. Errors: UserError where the module does not import."""
        try:
            loaded = importlib.import_module(self.module)
        except Exception as error:
            raise UserError(f"extensions.figures: {self.module} does not import: {type(error).__name__}: {error}") from error
        return getattr(loaded, f"draw_{self.of}")  # type: ignore[no-any-return]


def kinds(extensions: Sequence[str] = ()) -> dict[str, Kind]:
    """List all kinds by name, ours and those of the modules `extensions`.

    Errors: UserError for a module that is not found, cannot be read, defines not exactly one of the two functions, or has the
    name of another kind.
    """
    here = Path(__file__).parent
    found: dict[str, Kind] = {}
    for path in sorted(here.glob("per_*/*.py")):
        if path.stem != "__init__":
            found[path.stem] = _kind(f"{_PACKAGE}.{path.parent.name}.{path.stem}", path)
    for module in extensions:
        kind = _kind(module, _path_of(module))
        if not kind.name.isidentifier():
            raise UserError(f"extensions.figures: {kind.name!r} is no name of a module; use letters, digits and underscores.")
        if kind.name in found:
            raise UserError(
                f"extensions.figures: there is a figure {kind.name!r} already ({found[kind.name].module}); rename yours."
            )
        found[kind.name] = kind
    return found


def chosen(names: Sequence[str], extensions: Sequence[str] = ()) -> dict[str, Kind]:
    """Find the kinds that a suite draws, in the order of `kinds`. Errors: UserError as `named`."""
    found = {name: named(name, extensions) for name in names}
    return {name: kind for name, kind in kinds(extensions).items() if name in found}


def named(kind: str, extensions: Sequence[str] = ()) -> Kind:
    """Find a kind by name. Errors: UserError naming the known ones, and as `kinds`."""
    known = kinds(extensions)
    if kind not in known:
        raise UserError(
            f"no figure {kind!r}; known: {', '.join(sorted(known))}. Modules of your own: extensions.figures, or --extension."
        )
    return known[kind]


def draw(kind: Kind, paths: Sequence[Path], looks: Any, terms: Mapping[str, float], seeds: Collection[int] | None = None) -> Any:
    """Read what a figure is drawn from and draw it: run folders of one benchmark, or files of a suite's folder.

    seeds: those of the run folders to draw, all by default. Errors: UserError as from reading, from drawing, or where the
    function returns no figure.
    """
    from matplotlib.figure import Figure

    function, read = kind.draw(), _read(kind, paths, seeds)
    try:
        made = function(read, looks, terms)
    except Exception as error:
        if kind.module.startswith(_PACKAGE):
            raise
        raise UserError(f"{kind.module}: draw_{kind.of} failed: {type(error).__name__}: {error}") from error
    if not isinstance(made, Figure):
        raise UserError(f"{kind.module}: draw_{kind.of} returned {type(made).__name__}, no matplotlib Figure.")
    return made


def _read(kind: Kind, paths: Sequence[Path], seeds: Collection[int] | None) -> Any:
    from stability_gap import files
    from stability_gap.analysis.measure import read_metrics
    from stability_gap.analysis.runs import benchmark_runs

    if kind.of == "benchmark":
        return benchmark_runs(paths, seeds)
    tables = {}
    for path in paths:
        is_csv = path.suffix == ".csv"
        tables[path.name if is_csv else "metrics.parquet"] = files.read_csv(path) if is_csv else read_metrics(path)
    missing = [name for name in ("metrics.parquet", *kind.inputs) if name not in tables]
    if missing:
        raise UserError(f"figure {kind.name} is drawn from {', '.join(missing)} too; name that file as well.")
    return tables


def _path_of(module: str) -> Path:
    if os.getcwd() not in sys.path:  # the snakemake command does not look where it was called, jobs (python -m) do
        sys.path.append(os.getcwd())
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):  # of a parent package
        found = None
    if found is None or not found.origin or not Path(found.origin).is_file():
        raise UserError(f"extensions.figures: no module {module!r} where snakemake was called or on PYTHONPATH.")
    return Path(found.origin)


def _kind(module: str, path: Path) -> Kind:
    """Read what a figure's module says, without importing it."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"extensions.figures: {path} cannot be read as Python: {error}") from error
    defined = [FUNCTIONS[node.name] for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in FUNCTIONS]
    if len(defined) != 1:
        raise UserError(f"extensions.figures: {path} must define draw_benchmark or draw_suite, one of the two.")
    about = ast.get_docstring(tree) or f"Figure {module.rpartition('.')[2]}, drawn by {module}."
    return Kind(module.rpartition(".")[2], defined[0], module, _inputs(tree, path), about)


def _inputs(tree: ast.Module, path: Path) -> tuple[str, ...]:
    """Read `INPUTS = ("statistics.csv", …)` of a module; empty where there is none."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and [getattr(target, "id", "") for target in node.targets] == ["INPUTS"]:
            try:
                names = ast.literal_eval(node.value)
            except ValueError:
                names = None
            if not isinstance(names, tuple | list) or not all(isinstance(name, str) and name.endswith(".csv") for name in names):
                raise UserError(f'extensions.figures: {path}: INPUTS must list names of CSV files, such as ("statistics.csv",).')
            return tuple(names)
    return ()
