"""A finished suite on disk, small and synthetic: everything that the report of a suite is made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthetic_results import LOOKS, OPTIMIZERS, make_suite, write_runs, write_tables

from stability_gap import files
from stability_gap.analysis.agreement import compare_with_paper
from stability_gap.analysis.claims import Terms, judge
from stability_gap.analysis.metrics.registry import METRICS
from stability_gap.analysis.paper_convention import paper_metrics
from stability_gap.analysis.ranks import rank_all
from stability_gap.analysis.runs import read_runs
from stability_gap.analysis.settings import AnalysisSettings
from stability_gap.config.model import FIGURES
from stability_gap.presentation import comparison, style
from stability_gap.presentation.figures import registry
from stability_gap.presentation.formats import save_table
from stability_gap.presentation.looks import Looks, looks_from
from stability_gap.presentation.report.page import report_page
from stability_gap.presentation.tables import metric_table

REFERENCE = Path(__file__).parents[3] / "reference" / "paper_results.csv"
BENCHMARKS = {"split_mnist": 3, "rotated_digits": 2}  # tasks; the paper has the first
TABLES = {"table1": ["avg_acc", "avg_sg_first"], "table2": ["sg_first", "sg_previous"]}
SEEDS = range(42, 45)


@dataclass(frozen=True)
class Finished:
    """What `stability-gap report` is called with."""

    folder: Path
    runs: list[Path]
    config: Mapping[str, Any]
    looks: Looks

    def page(self) -> str:
        return report_page(self.folder, self.runs, self.config, self.looks)


def science() -> dict[str, Any]:
    """As `Config.science` makes it, in short."""
    block = {"iterations": 60, "stream": {"kind": "split"}, "model": {"kind": "mlp", "hidden": 400}, "precision": "fp32"}
    evaluation = {"every": 1, "tasks": "seen", "arithmetic": "bf16_screened", "images_per_task": None}
    return {
        "suite": "tiny",
        "figures": list(FIGURES),
        "seeds": list(SEEDS),
        "datasets": {"mnist": {"source": "torchvision", "mean": [0.1307]}},
        "benchmarks": {
            "split_mnist": {**block, "evaluation": evaluation},
            "rotated_digits": {**block, "evaluation": {**evaluation, "arithmetic": "fp32"}},
        },
        "optimizers": {name: {"method": "sgd", "learning_rate": 0.01, "gain": None} for name in OPTIMIZERS},
        "analysis": AnalysisSettings().model_dump(),
    }


def finish(root: Path) -> Finished:
    """Write runs, results, tables and figures below `root`."""
    suite = make_suite(BENCHMARKS, SEEDS, 60)
    folder, runs = root / "tiny", write_runs(suite, root)
    for run in runs:
        record = files.read_json(run / "run.json")
        states = {str(seed): {"status": "completed", "diverged_at": None} for seed in SEEDS}
        if record["optimizer"] == "adam" and record["benchmark"] == "split_mnist":
            states["43"] = {"status": "diverged", "diverged_at": 99}
            record["official"] = False
        facts = {"seeds": states, "stream_digest": "5ef6ea16", "code": "e5843b7e", "device": "cpu"}
        facts["versions"] = {"torch": "2.15.0"}
        files.write_json(run / "run.json", {"official": True, **record, **facts})
    write_tables(suite, folder)
    terms = Terms(incremental={"split_mnist": "class", "rotated_digits": "domain"}, resamples=50)
    files.write_csv(folder / "claims.csv", judge(suite.metrics, terms))
    files.write_csv(folder / "ranks.csv", rank_all(suite.metrics, terms.alpha))
    published = compare_with_paper(paper_metrics(read_runs(runs)), files.read_csv(REFERENCE), AnalysisSettings())
    files.write_csv(folder / "agreement.csv", published)
    looks = looks_from({**LOOKS, "benchmarks": {"split_mnist": {"label": "Split <MNIST>"}, "rotated_digits": {}}}, "ngm_sgd")
    for name, metrics in TABLES.items():
        save_table(metric_table(name, name, metrics, METRICS, suite.summary, suite.statistics, looks), folder / "tables")
    save_table(comparison.paper_comparison(published, looks), folder / "tables")
    for name, kind in registry.chosen(FIGURES).items():
        inputs = {"metrics.parquet": suite.metrics}
        drawn = {f"{name}_{each}": suite.runs(each) for each in BENCHMARKS} if kind.of == "benchmark" else {name: inputs}
        for stem, data in drawn.items():
            content = style.render(kind.draw()(data, looks, terms.model_dump()), "png")
            (folder / "figures").mkdir(exist_ok=True)
            (folder / "figures" / f"{stem}.png").write_bytes(content)
    return Finished(folder, runs, science(), looks)
