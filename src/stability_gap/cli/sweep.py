"""Offer what is made of sweeps: the selection of settings, the frontier over learning rates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stability_gap.cli.group import FILE, FOLDER, JSON, SEEDS, TERMS, commands

MEMBERS = click.option(
    "--members", type=JSON, required=True, help="Member -> sweep, optimizer, number, values; JSON or a file (`Config.members`)."
)


@commands.command()
@click.argument("benchmark")
@click.argument("runs", nargs=-1, required=True, type=FOLDER)
@SEEDS
@MEMBERS
@click.option("-o", "--output", type=FILE, required=True, help="The selected settings, as `train --selection` reads them.")
@click.option("--grid", "grid_file", type=FILE, required=True, help="Every configuration with what it is selected by, CSV.")
def select(benchmark: str, runs: tuple[Path, ...], seeds: list[int] | None, members: Any, output: Path, grid_file: Path) -> None:
    """Select the best settings of each optimizer for BENCHMARK from RUNS, which held training images out to be tested on."""
    from stability_gap import files
    from stability_gap.analysis.measure import measure
    from stability_gap.analysis.runs import read_runs
    from stability_gap.analysis.tuning import refuse_test_images, selection, tuning_grid

    records = [files.read_json(folder / "run.json") for folder in runs]
    refuse_test_images(records, benchmark)
    grid = tuning_grid(measure(read_runs(runs, seeds=seeds)), members, benchmark)
    files.write_json(output, selection(grid, records))
    files.write_csv(grid_file, grid)


@commands.command()
@click.argument("tables", nargs=-1, required=True, type=FILE)
@click.option("-o", "--output", type=FILE, required=True, help="CSV.")
def join(tables: tuple[Path, ...], output: Path) -> None:
    """Put CSV tables of the same kind, one of each benchmark, behind one another."""
    import pandas as pd

    from stability_gap import files

    files.write_csv(output, pd.concat([files.read_csv(path) for path in tables], ignore_index=True))


@commands.command()
@click.argument("metrics_file", type=FILE)
@MEMBERS
@click.option("--reference", required=True, help="The member at whose mean final accuracy gaps are compared.")
@TERMS
@click.option("-o", "--output", type=FILE, required=True, help="frontier.csv: accuracy and gaps of every member.")
@click.option("--gap", "gap_file", type=FILE, required=True, help="frontier_gap.csv: the gaps at equal accuracy.")
def frontier(metrics_file: Path, members: Any, reference: str, values: Any, output: Path, gap_file: Path) -> None:
    """Follow every optimizer of METRICS_FILE (metrics.parquet) over its learning rates: gap against final accuracy."""
    from stability_gap import files
    from stability_gap.analysis.frontier import frontier_gaps, frontier_table
    from stability_gap.analysis.measure import read_metrics
    from stability_gap.analysis.settings import AnalysisSettings
    from stability_gap.settings import validate

    terms: AnalysisSettings = validate(AnalysisSettings, values, "terms")
    measured = read_metrics(metrics_file)
    files.write_csv(output, frontier_table(measured, members))
    files.write_csv(gap_file, frontier_gaps(measured, members, reference, terms.resamples, terms.random_seed))
