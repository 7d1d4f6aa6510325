"""Write docs/reproducing.md: what each suite and each claim costs to reproduce, from the MANIFESTs in paper_figures/.

python docs/generate_costs.py           writes the page between its two marks
python docs/generate_costs.py --check   writes nothing, exits 1 where the page is out of date
"""

import sys
from pathlib import Path
from typing import Any

from generated_page import between, call

from stability_gap import config as configuration
from stability_gap import files
from stability_gap.analysis.claims import NOT_TESTED
from stability_gap.presentation.looks import Looks, looks_from

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reproducing.md"
PUBLISHED = ROOT / "paper_figures"
BEGIN, END = "<!-- Written by docs/generate_costs.py from here -->", "<!-- to here. -->"

# Claims about one optimizer alone; the others compare several.
ALONE = {5: "ngm_sgd", 6: "ngm_sgd"}
NOT_RECORDED = "not recorded"
MOST_ROWS = 12
"""Optimizers of a suite of which each has a row of its own."""

Cells = dict[str, dict[str, dict[str, float]]]  # benchmark -> optimizer -> what publication.costs_of_cells gives


def looks(name: str) -> Looks:
    """Names of a suite's benchmarks and optimizers, as config.yaml gives them."""
    config = configuration.resolve({**configuration.read(ROOT / "config.yaml"), "suite": name})
    return looks_from(config.looks(), config.chosen_suite.reference)


def command(suite: str, target: str = "", only: str | None = None) -> str:
    """The command that makes a suite, or one file of it, with all of its optimizers or with one."""
    chosen = f" 'suites={{{suite}: {{optimizers: [{only}]}}}}'" if only else ""
    return " ".join(filter(None, ["snakemake --cores all", target, f"--config suite={suite}{chosen}"]))


def took(cells: Cells, benchmarks: list[str], optimizers: list[str]) -> dict[str, float] | None:
    """Sum up runs, core-minutes and megabytes, and the largest memory; None where one of the cells does not tell."""
    members = [cells.get(benchmark, {}).get(optimizer) for benchmark in benchmarks for optimizer in optimizers]
    told = [each for each in members if each]
    if len(told) < len(members):
        return None
    return {
        "runs": sum(each["runs"] for each in told),
        "minutes": sum(each["seconds"] * max(each["threads"], 1) for each in told) / 60,
        "megabytes": sum(each["megabytes"] for each in told),
        "memory": max(each["peak_memory_mib"] for each in told),
    }


def number(value: float) -> str:
    """A cost with two digits: 0.53, 6.4, 88, 1,230."""
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.2g}"


def claims(folder: Path, cells: Cells, config: dict[str, Any]) -> list[str]:
    """One row per claim that the suite can test: what it trains, command, core-minutes, megabytes of runs."""
    judged = files.read_csv(folder / "claims.csv")
    judged = judged[judged["verdict"] != NOT_TESTED].drop_duplicates("claim")
    shown = looks(folder.name)
    rows = ["| claim | trains | command | core-minutes | MB of runs |", "|---|---|---|---|---|"]
    for row in judged.itertuples():
        only = ALONE.get(int(row.claim))
        optimizers = [only] if only else list(config["optimizers"])
        cost = took(cells, list(config["benchmarks"]), optimizers)
        trained = shown.optimizer(only) if only else "all optimizers"
        place = command(folder.name, f"results/{folder.name}/claims.csv", only)
        numbers = f"{number(cost['minutes'])} | {number(cost['megabytes'])}" if cost else f"{NOT_RECORDED} | {NOT_RECORDED}"
        rows.append(f"| {row.claim}. {row.statement} | {trained} | `{place}` | {numbers} |")
    return rows


