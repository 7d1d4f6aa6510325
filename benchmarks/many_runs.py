"""What the analysis of many runs takes: time and memory of `metrics` and `statistics`. No part of the pipeline.

    python benchmarks/many_runs.py RUN [--runs 1000 4000] [--seeds-per-job 10]

RUN is a run folder, such as results/runs/split_digits/ngm_sgd/42-51. Its first seed is copied under other numbers, to four
optimizers, and measured by the commands of the workflow: user and system time of the process, and its largest memory.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from stability_gap import files

OPTIMIZERS = ("sgd", "msgd", "adam", "ngm_sgd")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("run", type=Path)
    options.add_argument("--runs", type=int, nargs="+", default=[1000, 4000])
    options.add_argument("--seeds-per-job", type=int, default=10)
    given = options.parse_args()
    print("| runs | folders | step | s | s per 1000 runs | MiB |\n|--:|--:|---|--:|--:|--:|")
    for number in given.runs:
        with tempfile.TemporaryDirectory() as scratch:
            folders = copies(given.run, Path(scratch), number, given.seeds_per_job)
            made = Path(scratch) / "metrics.parquet"
            tables = [f"--{name}={scratch}/{name}.csv" for name in ("statistics", "ranks", "claims")]
            steps = {
                "metrics": ["metrics", *folders, "-o", made],
                "statistics": ["statistics", made, "--incremental", "copied=class", *tables],
            }
            for name, arguments in steps.items():
                seconds, memory = measured(arguments)
                print(
                    f"| {number} | {len(folders)} | {name} | {seconds:.1f} | {1000 * seconds / number:.1f} | {memory:.0f} |",
                    flush=True,
                )


def copies(run: Path, folder: Path, number: int, size: int) -> list[Path]:
    """Write `number` runs, alike but for their names, in folders of `size` seeds."""
    facts = {**files.read_json(run / "run.json"), "benchmark": "copied"}
    tables = {name: files.read_parquet(run / f"{name}.parquet") for name in ("evaluations", "training")}
    first = {name: table[table["seed"] == table["seed"].min()] for name, table in tables.items()}
    made = []
    for start in range(0, number // len(OPTIMIZERS), size):
        seeds = range(start, min(start + size, number // len(OPTIMIZERS)))
        blocks = {
            name: pd.concat([table.assign(seed=pd.Series(seed, table.index, "int32")) for seed in seeds])
            for name, table in first.items()
        }
        for optimizer in OPTIMIZERS:
            place = folder / optimizer / str(start)
            for name, table in blocks.items():
                files.write_parquet(place / f"{name}.parquet", table)
            files.write_json(place / "run.json", {**facts, "optimizer": optimizer})
            made.append(place)
    return made


def measured(arguments: list) -> tuple[float, float]:
    """Run a command of stability-gap: user and system time in s, largest memory in MiB."""
    command = [sys.executable, "-m", "stability_gap.cli", "--quiet", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command[4]} failed")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


if __name__ == "__main__":
    main()
