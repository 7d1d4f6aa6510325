"""Publish the final tables and figures of a suite with a MANIFEST."""

import logging
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stability_gap import files
from stability_gap.errors import UserError, why_not_written

log = logging.getLogger(__name__)

FOLDERS = ("tables", "figures")
FILES = (
    "metrics.parquet",
    "summary.csv",
    "paper_metrics.csv",
    "statistics.csv",
    "ranks.csv",
    "claims.csv",
    "agreement.csv",
    "agreement_per_seed.csv",
    "report.html",
)
EXTRA_FILES = ("frontier.csv", "frontier_gap.csv", "mechanism.csv", "selection.csv", "toy.csv")
"""Those of suites with figures of them."""

RUNS = "runs"
RUN_FILES = ("evaluations.parquet", "training.parquet", "run.json")

SOURCES = (
    *("src", "workflow", "Snakefile", "config.yaml", "profiles", "reference", "envs"),
    *("pyproject.toml", "requirements.lock"),
)
"""What results depend on, in a checkout."""


def check_committed(config: Mapping[str, Any], checkout: Path = Path()) -> None:
    """Refuse sources that nobody else can get: ours, and the modules of the user's own that lie in `checkout`.

    config: the resolved configuration. Errors: UserError where git knows of a change that is not committed, or cannot tell.
    """
    if shutil.which("git") is None:
        return
    there = [name for name in (*SOURCES, *_own_modules(config)) if (checkout / name).exists()]
    told = subprocess.run(
        ["git", "-C", str(checkout), "status", "--porcelain", "--", *there],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"LC_ALL": "C"},  # what it says is read below
    )
    if told.returncode and "not a git repository (or any" not in told.stderr:
        said = " ".join(told.stderr.split())
        raise UserError(f"git status fails, so that nobody knows whether the sources are committed; mend it: {said}")
    if changed := told.stdout.splitlines():
        more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
        raise UserError(
            f"{changed[0][3:]}{more} has changes that are not committed; commit them first, so that others can get the code that "
            "made what is published."
        )


def _own_modules(config: Mapping[str, Any]) -> list[str]:
    """Paths that the modules of the user's own have where they lie in the checkout: of a file and of a package."""
    extensions, optimizers = config.get("extensions", {}), config.get("optimizers", {}).values()
    names = [name for section in ("metrics", "figures", "watchers") for name in extensions.get(section, ())]
    names += [each["target"] for each in optimizers if each.get("method") == "import"]
    paths = {name.partition(":")[0].replace(".", "/") for name in names}
    return sorted(path for stem in paths for path in (f"{stem}.py", f"{stem}/__init__.py"))


def publish(suite: Path, runs: list[Path], config: Mapping[str, Any], output: Path, *, with_runs: bool = False) -> None:
    """Copy the final tables and figures of `suite` to `output`, with a MANIFEST.json; on failure `output` stays as it was.

    The MANIFEST holds the sha256 of each file, the resolved configuration, the versions, devices and data digests that the
    runs recorded, which runs diverged, and what they took (`costs`). What `output` held before is replaced.

    Args:
        suite: results/{suite}. runs: all run folders of the suite. config: the resolved configuration. with_runs: copy these
            folders too, to runs/{benchmark}/{optimizer}/{seeds}/, so that everything can be made from them without training.
    Errors: UserError where a file is missing or breaks its contract, runs come from different code, versions or data, or
    `output` cannot be written.
    """
    ours = {*FOLDERS, *FILES, *EXTRA_FILES, RUNS, "MANIFEST.json"}
    foreign = sorted(path.name for path in output.iterdir() if path.name not in ours) if output.is_dir() else []
    if foreign:
        raise UserError(f"{output} holds {foreign[0]}, so it is no published suite; name another folder.")
    whole = [files.read_json(run / "run.json") for run in runs]
    facts = [_of_seeds(each, config.get("seeds")) for each in whole]
    names = published_files(suite, config)
    from stability_gap import contracts  # the workflow reads this module at every start, and pandera takes a second

    for name in names:
        contracts.check(suite / name)
    diverged = {
        f"{fact['benchmark']} {fact['optimizer']} {seed}": status["diverged_at"]
        for fact in facts
        for seed, status in fact["seeds"].items()
        if status["status"] == "diverged"
    }
    curves: dict[str, Path] = {}
    if with_runs:
        _check_runs(runs)
        curves = _run_files(whole, runs)
    manifest = {
        "files": {name: files.digest(suite / name) for name in names},
        "run_files": {name: files.digest(path) for name, path in curves.items()},
        "config": config,
        "runs": sum(len(fact["seeds"]) for fact in facts),
        "diverged": diverged,
        "code": _the_one("code", [fact["code"] for fact in facts]),
        "versions": _the_one("versions", [fact["versions"] for fact in facts]),
        "python": platform.python_version(),
        "device": sorted({fact["device"] for fact in facts}),
        "streams": {fact["benchmark"]: {"digest": fact["stream_digest"], "official": fact["official"]} for fact in facts},
        "costs": {
            "cells": costs_of_cells([(each, len(fact["seeds"])) for each, fact in zip(whole, facts, strict=True)], runs),
            "processor": sorted({fact["processor"] for fact in facts if fact.get("processor")}),
            "megabytes": {
                "suite": _megabytes(suite),
                "streams": round(
                    sum(_megabytes(suite.parent / "streams" / name) for name in {each["benchmark"] for each in facts}), 2
                ),
                "data": round(sum(_megabytes(suite.parent / "data" / name) for name in config.get("datasets", {})), 2),
            },
        },
    }
    place = output.resolve() if output.is_symlink() else output  # the link stays one
    fresh = place.with_name(f".{output.name}.new")  # where something fails, as on a full disk, what was published stays
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        for name, path in ({name: suite / name for name in names} | curves).items():
            files.write_atomically(fresh / name, lambda temporary, path=path: shutil.copyfile(path, temporary))  # type: ignore[misc]
        files.write_json(fresh / "MANIFEST.json", manifest)
        _replace(place, fresh)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    log.info("published %d files to %s", len(names) + len(curves), output)