def cells_table(name: str, cells: Cells, config: dict[str, Any]) -> list[str]:
    """One row per cell, or per benchmark where cells are many: seconds of a run, memory of its job, megabytes of a run."""
    shown = looks(name)
    if len(config["optimizers"]) > MOST_ROWS:
        return benchmarks_table(shown, cells, config)
    rows = [
        "| benchmark | optimizer | runs | seconds of a run | memory of a job, MiB | MB of a run |",
        "|---|---|---|---|---|---|",
    ]
    for benchmark in shown.benchmark_order(config["benchmarks"]):
        for optimizer in shown.optimizer_order(config["optimizers"]):
            cell = cells.get(benchmark, {}).get(optimizer)
            names = f"| {shown.benchmark(benchmark)} | {shown.optimizer(optimizer)} |"
            if cell is None:
                rows.append(f"{names} {' | '.join([NOT_RECORDED] * 4)} |")
            else:
                runs = int(cell["runs"])
                per_run = [number(cell[key] / runs) for key in ("seconds", "megabytes")]
                rows.append(f"{names} {runs} | {per_run[0]} | {number(cell['peak_memory_mib'])} | {per_run[1]} |")
    return rows


def benchmarks_table(shown: Looks, cells: Cells, config: dict[str, Any]) -> list[str]:
    """One row per benchmark, the mean over its optimizers."""
    rows = ["| benchmark | runs | seconds of a run | memory of a job, MiB | MB of a run |", "|---|---|---|---|---|"]
    for benchmark in shown.benchmark_order(config["benchmarks"]):
        cost = took(cells, [benchmark], list(cells.get(benchmark, {})))
        if cost is None or not cost["runs"]:
            rows.append(f"| {shown.benchmark(benchmark)} | {' | '.join([NOT_RECORDED] * 4)} |")
        else:
            per_run = [
                number(60 * cost["minutes"] / cost["runs"]),
                number(cost["memory"]),
                number(cost["megabytes"] / cost["runs"]),
            ]
            rows.append(f"| {shown.benchmark(benchmark)} | {int(cost['runs'])} | {' | '.join(per_run)} |")
    return rows


def suite(folder: Path) -> str:
    """The section of a published suite."""
    manifest = files.read_json(folder / "MANIFEST.json")
    config, costs = manifest["config"], manifest.get("costs", {})
    cells: Cells = costs.get("cells", {})
    whole = took(cells, list(config["benchmarks"]), list(config["optimizers"]))
    lines = [f"## Suite {folder.name}", "", "Everything, tables and figures too:", "", f"    {command(folder.name)}", ""]
    if whole is None:
        lines += [f"{manifest['runs']} runs; what they cost was {NOT_RECORDED} when this suite was published."]
    else:
        sizes = costs["megabytes"]
        disk = whole["megabytes"] + sum(sizes.values())
        machine = ", ".join([*manifest["device"], *costs["processor"]])
        lines += [
            f"{manifest['runs']} runs took {number(whole['minutes'])} core-minutes of training ({machine}), at most "
            f"{number(whole['memory'])} MiB of memory per job, and {number(disk)} MB on disk: "
            f"{number(whole['megabytes'])} of runs, "
            f"{number(sizes['streams'])} of streams, {number(sizes['data'])} of data, {number(sizes['suite'])} of the rest."
            + beside(folder, config)
        ]
    detail = ["", *cells_table(folder.name, cells, config)] if cells else []
    return "\n".join([*lines, "", *claims(folder, cells, config), *detail])


def beside(folder: Path, config: dict[str, Any]) -> str:
    """What the command computes beside the runs of the suite, which those numbers leave out: "" where that is nothing."""
    told = ""
    if (folder / "selection.csv").is_file():
        tried = int(files.read_csv(folder / "selection.csv")["n"].sum())
        told += f" Beside them the command trains the {tried} runs that settings are selected from."
    if "mechanism" in config.get("figures", ()):
        told += " Beside them the command replays the runs that it looks into."
    return told


def page(old: str) -> str:
    """The page `old` with fresh sections between the two marks. Errors: ValueError where a mark is missing."""
    folders = sorted(path.parent for path in PUBLISHED.glob("*/MANIFEST.json"))
    return between(PAGE, old, BEGIN, END, "\n\n".join(suite(folder) for folder in folders))


def main(arguments: list[str]) -> int:
    """Write the page, or with --check compare; the exit status."""
    return call(PAGE, page, "generate_costs", __doc__, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
