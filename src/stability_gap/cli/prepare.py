"""Offer what comes before training: settings of a cell, data sets, streams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stability_gap.cli.group import FILE, FOLDER, JSON, commands
from stability_gap.errors import UserError


@commands.command()
@click.argument("benchmark")
@click.argument("optimizer")
@click.option("--config", "config_file", type=FILE, default=Path("config.yaml"), help="The configuration.")
@click.option("--selection", "selection_file", type=FILE, help="Selected settings (`select`), which the winner of a sweep has.")
def settings(benchmark: str, optimizer: str, config_file: Path, selection_file: Path | None) -> None:
    """Print the resolved settings of a cell as JSON, ready for `train --settings`."""
    from stability_gap import config
    from stability_gap.experiment.settings import CellSettings
    from stability_gap.settings import nearest, validate

    chosen = config.load(config_file)
    for name, section in ((benchmark, "benchmarks"), (optimizer, "optimizers")):
        if name not in getattr(chosen, section):
            raise UserError(f"{config_file}: no {name!r} under {section}.{nearest(name, getattr(chosen, section))}")
    sweep, cell = chosen.winner_of(optimizer), chosen.cell(benchmark, optimizer)
    if sweep is not None and selection_file is None:
        raise UserError(
            f"{optimizer} has the settings that sweeps.{sweep} selects; make them and name their file: "
            f"--selection {chosen.results}/selections/{sweep}/{benchmark}.json"
        )
    if selection_file is not None:
        cell = validate(CellSettings, config.with_selected(cell.model_dump(mode="json"), selection_file), str(selection_file))
    click.echo(cell.model_dump_json(indent=2))


@commands.command()
@click.argument("name")
@click.option("--settings", "values", type=JSON, required=True, help="Data set settings, JSON or a file.")
@click.option(
    "--data-root",
    type=FOLDER,
    required=True,
    envvar="STABILITY_GAP_DATA_ROOT",
    show_envvar=True,
    help="Raw data: read where it is there, else downloaded to.",
)
@click.option("-o", "--output", type=FOLDER, required=True, help="Folder of data.npz and data.json.")
def data(name: str, values: Any, data_root: Path, output: Path) -> None:
    """Prepare the data set NAME: download if absent, verify, write plain arrays."""
    from stability_gap.settings import validate
    from stability_gap.tasks.prepare import prepare_dataset
    from stability_gap.tasks.settings import DatasetSettings

    prepare_dataset(name, validate(DatasetSettings, values, "settings"), data_root, output)


@commands.command()
@click.argument("benchmark")
@click.option("--settings", "values", type=JSON, required=True, help="Stream settings, JSON or a file.")
@click.option("--data", "dataset_folder", type=FOLDER, required=True, help="Folder of a prepared data set.")
@click.option("-o", "--output", type=FOLDER, required=True, help="Folder of stream.npz and stream.json.")
def stream(benchmark: str, values: Any, dataset_folder: Path, output: Path) -> None:
    """Turn a data set into the stream of tasks of BENCHMARK."""
    from stability_gap.settings import validate
    from stability_gap.tasks.prepare import prepare_stream
    from stability_gap.tasks.settings import StreamSettings

    prepare_stream(benchmark, validate(StreamSettings, values, "settings"), dataset_folder, output)
