"""Offer a look inside: the toy model, and what happens in runs around their switches."""

from __future__ import annotations

from pathlib import Path

import click

from stability_gap.cli.group import FILE, FOLDER, SEEDS, commands


@commands.command()
@click.option("--random-seed", type=click.IntRange(min=0), default=0, help="Of the noise.")
@click.option("-o", "--output", type=FILE, required=True, help="toy.csv: the one-weight model, step by step.")
def toy(random_seed: int, output: Path) -> None:
    """Simulate one weight: slow, explicit fast–slow, and under a gain."""
    from stability_gap import files
    from stability_gap.analysis.toy import simulate

    files.write_csv(output, simulate(random_seed))


@commands.command()
@click.argument("runs", nargs=-1, required=True, type=FOLDER)
@click.option("--stream", "streams", type=FOLDER, multiple=True, required=True, help="Folder of a stream that they learned.")
@SEEDS
@click.option("-o", "--output", type=FILE, required=True, help="mechanism.csv: curvature, gradients, losses, calibration.")
def mechanism(runs: tuple[Path, ...], streams: tuple[Path, ...], seeds: list[int] | None, output: Path) -> None:
    """Replay RUNS on the CPU and measure what happens in their weights around each switch.

    RUNS are run folders of this machine type's CPU, those that others of them follow included.
    """
    from stability_gap import files
    from stability_gap.analysis.mechanism.measure import measure_all
    from stability_gap.experiment.replay import open_run

    files.write_csv(output, measure_all(open_run(run, streams, runs, seeds) for run in runs))
