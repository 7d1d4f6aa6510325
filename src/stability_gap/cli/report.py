"""Offer the report of a suite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stability_gap.cli.group import EXTENSIONS, FILE, FOLDER, JSON, LOOKS, REFERENCE, commands


@commands.command()
@click.argument("suite", type=FOLDER)
@click.argument("runs", nargs=-1, required=True, type=FOLDER)
@click.option("--config", "config", type=JSON, required=True, help="The resolved configuration, JSON or a file.")
@LOOKS
@REFERENCE
@EXTENSIONS
@click.option("-o", "--output", type=FILE, required=True, help="report.html: one page that needs no network.")
def report(
    suite: Path,
    runs: tuple[Path, ...],
    config: Any,
    looks: Any,
    reference: str | None,
    extensions: tuple[str, ...],
    output: Path,
) -> None:
    """Write one page of all that is in the folder SUITE, made from RUNS: verdicts, curves to zoom, tables, figures, settings.

    Of extensions it takes those that draw a figure.
    """
    from stability_gap import files
    from stability_gap.presentation.looks import looks_from
    from stability_gap.presentation.report.page import report_page

    files.write_text(output, report_page(suite, runs, config, looks_from(looks, reference), extensions))
