"""Offer the published artifact: copy a suite to it, compare a rebuild with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stability_gap.cli.group import FILE, FOLDER, JSON, commands


@commands.command()
@click.argument("suite", type=FOLDER)
@click.argument("runs", nargs=-1, required=True, type=FOLDER)
@click.option("--config", "config", type=JSON, required=True, help="The resolved configuration, JSON or a file.")
@click.option("--with-runs", is_flag=True, help="Copy the RUNS too.")
@click.option("-o", "--output", type=FOLDER, required=True, help="Folder of the published artifact.")
def publish(suite: Path, runs: tuple[Path, ...], config: Any, with_runs: bool, output: Path) -> None:
    """Copy the final tables and figures of SUITE, made from RUNS, and write their MANIFEST.json.

    Refused where sources in the present folder are not committed, or a table breaks its contract.
    """
    from stability_gap import publication

    publication.check_committed(config)
    publication.publish(suite, list(runs), config, output, with_runs=with_runs)


@commands.command()
@click.argument("suite", type=FOLDER)
@click.argument("published", type=FOLDER)
@click.option("-o", "--output", type=FILE, required=True, help="verification.csv: every comparison.")
def verify(suite: Path, published: Path, output: Path) -> None:
    """Compare the rebuilt SUITE with the PUBLISHED one: bytes on the same machine type, means within seed noise elsewhere.

    A suite that was rebuilt with some of its seeds or optimizers is compared with the same runs of the published one.
    """
    from stability_gap import files, verification

    table = verification.verify(suite, published)
    files.write_csv(output, table)
    click.echo(verification.summary(table))
