"""Offer what is measured and judged: metrics, statistics, agreement with what was published."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import click

from stability_gap.cli.group import ANYTHING, EXTENSIONS, FILE, FOLDER, INCREMENTAL, SEEDS, STAND_INS, TERMS, commands


@commands.command()
@click.argument("paths", nargs=-1, required=True, type=ANYTHING)
@click.option("--classes", type=click.IntRange(min=2), help="Classes of the head, where a file without run.json diverged.")
@click.option("--benchmark", help="Name for files without run.json.")
@click.option("--optimizer", help="Name for files without run.json.")
@SEEDS
@EXTENSIONS
@click.option("-o", "--output", type=FILE, help="metrics.parquet: every metric of every seed.")
@click.option("--summary", "summary_file", type=FILE, help="summary.csv: mean and sd over seeds.")
@click.option("--paper", "paper_file", type=FILE, help="paper_metrics.csv: the paper's table convention.")
def metrics(
    paths: tuple[Path, ...],
    classes: int | None,
    benchmark: str | None,
    optimizer: str | None,
    seeds: list[int] | None,
    extensions: tuple[str, ...],
    output: Path | None,
    summary_file: Path | None,
    paper_file: Path | None,
) -> None:
    """Measure PATHS: run folders, or anybody's evaluations.parquet (docs/data-contracts.md).

    Without -o the summary is printed.
    """
    from stability_gap import files
    from stability_gap.analysis.measure import measure
    from stability_gap.analysis.metrics import registry
    from stability_gap.analysis.paper_convention import paper_metrics
    from stability_gap.analysis.runs import read_runs
    from stability_gap.analysis.summary import summarise

    registry.load(extensions)
    runs = read_runs(paths, classes, benchmark, optimizer, seeds=seeds)
    measured = measure(runs)
    summary = summarise(measured)
    if output is not None:
        files.write_parquet(output, measured)
    if summary_file is not None:
        files.write_csv(summary_file, summary)
    if paper_file is not None:
        files.write_csv(paper_file, paper_metrics(runs))
    if output is None and summary_file is None and paper_file is None:
        click.echo(summary.to_string(index=False))


@commands.command()
@click.argument("metrics_file", type=FILE)
@click.argument("runs", nargs=-1, type=FOLDER)
@TERMS
@click.option(
    "--incremental", "given", multiple=True, type=INCREMENTAL, help="What a benchmark's tasks bring, where run.json does not say."
)
@EXTENSIONS
@click.option("--reference", "pair_with", help="Test the pairs with this optimizer alone; left out: all pairs.")
@click.option("--evidence", "evidence_files", multiple=True, type=FILE, help="A result file that claims read.")
@click.option("--authors", "authors_file", type=FILE, help="The authors' own seeds: do they satisfy the same rules?")
@STAND_INS
@click.option("--statistics", "statistics_file", type=FILE, required=True, help="statistics.csv: paired tests.")
@click.option("--ranks", "ranks_file", type=FILE, required=True, help="ranks.csv: over benchmarks.")
@click.option("--claims", "claims_file", type=FILE, required=True, help="claims.csv: verdicts with evidence.")
def statistics(
    metrics_file: Path,
    runs: tuple[Path, ...],
    values: Any,
    given: tuple[tuple[str, Any], ...],
    extensions: tuple[str, ...],
    pair_with: str | None,
    evidence_files: tuple[Path, ...],
    authors_file: Path | None,
    stand_ins: tuple[tuple[str, str], ...],
    statistics_file: Path,
    ranks_file: Path,
    claims_file: Path,
) -> None:
    """Test the differences between optimizers in METRICS_FILE (metrics.parquet), paired by seed.

    RUNS are the run folders that it was measured from: their run.json say which benchmarks are class-incremental.
    """
    from stability_gap import files
    from stability_gap.analysis.claims import Terms, judge
    from stability_gap.analysis.measure import read_metrics
    from stability_gap.analysis.metrics import registry
    from stability_gap.analysis.published import with_stand_ins
    from stability_gap.analysis.ranks import rank_all
    from stability_gap.analysis.runs import incremental_kinds, sampling_kinds
    from stability_gap.analysis.settings import AnalysisSettings
    from stability_gap.analysis.statistics import compare
    from stability_gap.settings import validate

    gc.freeze()  # statsmodels collects garbage at every adjustment: 0.1 s each over all that was imported, next to nothing now
    registry.load(extensions)
    terms: AnalysisSettings = validate(AnalysisSettings, values, "terms")
    measured = read_metrics(metrics_file)
    kinds = incremental_kinds(sorted(set(measured["benchmark"])), runs, dict(given))
    verdicts = judge(
        measured,
        Terms(incremental=kinds, sampling=sampling_kinds(runs), **terms.model_dump()),
        evidence={path.name: files.read_csv(path) for path in evidence_files},
        authors=None if authors_file is None else with_stand_ins(files.read_csv(authors_file), dict(stand_ins)),
    )
    files.write_csv(statistics_file, compare(measured, terms.resamples, terms.random_seed, terms.alpha, pair_with))
    files.write_csv(ranks_file, rank_all(measured, terms.alpha))
    files.write_csv(claims_file, verdicts)


@commands.command()
@click.argument("metrics_file", type=FILE)
@click.argument("runs", nargs=-1, required=True, type=ANYTHING)
@TERMS
@click.option("--reference", "reference_file", type=FILE, required=True, help="Published numbers.")
@click.option("--authors", "authors_file", type=FILE, required=True, help="The authors' own seeds.")
@STAND_INS
@SEEDS
@click.option("-o", "--output", type=FILE, required=True, help="agreement.csv: ours beside the published numbers.")
@click.option(
    "--per-seed", "per_seed_file", type=FILE, required=True, help="agreement_per_seed.csv: our seeds beside the authors'."
)
def agreement(
    metrics_file: Path,
    runs: tuple[Path, ...],
    values: Any,
    reference_file: Path,
    authors_file: Path,
    stand_ins: tuple[tuple[str, str], ...],
    seeds: list[int] | None,
    output: Path,
    per_seed_file: Path,
) -> None:
    """Judge whether METRICS_FILE (metrics.parquet) and the RUNS it was measured from agree with the published results."""
    from stability_gap import files
    from stability_gap.analysis.agreement import compare_with_authors, compare_with_paper
    from stability_gap.analysis.measure import read_metrics
    from stability_gap.analysis.paper_convention import paper_metrics
    from stability_gap.analysis.published import with_stand_ins
    from stability_gap.analysis.runs import read_runs
    from stability_gap.analysis.settings import AnalysisSettings
    from stability_gap.settings import validate

    terms: AnalysisSettings = validate(AnalysisSettings, values, "terms")
    reference, authors = (with_stand_ins(files.read_csv(file), dict(stand_ins)) for file in (reference_file, authors_file))
    read = read_runs(runs, seeds=seeds)
    measured = read_metrics(metrics_file)
    files.write_csv(output, compare_with_paper(paper_metrics(read), reference, terms))
    files.write_csv(per_seed_file, compare_with_authors(measured, read, authors, terms))
