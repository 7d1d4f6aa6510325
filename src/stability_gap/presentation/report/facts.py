"""Show what a suite was made with: settings, environment and digests, as small tables of text."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stability_gap import files
from stability_gap.presentation.looks import Looks

_RESULTS = ("metrics.parquet", "summary.csv", "statistics.csv", "ranks.csv", "claims.csv", "agreement.csv")
_LOOK = ("label", "colour", "marker")


@dataclass(frozen=True)
class Grid:
    """A table of text: a caption, the headings of its columns, its rows."""

    caption: str
    header: list[str]
    rows: list[list[str]]


def settings_grids(config: Mapping[str, Any], looks: Looks, runs: Sequence[Mapping[str, Any]]) -> list[Grid]:
    """Show the resolved settings of a suite (`Config.science`): benchmarks, optimizers, data sets, analysis.

    Of tuned optimizers the runs (the content of their run.json) tell what was selected, benchmark by benchmark.
    """
    selected: dict[str, dict[str, Mapping[str, Any]]] = {}
    for run in runs:
        if "selected_by" in config.get("optimizers", {}).get(run["optimizer"], {}):
            selected.setdefault(run["benchmark"], {})[run["optimizer"]] = run["settings"]["optimizer_settings"]
    grids = [
        _blocks("Benchmarks", config.get("benchmarks", {}), looks.benchmark),
        _blocks("Optimizers", config.get("optimizers", {}), looks.optimizer),
        *(_blocks(f"Selected settings, {looks.benchmark(name)}", selected[name], looks.optimizer) for name in sorted(selected)),
        _blocks("Data sets", config.get("datasets", {}), str),
    ]
    terms = _flat(config.get("analysis", {}))
    seeds = {"seeds": ", ".join(map(str, config.get("seeds", [])))}
    grids.append(Grid("Seeds and analysis", ["setting", "value"], [[key, value] for key, value in {**seeds, **terms}.items()]))
    return [grid for grid in grids if grid.rows]


def _blocks(caption: str, blocks: Mapping[str, Mapping[str, Any]], label: Callable[[str], str]) -> Grid:
    """Show blocks of settings side by side, a row per key that one of them has."""
    flat = {name: _flat(block) for name, block in blocks.items()}
    keys = [key for key in dict.fromkeys(key for block in flat.values() for key in block) if key not in _LOOK]
    return Grid(
        caption, ["setting", *map(label, flat)], [[key, *(block.get(key, "") for block in flat.values())] for key in keys]
    )


def environment_grid(runs: Sequence[Mapping[str, Any]]) -> Grid:
    """Show with which versions and on what the runs (the content of their run.json) were trained; several where they differ."""
    versions = sorted({name for run in runs for name in run.get("versions", {})})
    rows = [["Python", _all(run.get("python") for run in runs)]]
    rows += [[name, _all(run.get("versions", {}).get(name) for run in runs)] for name in versions]
    names = {"device": "device", "processor": "processor", "threads": "threads of a run"}
    rows += [[told, _all(run.get(name) for run in runs)] for name, told in names.items()]
    return Grid("Environment of the runs", ["what", "value"], rows)


def digest_grids(suite: Path, runs: Sequence[Mapping[str, Any]], looks: Looks, tables: Iterable[str]) -> list[Grid]:
    """Show digests of code, of streams, and the sha256 of the suite's result files that are there, these tables among them."""
    code = _all(run.get("code") for run in runs)
    official = {True: "official files", False: "not the official files"}
    benchmarks = looks.benchmark_order(run["benchmark"] for run in runs)
    streams = []
    for name in benchmarks:
        of = [run for run in runs if run["benchmark"] == name]
        told = _all(official.get(run["official"]) if "official" in run else None for run in of)
        streams.append([looks.benchmark(name), told, _all(run.get("stream_digest") for run in of)])
    results = (*_RESULTS, *(f"tables/{name}.csv" for name in sorted(tables)))
    made = [[name, files.digest(suite / name)] for name in results if (suite / name).is_file()]
    return [
        Grid("Data and code", ["what", "origin", "sha256"], [*streams, ["code that trained", "this package", code]]),
        Grid("Results", ["file", "sha256"], made),
    ]


def diverged(runs: Iterable[Mapping[str, Any]], looks: Looks) -> list[str]:
    """Name every run that diverged: optimizer, benchmark, seed, update."""
    return [
        f"{looks.optimizer(run['optimizer'])} on {looks.benchmark(run['benchmark'])}, seed {seed}, "
        f"at update {state['diverged_at']}"
        for run in runs
        for seed, state in run.get("seeds", {}).items()
        if state["status"] == "diverged"
    ]


def _flat(block: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """Settings as `key.key` -> text, without those that are null."""
    flat: dict[str, str] = {}
    for key, value in block.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{above}{key}."))
        elif value is not None:
            flat[f"{above}{key}"] = _text(value)
    return flat


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(_text, value)) if isinstance(value, list | tuple) else str(value)


def _all(values: Iterable[Any]) -> str:
    """Each value once, in order; "not recorded" where there is none."""
    return ", ".join(dict.fromkeys(str(value) for value in values if value is not None)) or "not recorded"
