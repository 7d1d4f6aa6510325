"""Offer the comparison of runs with anybody's curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stability_gap.cli.group import EXTENSIONS, FILE, FOLDER, REFERENCE, commands


class _Switches(click.ParamType[Any]):
    """Updates in ascending order, separated by commas."""

    name = "u1,u2,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is no list of updates; write 200,400", param, ctx)


@commands.command()
@click.argument("sources", nargs=-1, required=True, metavar="RUNS_AND_FILES...")
@click.option("-o", "--output", type=FOLDER, required=True, help="Folder of metrics, statistics, tables/ and figures/.")
@click.option("--context-length", type=click.IntRange(min=1), help="Updates of every context, where a file does not say.")
@click.option("--switches", type=_Switches(), help="Updates after which the next context begins: 200,400.")
@click.option("--percent", is_flag=True, help="Accuracies are percent, in every file.")
@click.option("--count-from", type=click.Choice(["0", "1"]), help="What iteration 0 is: 0 after the first update, 1 before it.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of files that name none.")
@click.option("--format", "format_name", help="Format of the files; guessed from what is in them where not given.")
@click.option("--benchmark", help="Benchmark of the files; that of the runs where not given.")
@click.option("--classes", type=click.IntRange(min=2), help="Classes of the head, where a file's run diverged.")
@click.option("--config", "config_file", type=FILE, help="Labels, reference, tables and level; config.yaml where there is one.")
@REFERENCE
@EXTENSIONS
def compare(
    sources: tuple[str, ...],
    output: Path,
    context_length: int | None,
    switches: tuple[int, ...] | None,
    percent: bool,
    count_from: str | None,
    seed: int | None,
    format_name: str | None,
    benchmark: str | None,
    classes: int | None,
    config_file: Path | None,
    reference: str | None,
    extensions: tuple[str, ...],
) -> None:
    """Compare run folders and anybody's curves: metrics, paired tests, tables and figures in one folder.

    RUNS_AND_FILES: run folders, folders above them, and files of curves (CSV, parquet, JSON; docs/own-curves.md); NAME=path names
    the curves. Says which seeds and contexts it takes the curves of files to have, and prints the first table.

    stability-gap compare results/runs/split_digits mine=curves.csv --context-length 200 -o out
    """
    from stability_gap.analysis.metrics.registry import load
    from stability_gap.curves.options import Options
    from stability_gap.curves.sources import read_sources
    from stability_gap.side_by_side import compare_runs, presented

    load(extensions)
    counted: Any = None if count_from is None else int(count_from)
    options = Options(context_length, switches, percent, counted, seed)
    runs = read_sources(sources, options, format_name, benchmark, classes)
    click.echo(compare_runs(runs, output, presented(runs, config_file, reference)))
    click.echo(f"All of it: {output}/tables, {output}/figures, {output}/statistics.csv, {output}/metrics.parquet")
