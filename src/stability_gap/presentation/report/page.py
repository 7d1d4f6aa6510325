"""Put the report of a suite together."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from stability_gap import files
from stability_gap.analysis.metrics import registry as metric_registry
from stability_gap.analysis.runs import benchmark_runs
from stability_gap.errors import UserError
from stability_gap.presentation.figures import registry as figure_registry
from stability_gap.presentation.looks import Looks
from stability_gap.presentation.report import facts, pictures, verdicts, zoomable
from stability_gap.presentation.report.deviations import deviations

_PAPER = "https://arxiv.org/abs/2507.14056"


def report_page(
    suite: Path,
    runs: Sequence[Path],
    config: Mapping[str, Any],
    looks: Looks,
    extensions: Sequence[str] = (),
) -> str:
    """Make the HTML page of a finished suite; the same files give the same bytes.

    suite: results/{suite}. runs: all its run folders. config: `Config.science` of the suite.
    extensions: modules of the user's own that draw a figure.
    Errors: UserError where a file of the suite or of a run is missing or cannot be read.
    """
    if not isinstance(config, Mapping) or not {"suite", "figures"} <= set(config):
        raise UserError("--config: give the resolved configuration of one suite, with its name under `suite`, and its `figures`.")
    seeds = config.get("seeds")  # a run folder may hold more, of other suites
    records = [_record(folder, seeds) for folder in runs]
    benchmarks = looks.benchmark_order(record["benchmark"] for record in records)
    labels = {name: metric.label for name, metric in metric_registry.load().items()}
    claims = files.read_csv(suite / "claims.csv")
    columns, rows = verdicts.verdict_grid(claims, looks, labels)
    shown, untested = verdicts.without_untested(rows)
    agreement = files.read_csv(suite / "agreement.csv")
    kinds, tables = config["figures"], [*config.get("tables", {}), pictures.LAST]
    figures = pictures.groups(suite, figure_registry.chosen(kinds, extensions), benchmarks, looks)
    curves = [
        zoomable.zoomable_curves(
            benchmark_runs((run for run, record in zip(runs, records, strict=True) if record["benchmark"] == name), seeds), looks
        )
        for name in benchmarks
        if "curves" in kinds
    ]
    return (
        _environment()
        .get_template("page.html")
        .render(
            suite=config["suite"],
            paper=_PAPER,
            looks=looks,
            benchmarks=benchmarks,
            optimizers=looks.optimizer_order(record["optimizer"] for record in records),
            seeds=seeds or sorted({int(seed) for record in records for seed in record["seeds"]}),
            runs=sum(len(record["seeds"]) for record in records),
            diverged=facts.diverged(records, looks),
            columns=columns,
            rows=rows,
            shown=shown,
            untested=untested,
            counts=Counter(cell.verdict for row in rows for cell in row.cells if cell),
            marks=verdicts.MARKS,
            main=next(group for group in figures if group.kind == kinds[0]),
            figures=figures,
            curves=curves,
            bokeh=zoomable.script() if curves else "",
            tables=pictures.table_fragments(suite, tables),
            settings=facts.settings_grids(config, looks, records),
            deviations=deviations(config, records, set(agreement["benchmark"]), looks),
            environment=facts.environment_grid(records),
            digests=facts.digest_grids(suite, records, looks, tables),
        )
    )


def _record(folder: Path, seeds: Collection[int] | None) -> Mapping[str, Any]:
    """Read run.json, of its seeds those given. Errors: UserError where it lacks the names of the run, or its seeds."""
    record = files.read_json(Path(folder) / "run.json")
    if not isinstance(record, Mapping) or not {"benchmark", "optimizer", "seeds"} <= set(record):
        raise UserError(f"{folder}/run.json names no benchmark, optimizer and seeds; train this run again.")
    kept = {seed: state for seed, state in record["seeds"].items() if seeds is None or int(seed) in seeds}
    return {**record, "seeds": kept}


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("stability_gap.presentation.report", "template"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