def _replace(folder: Path, fresh: Path) -> None:
    """Put `fresh` in the place of `folder`, whole or not at all. Errors: UserError where the system refuses."""
    old = folder.with_name(f".{folder.name}.old")
    try:
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
            folder.rename(old)
        fresh.rename(folder)
    except OSError as error:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise UserError(f"cannot write {folder}: {why_not_written(error)}") from error
    shutil.rmtree(old, ignore_errors=True)


def _check_runs(folders: list[Path]) -> None:
    """Hold run folders to docs/data-contracts.md. Errors: UserError naming the file and what is wrong."""
    from stability_gap.analysis.checks import check_evaluations, gain_per_update
    from stability_gap.analysis.runs import read_runs

    for folder in folders:  # one at a time: they are large
        (run,) = read_runs([folder])
        check_evaluations(run.evaluations, str(run.source))
        if run.training is not None:
            gain_per_update(run.training, run.training_source)


def _run_files(facts: list[dict[str, Any]], folders: list[Path]) -> dict[str, Path]:
    """Where the files of run folders go in a published suite -> where they are."""
    return {
        f"{RUNS}/{fact['benchmark']}/{fact['optimizer']}/{folder.name}/{name}": folder / name
        for fact, folder in zip(facts, folders, strict=True)
        for name in RUN_FILES
    }


def costs_of_cells(folders: list[tuple[dict[str, Any], int]], runs: list[Path]) -> dict[str, dict[str, dict[str, float]]]:
    """Sum up what the runs of each cell took, by benchmark and optimizer; a cell whose runs do not tell is left out.

    Args:
        folders: facts of each run folder and how many of its seeds count; of the others, their share of time and space is left
            out. runs: the folders.

    Returns:
        `runs`, `seconds` (of one training job after the other), `threads`, `peak_memory_mib` (of a job), `megabytes` (on disk).
    """
    cells: dict[str, dict[str, dict[str, float]]] = {}
    silent = {(fact["benchmark"], fact["optimizer"]) for fact, _ in folders if "wall_seconds" not in fact}
    for (fact, kept), folder in zip(folders, runs, strict=True):
        name = (fact["benchmark"], fact["optimizer"])
        if kept and name not in silent:
            empty: dict[str, float] = dict.fromkeys(("runs", "seconds", "threads", "peak_memory_mib", "megabytes"), 0)
            cell = cells.setdefault(name[0], {}).setdefault(name[1], empty)
            share = kept / len(fact["seeds"])
            cell["runs"] += kept
            cell["seconds"] = round(cell["seconds"] + fact["wall_seconds"] * share, 1)
            cell["threads"] = max(cell["threads"], fact.get("threads", 1))
            cell["peak_memory_mib"] = max(cell["peak_memory_mib"], fact.get("peak_memory_mib", 0))
            cell["megabytes"] = round(cell["megabytes"] + _megabytes(folder) * share, 2)
    return cells


def published_files(suite: Path, config: Mapping[str, Any]) -> list[str]:
    """List the files to publish, relative to `suite`, sorted. Errors: UserError where there are none of a kind.

    config: says which tables and figures there are; what an earlier one left behind is left out.
    """
    from stability_gap.presentation.figures import registry

    if lacking := [key for key in ("benchmarks", "figures", "tables") if key not in config]:
        raise UserError(f"--config lacks {', '.join(lacking)}; give the resolved configuration of the suite.")
    kinds = registry.chosen(config["figures"], config.get("extensions", {}).get("figures", ()))
    stems = {
        "tables": {*config["tables"], "paper_comparison"},
        "figures": {
            name if kind.of == "suite" else f"{name}_{benchmark}"
            for name, kind in kinds.items()
            for benchmark in config["benchmarks"]
        },
    }
    extras = {name for kind in kinds.values() for name in kind.inputs if name in EXTRA_FILES}
    found = [path for folder in FOLDERS for path in suite.glob(f"{folder}/*") if path.is_file()]
    names = [str(path.relative_to(suite)) for path in found if path.stem in stems[path.parent.name]]
    missing = [name for name in FILES if not (suite / name).is_file()]
    if missing or not names:
        raise UserError(f"{suite} lacks {', '.join(missing) or 'tables and figures'}; run snakemake for this suite first.")
    return sorted([*names, *FILES, *(name for name in extras if (suite / name).is_file())])


def _megabytes(folder: Path) -> float:
    """Size of all files below a folder but its logs, in 10⁶ bytes; 0 where there is none."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file() and "logs" not in path.relative_to(folder).parts]
    return round(sum(sizes) / 1e6, 2)


def _of_seeds(facts: dict[str, Any], seeds: list[int] | None) -> dict[str, Any]:
    """Facts of a run folder without the seeds that the suite does not have."""
    kept = {seed: each for seed, each in facts["seeds"].items() if seeds is None or int(seed) in seeds}
    return {**facts, "seeds": kept}


def _the_one(what: str, values: list[Any]) -> Any:
    if any(value != values[0] for value in values):
        raise UserError(f"the runs of this suite differ in {what}; delete results/runs and run again before publishing.")
    return values[0]
