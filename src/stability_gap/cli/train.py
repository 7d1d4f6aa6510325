"""Offer the training of a cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stability_gap.cli.group import FILE, FOLDER, JSON, commands


@commands.command()
@click.option("--settings", "values", type=JSON, required=True, help="Cell settings, JSON or a file (see `settings`).")
@click.option("--stream", "stream_folder", type=FOLDER, required=True, help="Folder of stream.npz.")
@click.option("--seeds", required=True, help="Such as 42-51 or 42_45_47.")
@click.option("--threads", type=click.IntRange(min=1), default=1, help="CPU threads.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="Where to train.")
@click.option(
    "--donor",
    "donors",
    type=FOLDER,
    multiple=True,
    help="Run folder whose learning rates are followed, where the settings say so.",
)
@click.option("--selection", "selection_file", type=FILE, help="Selected settings (`select`), in place of the optimizer's own.")
@click.option("--watcher", "watchers", multiple=True, help="module:Class that sees every step (docs/adding.md).")
@click.option("-o", "--output", type=FOLDER, required=True, help="Run folder.")
def train(
    values: Any,
    stream_folder: Path,
    seeds: str,
    threads: int,
    device: str,
    donors: tuple[Path, ...],
    selection_file: Path | None,
    watchers: tuple[str, ...],
    output: Path,
) -> None:
    """Train a block of seeds of one benchmark with one optimizer, with continual evaluation."""
    from stability_gap.config import parse_seeds, with_selected
    from stability_gap.experiment.run import train_cell
    from stability_gap.experiment.settings import CellSettings
    from stability_gap.settings import validate

    if selection_file is not None:
        values = with_selected(values, selection_file)
    settings: CellSettings = validate(CellSettings, values, "settings")
    train_cell(settings, stream_folder, parse_seeds(seeds), output, threads, device, donors, watchers)
