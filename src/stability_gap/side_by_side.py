"""Compare runs and anybody's curves: metrics, paired tests, tables and figures of them all, in one folder."""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from stability_gap import files
from stability_gap.analysis.measure import measure
from stability_gap.analysis.metrics import registry
from stability_gap.analysis.runs import BenchmarkRuns, Run, behind_one_another
from stability_gap.analysis.settings import DEFAULTS, AnalysisSettings
from stability_gap.analysis.statistics import compare
from stability_gap.analysis.summary import summarise
from stability_gap.curves.sources import UNNAMED, refuse_other_contexts
from stability_gap.errors import UserError
from stability_gap.presentation import style
from stability_gap.presentation.figures.registry import named
from stability_gap.presentation.formats import save_table, to_markdown
from stability_gap.presentation.looks import Looks, looks_from
from stability_gap.presentation.tables import metric_table
from stability_gap.settings import Look

LOG = logging.getLogger(__name__)

TABLES = {
    "table1": ("Accuracy and stability gap", ["avg_acc", "min_acc", "wc_acc", "avg_sg_first", "avg_sg_previous", "avg_sg_seen"]),
    "table2": ("Stability gap at each switch", ["sg_first", "sg_previous", "sg_seen"]),
    "table3": (
        "What a gap is made of",
        [
            "avg_net_sg_previous",
            "avg_placebo_sg_previous",
            "avg_transient_area",
            "avg_lasting_area",
            "avg_depth_previous",
            "anytime_acc",
        ],
    ),
}
"""Tables where no configuration lists others: name -> title, metrics."""
OWN = {UNNAMED: Look(label="Own curves")}
"""How a benchmark is shown that nobody named."""


@dataclass(frozen=True)
class Presented:
    """How a comparison is shown: `looks` (labels, order, reference), `tables` (name -> title, metrics), level of the tests."""

    looks: Looks = field(default_factory=lambda: Looks(OWN))
    tables: Mapping[str, tuple[str, list[str]]] = field(default_factory=lambda: TABLES)
    terms: AnalysisSettings = DEFAULTS


def presented(runs: Sequence[Run], config_file: Path | None = None, reference: str | None = None) -> Presented:
    """Take labels, reference, tables and level from a configuration: `config_file`, else config.yaml where it lies, else ours.

    A config.yaml that nobody named is another program's where it has no key `suites`, and left alone; so is one that cannot be
    read, with a warning.
    reference: the curve that the others are marked against, in place of the configuration's; one that is not among the runs marks
    nothing. Errors: UserError for a configuration that is none, or a `reference` that is not there.
    """
    names = check_reference(runs, reference)
    from stability_gap.config import load

    here = Path("config.yaml")
    if config_file is None and here.exists() and _is_ours(here):
        config_file = here
    if config_file is None:
        return Presented(Looks(OWN, reference=reference))
    config = load(config_file)
    wanted = reference or config.chosen_suite.reference
    looks = looks_from(config.looks(), wanted if wanted in names else None)
    looks = replace(looks, benchmarks={**looks.benchmarks, **OWN})
    tables = {name: (each.title, list(each.metrics)) for name, each in config.tables.items()}
    return Presented(looks, tables or TABLES, config.analysis)


def _is_ours(config_file: Path) -> bool:
    """Tell whether a configuration is one of this pipeline."""
    from stability_gap.config import read

    try:
        values = read(config_file)
    except UserError as error:
        LOG.warning("Labels and tables are not taken from %s: %s", config_file, error)
        return False
    return isinstance(values, dict) and "suites" in values


def check_reference(runs: Iterable[Run], reference: str | None) -> set[str]:
    """Name the curves. Errors: UserError where `reference` is none of them."""
    names = {run.facts.optimizer for run in runs}
    if reference is not None and reference not in names:
        raise UserError(f"the reference {reference} is not among the curves ({', '.join(sorted(names))}); name one of these.")
    return names


def compare_runs(runs: Sequence[Run], output: Path, shown: Presented | None = None) -> str:
    """Write metrics.parquet, summary.csv, statistics.csv, tables/ and figures/ of all runs into a folder, and say what was found.

    Returns the first table as text, with a line for the curves of each benchmark that are paired with no other.
    Errors: UserError for runs of one benchmark with other contexts, and as from `measure`.
    """
    shown = shown or Presented()
    by_benchmark = [benchmark_runs(runs, name) for name in shown.looks.benchmark_order(run.facts.benchmark for run in runs)]
    metrics = measure(runs)
    summary, statistics = summarise(metrics), compare(metrics, shown.terms.resamples, shown.terms.random_seed, shown.terms.alpha)
    tables = [
        metric_table(name, title, chosen, registry.METRICS, summary, statistics, shown.looks)
        for name, (title, chosen) in shown.tables.items()
    ]
    files.write_parquet(output / "metrics.parquet", metrics)
    files.write_csv(output / "summary.csv", summary)
    files.write_csv(output / "statistics.csv", statistics)
    for table in tables:
        save_table(table, output / "tables")
    draw_all(by_benchmark, metrics, output / "figures", shown)
    plain = re.sub(r"\\([|_*`<])", r"\1", to_markdown(tables[0]))  # Markdown's escapes, which a terminal does not hide
    return "\n".join([plain, *unpaired(by_benchmark, shown.looks)])


def benchmark_runs(runs: Iterable[Run], benchmark: str) -> BenchmarkRuns:
    """Put the runs of a benchmark behind one another. Without losses or gains there are none in the tables.

    Errors: UserError where the runs do not change contexts at the same updates.
    """
    own = [run for run in runs if run.facts.benchmark == benchmark]
    refuse_other_contexts(own)
    return behind_one_another(own)


def draw_all(by_benchmark: Sequence[BenchmarkRuns], metrics: pd.DataFrame, folder: Path, shown: Presented) -> None:
    """Draw the trade-off of all, and curves and zoom of every benchmark, as SVG, PDF and PNG."""
    looks, terms = shown.looks, shown.terms.model_dump()
    style.save(named("tradeoff").draw()({"metrics.parquet": metrics}, looks, terms), folder / "tradeoff")
    for runs in by_benchmark:
        for kind in ("curves", "zoom"):
            style.save(named(kind).draw()(runs, looks, terms), folder / f"{kind}_{runs.benchmark}")


def unpaired(by_benchmark: Iterable[BenchmarkRuns], looks: Looks) -> list[str]:
    """Say in one line per benchmark which curves share no two seeds with any other, so that no test compares them."""
    lines = []
    for runs in by_benchmark:
        seeds = {str(name): set(rows["seed"]) for name, rows in runs.evaluations.groupby("optimizer")}
        alone = [a for a in seeds if all(a == b or len(seeds[a] & seeds[b]) < 2 for b in seeds)]
        if len(seeds) > 1 and alone:
            names = ", ".join(looks.optimizer(name) for name in looks.optimizer_order(alone))
            lines.append(
                f"{looks.benchmark(runs.benchmark)}: unpaired, so no test: {names} (not two seeds in common with any other)."
            )
    return lines
