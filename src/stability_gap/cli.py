"""`stability-gap`: one subcommand per rule of the pipeline, so that whatever a rule runs, a person can run.

Heavy libraries are imported inside the commands: a rule pays only for what it uses.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import click

from stability_gap.errors import UserError

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
ANYTHING = click.Path(path_type=Path)


class _Json(click.ParamType[Any]):
    """A JSON object, or the name of a file that holds one."""

    name = "json or file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from stability_gap import files

        if not isinstance(value, str) or not value.lstrip().startswith("{"):
            return files.read_json(Path(value))
        try:
            return json.loads(value)
        except json.JSONDecodeError as error:
            self.fail(f"not valid JSON: {error}", param, ctx)


JSON = _Json()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--log", type=FILE, help="Also write messages to this file.")
@click.version_option(package_name="stability-gap")
def commands(log: Path | None) -> None:
    """Measure the stability gap: data, training, metrics, statistics, tables, figures."""
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if log is not None:
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            handlers.append(logging.FileHandler(log, mode="w"))
        except OSError as error:
            raise UserError(f"cannot write the log {log}: {error.strerror}. Choose another --log.") from error
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=handlers, force=True)
    logging.getLogger("stability_gap").setLevel(logging.INFO)


@commands.command()
@click.argument("benchmark")
@click.argument("optimizer")
@click.option("--config", "config_file", type=FILE, default=Path("config.yaml"), help="The configuration.")
def settings(benchmark: str, optimizer: str, config_file: Path) -> None:
    """Print the resolved settings of a cell as JSON, ready for `train --settings`."""
    from stability_gap import config
    from stability_gap.settings import nearest

    chosen = config.load(config_file)
    for name, section in ((benchmark, "benchmarks"), (optimizer, "optimizers")):
        if name not in getattr(chosen, section):
            raise UserError(f"{config_file}: no {name!r} under {section}.{nearest(name, getattr(chosen, section))}")
    click.echo(chosen.cell(benchmark, optimizer).model_dump_json(indent=2))


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


@commands.command()
@click.option("--settings", "values", type=JSON, required=True, help="Cell settings, JSON or a file (see `settings`).")
@click.option("--stream", "stream_folder", type=FOLDER, required=True, help="Folder of stream.npz.")
@click.option("--seeds", required=True, help="Such as 42-51 or 42_45_47.")
@click.option("--threads", type=click.IntRange(min=1), default=1, help="CPU threads.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="Where to train.")
@click.option("-o", "--output", type=FOLDER, required=True, help="Run folder.")
def train(values: Any, stream_folder: Path, seeds: str, threads: int, device: str, output: Path) -> None:
    """Train a block of seeds of one benchmark with one optimizer, with continual evaluation."""
    from stability_gap.config import parse_seeds
    from stability_gap.experiment.run import run
    from stability_gap.experiment.settings import CellSettings
    from stability_gap.settings import validate

    run(validate(CellSettings, values, "settings"), stream_folder, parse_seeds(seeds), output, threads, device)


@commands.command()
@click.argument("paths", nargs=-1, required=True, type=ANYTHING)
@click.option("--classes", type=click.IntRange(min=2), help="Classes of the head, where a file without run.json diverged.")
@click.option("--benchmark", help="Name for files without run.json.")
@click.option("--optimizer", help="Name for files without run.json.")
@click.option("-o", "--output", type=FILE, help="metrics.parquet: every metric of every seed.")
@click.option("--summary", "summary_file", type=FILE, help="summary.csv: mean and sd over seeds.")
@click.option("--paper", "paper_file", type=FILE, help="paper_metrics.csv: the paper's table convention.")
def metrics(
    paths: tuple[Path, ...],
    classes: int | None,
    benchmark: str | None,
    optimizer: str | None,
    output: Path | None,
    summary_file: Path | None,
    paper_file: Path | None,
) -> None:
    """Measure PATHS: run folders, or anybody's evaluations.parquet (docs/data-contracts.md).

    Without -o the summary is printed.
    """
    from stability_gap import files
    from stability_gap.analysis.metrics import measure
    from stability_gap.analysis.paper_convention import paper_metrics
    from stability_gap.analysis.summary import summarise

    measured = measure(list(paths), classes, benchmark, optimizer)
    summary = summarise(measured)
    if output is not None:
        files.write_parquet(output, measured)
    if summary_file is not None:
        files.write_csv(summary_file, summary)
    if paper_file is not None:
        files.write_csv(paper_file, paper_metrics(list(paths)))
    if output is None and summary_file is None and paper_file is None:
        click.echo(summary.to_string(index=False))


@commands.command()
@click.argument("metrics_file", type=FILE)
@click.option("--terms", "values", type=JSON, default="{}", help="The `analysis` block of the configuration, JSON or a file.")
@click.option("--class-incremental", "class_incremental", multiple=True, help="A benchmark that is class-incremental.")
@click.option("--statistics", "statistics_file", type=FILE, required=True, help="statistics.csv: paired tests.")
@click.option("--ranks", "ranks_file", type=FILE, required=True, help="ranks.csv: over benchmarks.")
@click.option("--claims", "claims_file", type=FILE, required=True, help="claims.csv: verdicts with evidence.")
def statistics(
    metrics_file: Path,
    values: Any,
    class_incremental: tuple[str, ...],
    statistics_file: Path,
    ranks_file: Path,
    claims_file: Path,
) -> None:
    """Test the differences between optimizers in METRICS_FILE (metrics.parquet), paired by seed."""
    from stability_gap import files
    from stability_gap.analysis.claims import Terms, judge
    from stability_gap.analysis.ranks import rank_all
    from stability_gap.analysis.statistics import compare
    from stability_gap.config import Analysis
    from stability_gap.settings import validate

    terms: Analysis = validate(Analysis, values, "terms")
    measured = files.read_parquet(metrics_file, files.METRICS)
    compared = compare(measured, terms.resamples, terms.random_seed, terms.alpha)
    kinds = {
        name: "class-incremental" if name in class_incremental else "domain-incremental"
        for name in measured["benchmark"].unique()
    }
    verdicts = judge(measured, Terms(kinds, **terms.model_dump()))
    files.write_csv(statistics_file, compared)
    files.write_csv(ranks_file, rank_all(measured, alpha=terms.alpha))
    files.write_csv(claims_file, verdicts)


@commands.command()
@click.option("--summary", "summary_file", type=FILE, required=True, help="summary.csv")
@click.option("--statistics", "statistics_file", type=FILE, required=True, help="statistics.csv")
@click.option("--paper", "paper_file", type=FILE, required=True, help="paper_metrics.csv")
@click.option("--reference", "reference_file", type=FILE, required=True, help="Published numbers.")
@click.option("-o", "--output", type=FOLDER, required=True, help="Folder of the tables.")
def tables(summary_file: Path, statistics_file: Path, paper_file: Path, reference_file: Path, output: Path) -> None:
    """Write Table 1, Table 2 and the comparison with the paper as CSV, Markdown and LaTeX."""
    from stability_gap.files import read_csv
    from stability_gap.presentation.comparison import paper_comparison
    from stability_gap.presentation.formats import save_table
    from stability_gap.presentation.tables import table1, table2

    summary = read_csv(summary_file)
    save_table(table1(summary, read_csv(statistics_file)), output)
    save_table(table2(summary), output)
    save_table(paper_comparison(read_csv(paper_file), read_csv(reference_file)), output)


@commands.group()
def figure() -> None:
    """Draw one figure as SVG, PDF and PNG."""


@figure.command()
@click.argument("folders", nargs=-1, required=True, type=FOLDER)
@click.option("-o", "--output", "stem", type=ANYTHING, required=True, help="File name without suffix.")
def curves(folders: tuple[Path, ...], stem: Path) -> None:
    """Accuracy, loss and gain over iterations, of the run FOLDERS of one benchmark."""
    from stability_gap.presentation import style
    from stability_gap.presentation.curves import draw_curves
    from stability_gap.presentation.runs import load_runs

    loaded = load_runs(folders)
    style.save(draw_curves(loaded.benchmark, loaded.evaluations, loaded.training, loaded.classes), stem)


@figure.command()
@click.argument("folders", nargs=-1, required=True, type=FOLDER)
@click.option("-o", "--output", "stem", type=ANYTHING, required=True, help="File name without suffix.")
def zoom(folders: tuple[Path, ...], stem: Path) -> None:
    """The first iterations after each switch, of the run FOLDERS of one benchmark."""
    from stability_gap.presentation import style
    from stability_gap.presentation.runs import load_runs
    from stability_gap.presentation.zoom import draw_zoom

    loaded = load_runs(folders)
    style.save(draw_zoom(loaded.benchmark, loaded.evaluations, loaded.classes), stem)


@figure.command("gain_per_task")
@click.argument("metrics_file", type=FILE)
@click.option("-o", "--output", "stem", type=ANYTHING, required=True, help="File name without suffix.")
def gain_per_task(metrics_file: Path, stem: Path) -> None:
    """Mean gain per task with its linear fit, of METRICS_FILE (metrics.parquet)."""
    from stability_gap import files
    from stability_gap.analysis.bands import gain_slopes
    from stability_gap.presentation import style
    from stability_gap.presentation.gain_per_task import draw_gain_per_task

    measured = files.read_parquet(metrics_file, files.METRICS)
    style.save(draw_gain_per_task(measured, gain_slopes(measured)), stem)


@figure.command()
@click.argument("metrics_file", type=FILE)
@click.option("-o", "--output", "stem", type=ANYTHING, required=True, help="File name without suffix.")
def tradeoff(metrics_file: Path, stem: Path) -> None:
    """Final accuracy against average stability gap, of METRICS_FILE (metrics.parquet)."""
    from stability_gap import files
    from stability_gap.presentation import style
    from stability_gap.presentation.tradeoff import draw_tradeoff

    style.save(draw_tradeoff(files.read_parquet(metrics_file, files.METRICS)), stem)


@commands.command()
@click.argument("suite", type=FOLDER)
@click.argument("runs", nargs=-1, required=True, type=FOLDER)
@click.option("--config", "config", type=JSON, required=True, help="The resolved configuration, JSON or a file.")
@click.option("-o", "--output", type=FOLDER, required=True, help="Folder of the published artifact.")
def publish(suite: Path, runs: tuple[Path, ...], config: Any, output: Path) -> None:
    """Copy the final tables and figures of SUITE, made from RUNS, and write their MANIFEST.json."""
    from stability_gap import publication

    publication.publish(suite, list(runs), config, output)


@commands.command()
@click.argument("suite", type=FOLDER)
@click.argument("published", type=FOLDER)
@click.option("-o", "--output", type=FILE, required=True, help="verification.csv: every comparison.")
def verify(suite: Path, published: Path, output: Path) -> None:
    """Compare the rebuilt SUITE with the PUBLISHED one: bytes on the same machine type, means within seed noise elsewhere."""
    from stability_gap import files, publication

    files.write_csv(output, publication.verify(suite, published))


def main() -> None:
    """Run the command line; a UserError is one message and exit status 2, never a traceback."""
    try:
        commands(standalone_mode=False)
    except UserError as error:
        logging.getLogger(__name__).error("error: %s", error)
        sys.exit(2)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
