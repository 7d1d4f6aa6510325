"""Read how long former jobs took: from the benchmark files of the workflow's logs, and from a published MANIFEST."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stability_gap.config import Config, parse_seeds
from stability_gap.errors import UserError
from stability_gap.settings import are_recorded
from stability_gap.terminal.estimate import Job, Measured

MOST = 5  # former jobs of a cell that are read; more tell nothing new


def former_here(config: Config, work: Mapping[str, float]) -> Measured:
    """Sum up the jobs of former runs of this workflow, of all suites; a run of other settings does not count."""
    measured, results = Measured(work, "former runs"), Path(config.results)
    for folder in sorted(results.glob("logs/train/*/*/")):
        benchmark, optimizer = folder.parts[-2:]
        if benchmark in config.benchmarks and optimizer in config.optimizers:
            settings = config.cell(benchmark, optimizer)
            for path in sorted(folder.glob("*.tsv"))[:MOST]:
                facts = _json(results / "runs" / benchmark / optimizer / path.stem / "run.json")
                if not facts or are_recorded(settings, facts.get("settings")):
                    _count(measured, path, Job("train", cell=(benchmark, optimizer), seeds=_number(path.stem)))
    for rule, pattern in (("dataset", "logs/data/*.tsv"), ("stream", "logs/streams/*.tsv")):
        for path in sorted(results.glob(pattern)):
            _count(measured, path, Job(rule))
    for path in sorted(results.glob("*/logs/*.tsv")):
        is_figure = (path.parents[1] / "figures" / f"{path.stem}.svg").is_file()
        of_benchmark = path.stem.startswith("mechanism_")
        _count(measured, path, Job("figure" if is_figure else "mechanism_of_benchmark" if of_benchmark else path.stem))
    for path in sorted(results.glob("logs/selections/*/*.tsv")):
        _count(measured, path, Job("selection"))
    return measured


def former_published(config: Config, work: Mapping[str, float], manifests: list[Path]) -> Measured:
    """Sum up published runs of the same settings, made on another machine (docs/reproducing.md)."""
    measured = Measured(work, "the published runs of another machine")
    for path in manifests:
        manifest = _json(path)
        settings, costs = manifest.get("config", {}), manifest.get("costs", {}).get("cells", {})
        for benchmark, optimizers in costs.items():
            ours = config.benchmarks.get(benchmark)
            if ours is not None and are_recorded(ours, settings.get("benchmarks", {}).get(benchmark)):
                for optimizer, cost in optimizers.items():
                    measured.add(Job("train", cell=(benchmark, optimizer), seeds=cost["runs"]), cost["seconds"])
    return measured


def _count(measured: Measured, path: Path, job: Job) -> None:
    """Add a job with the seconds in Snakemake's benchmark file, whose first column they are; a file cut short does not count."""
    try:
        measured.add(job, float(path.read_text(encoding="utf-8").splitlines()[1].split("\t")[0]))
    except (OSError, ValueError, IndexError):
        return


def _json(path: Path) -> dict[str, Any]:
    """Read a file that may be missing or of another version; an estimate is no reason to stop."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _number(block: str) -> int:
    try:
        return len(parse_seeds(block))
    except UserError:
        return 0
