"""Where does the wall time of the digits suite go? Runs it from nothing in a temporary folder.

python benchmarks/digits_suite.py [--cores 2]

Prints the floor (the bare oneDNN products of all runs, in float32, each shape timed alone, spread over the cores), the wall time
of `snakemake` and its ratio to that, the work of all jobs (what is left of a job's time without the start of its process and its
imports), and the share of the wall time that is neither: Snakemake itself, process starts, imports, and cores left idle.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from split_mnist import by_onednn, floor

from stability_gap import config
from stability_gap.tasks.stream_file import read

# What each command imports, as in cli/.
IMPORTS = {
    "data": "stability_gap.tasks.prepare",
    "streams": "stability_gap.tasks.prepare",
    "train": "stability_gap.experiment.run",
    "metrics": "stability_gap.analysis.measure, stability_gap.analysis.paper_convention, stability_gap.analysis.summary",
    "statistics": "stability_gap.analysis.claims, stability_gap.analysis.ranks",
    "tables": "stability_gap.presentation.tables, stability_gap.presentation.comparison",
    "agreement": "stability_gap.analysis.agreement",
    "figures": "stability_gap.presentation.figures.per_benchmark.curves, matplotlib.backends.backend_pdf",
}


def start_seconds(modules: str) -> float:
    """Median wall seconds of a process that imports `modules` and ends."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", f"import stability_gap.cli, {modules}"], check=True)
        times.append(time.perf_counter() - began)
    return sorted(times)[1]


def floor_seconds(results: Path) -> float:
    """Core seconds of the bare products of all runs of the suite, by the streams that lie in `results`."""
    torch.set_num_threads(1)
    chosen = config.load(Path("config.yaml"))
    suite, total = chosen.suites["digits"], 0.0
    for name in suite.benchmarks:
        stream, cell = read(results / "streams" / name), chosen.cell(name, "sgd")
        inputs = int(torch.tensor(stream.train_images.shape[1:]).prod())
        one = floor(by_onednn, cell, stream.test_sizes.tolist(), inputs, stream.classes, first_only=False)
        total += sum(one) * len(suite.optimizers) * len(suite.seeds)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    starts = {name: start_seconds(modules) for name, modules in IMPORTS.items()}
    print("process start and imports:", ", ".join(f"{name} {seconds:.1f} s" for name, seconds in starts.items()))
    with tempfile.TemporaryDirectory(dir=".") as folder:
        results = Path(folder).name
        began = time.perf_counter()
        command = ["snakemake", "--cores", str(options.cores), "--config", f"results={results}", "suite=digits"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wall = time.perf_counter() - began
        work = {}
        peak = 0.0
        for file in Path(results).rglob("*.tsv"):
            header, values = (line.split("\t") for line in file.read_text().splitlines())
            row = dict(zip(header, values, strict=True))
            kind = next((name for name in ("data", "streams", "train") if name in file.parts), file.stem)
            start = starts.get(kind, starts["figures"])
            work[kind] = work.get(kind, 0.0) + max(0.0, float(row["s"]) - start)
            peak = max(peak, 0.0 if row["max_rss"] in ("-", "NA") else float(row["max_rss"]))
        runs = [json.loads(file.read_text()) for file in Path(results).rglob("run.json")]
        least = floor_seconds(Path(results)) / options.cores
    inside = sum(run["wall_seconds"] for run in runs)
    print("work of jobs:", ", ".join(f"{name} {seconds:.1f} s" for name, seconds in sorted(work.items())))
    print(f"training inside its processes: {inside:.1f} s; largest memory of a job: {peak:.0f} MiB")
    share = 1 - sum(work.values()) / options.cores / wall
    print(f"floor {least:.1f} s of wall: bare oneDNN products on {options.cores} cores; wall {wall / least:.2f} × that")
    print(f"wall {wall:.1f} s on {options.cores} cores; neither training nor other work: {share:.0%} of it")


if __name__ == "__main__":
    main()
