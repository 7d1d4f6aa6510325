"""Hold the configuration against what lies on disk: the results folder, finished runs, what was published."""

import os
from collections.abc import Iterable
from pathlib import Path

from stability_gap.config.model import Config
from stability_gap.errors import UserError
from stability_gap.files import read_json
from stability_gap.settings import are_recorded

# What lies at the top of a checkout and is the project's own (tests/test_config.py compares it with git).
PROJECT_FOLDERS = (
    *(".ci", ".git", ".snakemake", ".venv"),
    *("benchmarks", "config", "docs", "envs", "paper_figures", "profiles", "reference", "src", "tests", "workflow"),
)

PARTS = ("benchmarks", "optimizers", "seeds")  # what a suite consists of


def check_results_folder(config: Config, checkout: Path = Path(), where: str = "config.yaml") -> None:
    """Refuse a results folder that is the project's own, or that no file can be made in. Makes nothing.

    Args: checkout: the folder of the Snakefile. Errors: UserError.
    """
    folder, here = Path(config.results), Path.cwd()
    if folder.resolve() in (here, *here.parents, Path(config.data_root).resolve()):
        raise UserError(f"{where}: results: {folder} holds other things than results; name a folder of its own, such as results.")
    own = [checkout.resolve() / name for name in PROJECT_FOLDERS] + [here / name for name in PROJECT_FOLDERS if name[0] == "."]
    if any(folder.resolve().is_relative_to(place) for place in own):
        raise UserError(f"{where}: results: {folder} is a folder of the project itself; name another, such as results.")
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise UserError(
            f"{where}: results: cannot write to {folder}: {existing} is no folder, or may not be written to; name another folder."
        )


def check_finished_runs(config: Config, run_files: Iterable[Path]) -> None:
    """Refuse finished runs that were trained with other settings than the configuration has.

    Snakemake takes a run of which it has no notes, such as a copied one, as it stands. Winners of a sweep are let through: their
    settings are selected, and stand in no configuration.

    Args: run_files: each `…/{benchmark}/{optimizer}/{seeds}/run.json`. Errors: UserError naming the folder, or a damaged file.
    """
    for file in run_files:
        benchmark, optimizer = file.parts[-4:-2]
        if config.winner_of(optimizer) is None and not are_recorded(
            config.cell(benchmark, optimizer), read_json(file).get("settings")
        ):
            raise UserError(
                f"{file.parent} was trained with other settings than the configuration has; delete it, and it is trained again, "
                "or give a new folder: --config results=another_folder."
            )


def is_whole(config: Config, published: Path, where: str = "config.yaml") -> bool:
    """Tell whether the chosen suite asks for all that was published of it, or for some of its benchmarks, optimizers or seeds.

    Args: published: paper_figures/{suite}. Errors: UserError where nothing is published or more is asked for.
    """
    manifest = published / "MANIFEST.json"
    if not manifest.exists():
        there = ", ".join(sorted(path.parent.name for path in published.parent.glob("*/MANIFEST.json"))) or "none"
        raise UserError(f"suite {config.suite} is not published, so there is nothing to compare with; published: {there}.")
    try:
        held = read_json(manifest)["config"]
        theirs = {part: set(held[part]) for part in PARTS}
    except (UserError, KeyError, TypeError) as error:
        raise UserError(f"{manifest} is damaged ({error}); get it again from the repository.") from error
    ours = {part: set(config.science()[part]) for part in PARTS}
    for part in PARTS:
        if foreign := sorted(ours[part] - theirs[part]):
            known = ", ".join(map(str, sorted(theirs[part])))
            raise UserError(f"{where}: suites.{config.suite}.{part}: {foreign[0]} is not among the published {part}: {known}.")
    return ours == theirs
