"""Write the tables of docs/scaling.md: what a run costs by a model of two terms, fitted on the MANIFESTs in paper_figures/.

python docs/generate_scaling.py           writes the page between its two marks
python docs/generate_scaling.py --check   writes nothing, exits 1 where the page is out of date

Seconds of a run = updates · a + multiply-adds · b; bytes of a run = c + values written · d. All terms are at least 0, and errors
count in proportion to what was measured. Seconds on a GPU are assumed: scaling_on_gpus.py.
"""

import math
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scaling_on_gpus
from generated_page import between, call
from scipy.optimize import nnls

from stability_gap import config as configuration
from stability_gap import files
from stability_gap.experiment.timeline import timeline
from stability_gap.terminal.work import images_of, tasks_of, work_of

ROOT = Path(__file__).parent.parent
PAGE, PUBLISHED = ROOT / "docs" / "scaling.md", ROOT / "paper_figures"
BEGIN, END = "<!-- Written by docs/generate_scaling.py from here -->", "<!-- to here. -->"
COLUMNS = {"mlp": 12, "slim_resnet18": 28}
"""Columns of training.parquet; those that hold one value all along take no space."""
SHOWN = ("split_digits", "split_mnist_sparse", "split_mnist")
ON_GPUS = ("split_mnist", "split_cifar10")
SLOWER = ("digits", "mechanism", "stress", "mnist")
"""Suites made on another processor than the rest (Zen 3, where those are of a Zen 4): their times take no part in the fit."""
RUNS, WORKERS = (100, 1_000, 10_000, 100_000), (1, 8, 64)
CONFIG = configuration.load(ROOT / "config.yaml")


class Measured(NamedTuple):
    """What runs of a benchmark took in a published suite: the median over its optimizers."""

    suite: str
    benchmark: str
    seconds: float
    megabytes: float


def measured() -> list[Measured]:
    """All published benchmarks of MLPs whose costs were recorded; cells with diverged runs, which end early, are left out."""
    found = []
    for path in sorted(PUBLISHED.glob("*/MANIFEST.json")):
        manifest = files.read_json(path)
        diverged = {tuple(name.split()[:2]) for name in manifest["diverged"]}
        for benchmark, cells in manifest.get("costs", {}).get("cells", {}).items():
            if CONFIG.benchmarks[benchmark].model.kind != "mlp":
                continue
            whole = [cell for name, cell in cells.items() if (benchmark, name) not in diverged]
            per_run = [np.median([cell[key] / cell["runs"] for cell in whole]) for key in ("seconds", "megabytes")]
            found.append(Measured(path.parent.name, benchmark, *map(float, per_run)))
    return found


def terms_of_time(name: str) -> list[float]:
    """Updates and 10⁹ multiply-adds of a run of a benchmark."""
    benchmark = CONFIG.benchmarks[name]
    images = images_of(CONFIG.datasets[benchmark.dataset])
    tasks = tasks_of(benchmark.stream, images)
    return [tasks.number * benchmark.iterations, work_of(benchmark, tasks, images)]


def terms_of_space(name: str) -> list[float]:
    """1 and the number of values that a run of a benchmark writes."""
    benchmark = CONFIG.benchmarks[name]
    tasks = tasks_of(benchmark.stream, images_of(CONFIG.datasets[benchmark.dataset])).number
    return [1, 2 * int(timeline(benchmark, tasks).covered.sum()) + COLUMNS[benchmark.model.kind] * tasks * benchmark.iterations]


def fit(terms: Iterable[list[float]], values: Iterable[float]) -> np.ndarray:
    """Coefficients at least 0 with the least sum of squared relative errors."""
    target = np.array(list(values))
    return nnls(np.array(list(terms)) / target[:, None], np.ones(len(target)))[0]


