"""Offer what is shown: tables and figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stability_gap.cli.group import ANYTHING, EXTENSIONS, FILE, FOLDER, JSON, LOOKS, REFERENCE, SEEDS, TERMS, commands
from stability_gap.errors import UserError


@commands.command()
@click.option("--summary", "summary_file", type=FILE, required=True, help="summary.csv")
@click.option("--statistics", "statistics_file", type=FILE, required=True, help="statistics.csv")
@click.option("--agreement", "agreement_file", type=FILE, help="agreement.csv: ours beside the published numbers.")
@click.option("--tables", "chosen", type=JSON, required=True, help="The `tables` block of the configuration, JSON or a file.")
@LOOKS
@REFERENCE
@EXTENSIONS
@click.option("-o", "--output", type=FOLDER, required=True, help="Folder of the tables.")
def tables(
    summary_file: Path,
    statistics_file: Path,
    agreement_file: Path | None,
    chosen: Any,
    looks: Any,
    reference: str | None,
    extensions: tuple[str, ...],
    output: Path,
) -> None:
    """Write each table of the configuration, and the comparison with the paper, as CSV, Markdown, LaTeX and HTML."""
    from stability_gap.analysis.metrics.registry import load
    from stability_gap.config import TableSettings
    from stability_gap.files import read_csv
    from stability_gap.presentation import comparison
    from stability_gap.presentation.formats import save_table
    from stability_gap.presentation.looks import looks_from
    from stability_gap.presentation.tables import metric_table
    from stability_gap.settings import validate

    settings: dict[str, TableSettings] = validate(dict[str, TableSettings], chosen, "tables")
    known, shown = load(extensions), looks_from(looks, reference)
    summary, statistics = read_csv(summary_file), read_csv(statistics_file)
    made = [metric_table(name, each.title, each.metrics, known, summary, statistics, shown) for name, each in settings.items()]
    if agreement_file is not None:
        if comparison.NAME in settings:
            raise UserError(f"tables.{comparison.NAME}: this is the name of the comparison with the paper; choose another.")
        made.append(comparison.paper_comparison(read_csv(agreement_file), shown))
    for table in made:
        save_table(table, output)


@commands.command()
@click.argument("kind")
@click.argument("paths", nargs=-1, required=True, type=ANYTHING)
@LOOKS
@REFERENCE
@TERMS
@SEEDS
@EXTENSIONS
@click.option("-o", "--output", "stem", type=ANYTHING, required=True, help="File name without suffix.")
def figure(
    kind: str,
    paths: tuple[Path, ...],
    looks: Any,
    reference: str | None,
    values: Any,
    seeds: list[int] | None,
    extensions: tuple[str, ...],
    stem: Path,
) -> None:
    """Draw the figure KIND as SVG, PDF and PNG.

    PATHS: the run folders of one benchmark, or metrics.parquet of a suite and what else the figure is drawn from.
    """
    from stability_gap.analysis.settings import AnalysisSettings
    from stability_gap.presentation.figures import registry
    from stability_gap.presentation.looks import looks_from
    from stability_gap.settings import validate

    terms: AnalysisSettings = validate(AnalysisSettings, values, "terms")
    chosen = registry.named(kind, extensions)
    drawn = registry.draw(chosen, paths, looks_from(looks, reference), terms.model_dump(), seeds)
    from stability_gap.presentation import style

    style.save(drawn, stem)
