"""Synthetic results that look like real ones: dips after each switch, deep for MSGD and Adam, shallow for the rest."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stability_gap.analysis.measure import cell_metrics, gain_metrics
from stability_gap.analysis.runs import BenchmarkRuns
from stability_gap.analysis.statistics import compare
from stability_gap.analysis.summary import summarise
from stability_gap.files import write_csv, write_json, write_parquet

BENCHMARKS = {"rotated_mnist": 3, "split_mnist": 5}  # tasks
LENGTH = 200
SEEDS = range(42, 52)
#                 final accuracy, learning time, dip depth, recovery time
OPTIMIZERS = {
    "sgd": (0.872, 45.0, 0.06, 30.0),
    "msgd": (0.941, 9.0, 0.85, 9.0),
    "adam": (0.915, 7.0, 0.60, 12.0),
    "ngm_sgd": (0.946, 12.0, 0.14, 14.0),
}


LOOKS = {  # of the published suites
    "benchmarks": {"split_digits": {"label": "Split digits"}, "split_mnist": {"label": "Split MNIST"}},
    "optimizers": {
        "sgd": {"label": "SGD", "colour": "#009E73", "marker": "s"},
        "msgd": {"label": "MSGD", "colour": "#0072B2", "marker": "^"},
        "adam": {"label": "Adam", "colour": "#CC79A7", "marker": "D"},
        "ngm_sgd": {"label": "NGM-SGD", "colour": "#D55E00", "marker": "o"},
    },
}


def one_run(optimizer: str, seed: int, tasks: int, length: int = LENGTH) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Evaluations and training table of one seed."""
    final, learning, depth, recovery = OPTIMIZERS[optimizer]
    rng = np.random.default_rng([seed, list(OPTIMIZERS).index(optimizer)])
    time = np.arange(1, tasks * length + 1)
    context = (time - 1) // length + 1
    since = time - (context - 1) * length
    parts = []
    for task in range(1, tasks + 1):
        seen = context >= task
        age = time[seen] - (task - 1) * length
        top = final + 0.04 * rng.normal() * 0.3
        dip = np.clip(depth * (1.6 / context[seen]) * rng.uniform(0.7, 1.2, tasks + 1)[context[seen]], 0, 1)
        s = since[seen]
        shape = np.where(context[seen] > task, (1 - np.exp(-s / 3)) * np.exp(-s / recovery) * 1.7, 0.0)
        accuracy = top * (1 - np.exp(-age / learning)) * (1 - np.clip(dip * shape, 0, 1))
        accuracy = np.clip(accuracy + rng.normal(0, 0.006, len(age)), 0, 1)
        loss = np.maximum(0.02, -np.log(np.clip(accuracy, 0.05, 0.99)) * rng.lognormal(0, 0.1, len(age)))
        parts.append({"iteration": time[seen], "context": context[seen], "task": task, "accuracy": accuracy, "loss": loss})
    evaluations = pd.concat([pd.DataFrame(part) for part in parts]).sort_values(["iteration", "task"])
    gain = np.ones(len(time))
    if optimizer == "ngm_sgd":
        level = 1.5 + (0.16 if tasks == 5 else 0.01) * context + rng.normal(0, 0.05)
        gain = level + 2.2 * (1 - np.exp(-since / 5)) * np.exp(-since / 25) + rng.normal(0, 0.03, len(time))
    training = pd.DataFrame(
        {"iteration": time, "context": context, "loss": 1.0, "accuracy": 0.9, "entropy": 0.2, "learning_rate": 0.01}
    )
    for layer in ("hidden1", "hidden2", "output"):
        training[f"gain_{layer}"] = gain
    training["update_norm"] = 0.1
    return evaluations.assign(seed=seed), training.assign(seed=seed)


@dataclass
class Suite:
    """All tables of a suite. `evaluations` and `training` have the column `optimizer`, per benchmark."""

    evaluations: dict[str, pd.DataFrame]
    training: dict[str, pd.DataFrame]
    metrics: pd.DataFrame
    summary: pd.DataFrame
    statistics: pd.DataFrame

    def runs(self, benchmark: str) -> BenchmarkRuns:
        """What figures of one benchmark are drawn from."""
        return BenchmarkRuns(benchmark, 10, self.evaluations[benchmark], self.training[benchmark])


def make_suite(benchmarks: dict[str, int] = BENCHMARKS, seeds: range = SEEDS, length: int = LENGTH) -> Suite:
    """Results of all optimizers on `benchmarks` (id: tasks)."""
    evaluations, training, tables = {}, {}, []
    for benchmark, tasks in benchmarks.items():
        runs = {(name, seed): one_run(name, seed, tasks, length) for name in OPTIMIZERS for seed in seeds}
        evaluations[benchmark] = pd.concat([run[0].assign(optimizer=name) for (name, _), run in runs.items()], ignore_index=True)
        training[benchmark] = pd.concat([run[1].assign(optimizer=name) for (name, _), run in runs.items()], ignore_index=True)
        for name in OPTIMIZERS:
            cell = evaluations[benchmark].query("optimizer == @name"), training[benchmark].query("optimizer == @name")
            tables += [
                table.assign(benchmark=benchmark, optimizer=name) for table in (cell_metrics(cell[0]), gain_metrics(cell[1]))
            ]
    metrics = pd.concat(tables, ignore_index=True)
    return Suite(evaluations, training, metrics, summarise(metrics), compare(metrics, resamples=50))


def write_runs(suite: Suite, results: Path, classes: int = 10) -> list[Path]:
    """Run folders as in docs/data-contracts.md, one per benchmark and optimizer."""
    folders = []
    for benchmark, evaluations in suite.evaluations.items():
        for optimizer in OPTIMIZERS:
            folder = results / "runs" / benchmark / optimizer / "all"
            tables = {"evaluations": evaluations, "training": suite.training[benchmark]}
            for name, table in tables.items():
                write_parquet(folder / f"{name}.parquet", table[table["optimizer"] == optimizer].drop(columns="optimizer"))
            write_json(folder / "run.json", {"benchmark": benchmark, "optimizer": optimizer, "classes": classes})
            folders.append(folder)
    return folders


def write_tables(suite: Suite, folder: Path) -> None:
    """metrics.parquet, summary.csv and statistics.csv of a suite."""
    write_parquet(folder / "metrics.parquet", suite.metrics)
    write_csv(folder / "summary.csv", suite.summary)
    write_csv(folder / "statistics.csv", suite.statistics)