def fitted(rows: list[Measured]) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of time, on the processor that most suites were made on, and of space."""
    alike = [row for row in rows if row.suite not in SLOWER]
    time = fit((terms_of_time(row.benchmark) for row in alike), (row.seconds for row in alike))
    return time, fit((terms_of_space(row.benchmark) for row in rows), (row.megabytes for row in rows))


def unseen(rows: list[Measured]) -> list[tuple[Measured, float, float]]:
    """Each row beside seconds and megabytes by the model that was fitted without its benchmark, in whatever suite."""
    found = []
    for row in rows:
        time, space = fitted([other for other in rows if other.benchmark != row.benchmark])
        found.append((row, terms_of_time(row.benchmark) @ time, terms_of_space(row.benchmark) @ space))
    return found


def compared(found: list[tuple[Measured, float, float]]) -> list[str]:
    """The table of `unseen`, and how far it is off for either processor."""
    lines = ["| benchmark | suite | s per run, measured | by the others | ratio | kB per run, measured | by the others | ratio |"]
    lines += ["|---|---|--:|--:|--:|--:|--:|--:|"]
    for row, seconds, megabytes in found:
        lines.append(
            f"| {row.benchmark} | {row.suite} | {row.seconds:.1f} | {seconds:.1f} | {seconds / row.seconds:.2f}"
            f" | {1000 * row.megabytes:.0f} | {1000 * megabytes:.0f} | {megabytes / row.megabytes:.2f} |"
        )
    alike = [seconds / row.seconds for row, seconds, _ in found if row.suite not in SLOWER]
    slower = [seconds / row.seconds for row, seconds, _ in found if row.suite in SLOWER]
    told = f"**Ratios of time:** {min(alike):.2f} to {max(alike):.2f} on the processor of the fit"
    return [*lines, "", told + (f", {min(slower):.2f} to {max(slower):.2f} on the slower one." if slower else ".")]


def sized(hours: float) -> str:
    """A duration in minutes, hours or days."""
    if hours < 1:
        return f"{max(60 * hours, 1):.0f} min"
    return f"{hours:.2g} h" if hours < 48 else f"{hours / 24:,.0f} d"


def gigabytes(size: float) -> str:
    """A size in GB, or in MB below one."""
    return f"{size:.2g} GB" if size >= 1 else f"{1000 * size:.0f} MB"


def hours(name: str, seconds: float, runs: int, workers: int) -> float:
    """Hours of many runs, a job of `seeds_per_job` of them on a worker at a time."""
    block = min(CONFIG.benchmarks[name].seeds_per_job, runs)
    return math.ceil(math.ceil(runs / block) / workers) * block * seconds / 3600


def grid(seconds: Mapping[str, float], space: np.ndarray, worker: str) -> list[str]:
    """Hours and storage of many runs of the benchmarks, of so many seconds each, on several workers."""
    heads = " | ".join(f"{number} {worker}{'s' if number > 1 else ''}" for number in WORKERS)
    lines = [f"| benchmark | runs | {heads} | runs on disk |", f"|---|--:|{'--:|' * (len(WORKERS) + 1)}"]
    for name, each in seconds.items():
        megabytes = terms_of_space(name) @ space
        for number in RUNS:
            taken = " | ".join(sized(hours(name, each, number, workers)) for workers in WORKERS)
            lines.append(f"| {name} | {number:,} | {taken} | {gigabytes(megabytes * number / 1000)} |")
    return lines


def on_gpus(space: np.ndarray) -> list[str]:
    """What is assumed of a GPU, what a run takes by that, and many runs."""
    lines = [scaling_on_gpus.ASSUMED, "", *scaling_on_gpus.HEADS]
    seconds = {}
    for name in ON_GPUS:
        benchmark = CONFIG.benchmarks[name]
        cost = scaling_on_gpus.cost(*terms_of_time(name), benchmark.model.kind, benchmark.seeds_per_job)
        seconds[name] = cost.seconds
        lines.append(cost.row(name))
    return [*lines, "", *grid(seconds, space, "GPU")]


def page(old: str) -> str:
    """The page `old` with fresh tables between the two marks."""
    rows = measured()
    time, space = fitted(rows)
    update, work = time
    lines = [
        f"**Fitted:** a run takes {1000 * update:.2f} ms per update and {1000 * work:.0f} ms per 10⁹ multiply-adds "
        f"({2 / work:.0f} GFLOP/s), and writes {1000 * space[0]:.0f} kB and {1e6 * space[1]:.1f} bytes per value.",
        "",
        *compared(unseen(rows)),
        "",
        "**By it:**",
        "",
        *grid({name: terms_of_time(name) @ time for name in SHOWN}, space, "core"),
        "",
        *on_gpus(space),
    ]
    return between(PAGE, old, BEGIN, END, "\n".join(lines))


def main(arguments: list[str]) -> int:
    """Write the page, or with --check compare; the exit status."""
    return call(PAGE, page, "generate_scaling", __doc__, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
