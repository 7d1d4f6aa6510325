"""Write what the published suites say, never typed: the grid of verdicts in README.md, and all of docs/results.md.

python docs/generate_results.py           rewrites both from paper_figures/
python docs/generate_results.py --check   exits with 1 where one is out of date
"""

import sys
from pathlib import Path

import pandas as pd
from generated_page import between

from stability_gap import config as configuration
from stability_gap import files
from stability_gap.analysis.claims import NOT_TESTED
from stability_gap.analysis.metrics.registry import load
from stability_gap.presentation.comparison import sentences
from stability_gap.presentation.figures.registry import kinds
from stability_gap.presentation.formats import to_markdown
from stability_gap.presentation.looks import Looks, looks_from
from stability_gap.presentation.report.verdicts import MARKS, verdict_grid
from stability_gap.presentation.tables import metric_table

ROOT = Path(__file__).parent.parent
PUBLISHED = ROOT / "paper_figures"
README, RESULTS = ROOT / "README.md", ROOT / "docs" / "results.md"
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
MAIN = ("mnist", "cifar_cpu", "digits")
"""The suites that reproduce the paper, on its data first; their benchmarks are the columns of the grid in README.md."""
FAIR = ("frontier", "frontier_mnist")
"""The suites that compare optimizers at equal accuracy: before any single-rate table."""
CONTROLS = ("controls", "tuning", "stress", "mechanism")
"""The suites that ask whether the gain is the cause, in the order of docs/findings.md."""
MOST_ROWS = 12
"""Optimizers of a suite whose tables are shown unfolded."""

HEAD = """# Results

Written by `python docs/generate_results.py` from [paper_figures/](../paper_figures). What the metrics are:
[protocol, section 5](protocol.md#5-metrics); how verdicts come about: [section 7](protocol.md#7-claims). Where no suite
with all evaluations tests a claim, its mark is that of the same benchmark with "sparse evaluation": trained alike, evaluated
less often, split MNIST on 500 images of each task.
"""


def suites() -> list[Path]:
    """Find the published suites: `FAIR`, `MAIN`, `CONTROLS`, then the others by name."""
    order = [*FAIR, *MAIN, *CONTROLS]
    found = [path.parent for path in PUBLISHED.glob("*/MANIFEST.json")]
    return sorted(found, key=lambda folder: (order.index(folder.name) if folder.name in order else len(order), folder.name))


def main_suites() -> list[Path]:
    """The published suites that reproduce the paper."""
    return [folder for folder in suites() if folder.name in MAIN]


def looks(*folders: Path) -> Looks:
    """Names and order in published suites, as config.yaml gives them."""
    values = configuration.read(ROOT / "config.yaml")
    chosen = [configuration.resolve({**values, "suite": folder.name}) for folder in folders]
    joined: dict[str, dict[str, object]] = {}
    for config in chosen:
        for section, entries in config.looks().items():
            joined[section] = {**joined.get(section, {}), **entries}
    return looks_from(joined, chosen[0].chosen_suite.reference)


def facts(folder: Path) -> str:
    """One line on what the suite was made from."""
    manifest = files.read_json(folder / "MANIFEST.json")
    versions = ", ".join(f"{name} {manifest['versions'][name]}" for name in ("torch", "numpy", "scipy"))
    official = "official files" if all(each["official"] for each in manifest["streams"].values()) else "not the official files"
    diverged = f"{len(manifest['diverged'])} diverged" if manifest["diverged"] else "none diverged"
    told = f"{manifest['runs']} runs, {diverged}; {official}; {', '.join(manifest['device'])}; {versions}."
    blocks = manifest["config"]["optimizers"]
    if any(name.endswith("_tuned_final") and "selected_by" not in block for name, block in blocks.items()):
        told += (
            " Its report and MANIFEST show tuned optimizers with the settings of their base, a mistake since corrected; "
            f"[selection.csv](../paper_figures/{folder.name}/selection.csv) has those that were trained."
        )
    if "redrawn" in manifest:
        told += f" Since its publication, {manifest['redrawn']}."
    return told


def figures(folder: Path) -> str:
    """The figures of the whole suite, and links to those of each benchmark."""
    place = f"../paper_figures/{folder.name}/figures"
    shown, there = looks(folder), {path.stem for path in (folder / "figures").glob("*.png")}
    benchmarks = shown.benchmark_order(files.read_json(folder / "MANIFEST.json")["config"]["benchmarks"])
    of_benchmark = {"curves": "Curves", "zoom": "Zoom on the switches"}
    links = [
        f"{title}: " + ", ".join(f"[{shown.benchmark(name)}]({place}/{kind}_{name}.png)" for name in benchmarks)
        for kind, title in of_benchmark.items()
        if f"{kind}_{benchmarks[0]}" in there
    ]
    single = {f"{kind}_{name}" for kind in of_benchmark for name in benchmarks} | {"gain_per_task"}
    lines = []
    for name in sorted(there - single):
        title, _, caption = kinds()[name].about.partition("\n\n")
        lines += [f"![{title.rstrip('.')}; suite {folder.name}]({place}/{name}.png)", "", " ".join(caption.split()), ""]
    lines += [". ".join(links) + "."] if links else []
    if (folder / "report.html").is_file():
        lines += ["", f"All of it on one page, for a browser: [report.html](../paper_figures/{folder.name}/report.html)."]
    return "\n".join(lines)


def evaluated_alike() -> dict[str, str]:
    """Benchmark -> that of `MAIN` from which it differs in when it is evaluated, and on how many images, alone."""
    shown = ("label", "colour", "marker", "evaluation", "seeds_per_job")
    benchmarks = configuration.load(ROOT / "config.yaml").benchmarks
    trained = {name: block.model_dump(exclude=set(shown)) for name, block in benchmarks.items()}
    main = [name for folder in main_suites() for name in files.read_json(folder / "MANIFEST.json")["config"]["benchmarks"]]
    return {name: base for base in main for name, block in trained.items() if block == trained[base]}


def best_verdicts() -> pd.DataFrame:
    """The claims of all suites on the benchmarks of `MAIN`: of each verdict the first suite that could test it."""
    order = sorted(suites(), key=lambda folder: folder.name not in MAIN)  # those with all evaluations first
    claims = pd.concat([files.read_csv(folder / "claims.csv") for folder in order], ignore_index=True)
    claims = claims.assign(benchmark=claims["benchmark"].map(evaluated_alike())).dropna(subset="benchmark")
    tested_first = claims.assign(untested=claims["verdict"] == NOT_TESTED).sort_values("untested", kind="stable")
    best = tested_first.drop_duplicates(["claim", "benchmark", "reference", "optimizer"])
    tested = best.groupby("claim")["untested"].transform(lambda untested: not untested.all())
    return best[tested].drop(columns="untested").sort_values(["claim", "benchmark", "reference", "optimizer"], ignore_index=True)


def grid(claims: pd.DataFrame, *folders: Path) -> str:
    """Verdicts as a table: a row per claim and reading of the gap, a column per benchmark. `folders`: for names and order."""
    names, rows = verdict_grid(claims, looks(*folders))
    lines = ["| Claim of the paper | " + " | ".join(names) + " |", "|---" + "|:-:" * len(names) + "|"]
    for row in rows:
        title = f"{row.title} ({row.reference})" if row.reference else row.title
        lines.append(f"| {row.claim}. {title} | " + " | ".join(cell.mark if cell else "–" for cell in row.cells) + " |")
    return "\n".join([*lines, "", ", ".join(f"{mark} {verdict}" for verdict, mark in MARKS.items()) + "."])


def short_grid(claims: pd.DataFrame, *folders: Path) -> str:
    """The same with one row per claim: the mark that all its verdicts on a benchmark have, else how many have which."""
    names, rows = verdict_grid(claims, looks(*folders))
    titles, marks = {row.claim: row.title for row in rows}, dict[tuple[int, str], list[str]]()
    for row in rows:
        for cell in filter(None, row.cells):
            marks.setdefault((row.claim, cell.benchmark), []).append(cell.mark)
    lines = ["| Claim | " + " | ".join(names) + " |", "|---" + "|:-:" * len(names) + "|"]
    for claim, title in titles.items():
        lines.append(f"| {claim}. {title} | " + " | ".join(_counted(marks.get((claim, name), ["–"])) for name in names) + " |")
    return "\n".join([*lines, "", ", ".join(f"{mark} {verdict}" for verdict, mark in MARKS.items()) + "."])


def _counted(marks: list[str]) -> str:
    """One mark where all that could be tested are the same, else each with its number: "✓ 3 ✗ 1"."""
    marks = [mark for mark in marks if mark != MARKS[NOT_TESTED]] or [MARKS[NOT_TESTED]]
    kinds_of = [mark for mark in MARKS.values() if mark in marks]
    return kinds_of[0] if len(kinds_of) == 1 else " ".join(f"{mark}\u202f{marks.count(mark)}" for mark in kinds_of)


def evidence(folder: Path) -> str:
    """What each verdict rests on, one paragraph per claim, reading of the gap and benchmark."""
    labels = {name: metric.label for name, metric in load().items()}
    _, rows = verdict_grid(files.read_csv(folder / "claims.csv"), looks(folder, *suites()), labels)
    lines = ["<details><summary>The evidence behind each verdict</summary>"]
    for row in rows:
        if all(cell is None or cell.verdict == NOT_TESTED for cell in row.cells):
            continue
        lines += ["", f"**{row.claim}. {row.statement}**" + (f" ({row.reference})" if row.reference else ""), ""]
        lines += [f"- {cell.benchmark}: {cell.mark} {'; '.join(cell.evidence)}" for cell in row.cells if cell]
    return "\n".join([*lines, "", "</details>"])


def comparison(folder: Path) -> str:
    """Ours beside the published numbers, and one sentence per difference; empty where the paper has none of these benchmarks."""
    numbers = pd.read_csv(folder / "tables" / "paper_comparison.csv")
    if numbers.empty:
        return ""
    told = "\n".join(f"- {sentence}" for sentence in sentences(numbers, looks(folder)))
    table = (folder / "tables" / "paper_comparison.md").read_text(encoding="utf-8").strip()
    return (
        f"Where our numbers differ from the published ones, in the paper's own table convention:\n\n{told}\n\n"
        f"<details><summary>All {len(numbers)} published numbers beside ours</summary>\n\n{table}\n\n</details>"
    )


def folded(summary: str, content: str) -> str:
    """Content that a reader opens."""
    return f"<details><summary>{summary}</summary>\n\n{content}\n\n</details>"


def tables(folder: Path) -> list[str]:
    """Table 1, folded where it is long, and the gap at each switch, linked where that would be too long; parts of the gap."""
    few = len(files.read_json(folder / "MANIFEST.json")["config"]["optimizers"]) <= MOST_ROWS
    whole, switches = ((folder / "tables" / f"{name}.md").read_text(encoding="utf-8").strip() for name in ("table1", "table2"))
    parts = parts_of_gap(folder)
    if few:
        return [whole, folded("The gap at each switch", switches), parts]
    return [
        f"[The gap at each switch](../paper_figures/{folder.name}/tables/table2.md).",
        folded("Accuracy and gap", whole),
        parts,
    ]


def parts_of_gap(folder: Path) -> str:
    """Table 3 of the configuration, from the published numbers; empty where the suite was published before there were any."""
    table = configuration.load(ROOT / "config.yaml").tables["table3"]
    summary, statistics = (files.read_csv(folder / f"{name}.csv") for name in ("summary", "statistics"))
    if not set(table.metrics) <= set(summary["metric"]):
        return ""
    return folded(
        table.title, to_markdown(metric_table("table3", table.title, table.metrics, load(), summary, statistics, looks(folder)))
    )


def equal_accuracy(folder: Path) -> str:
    """The gap of every rival at the reference's accuracy (claim 14), where the suite follows optimizers over their rates."""
    if not (folder / "frontier_gap.csv").is_file():
        return ""
    names, gaps = looks(folder), files.read_csv(folder / "frontier_gap.csv")
    lines = [
        "**The gap at equal accuracy**: at the final accuracy of NGM-SGD at the paper's rate, over the rates of each rival; "
        "[ ]: 95 % bootstrap intervals ([protocol, section 12](protocol.md#12-the-frontier)).",
        "",
        "| Benchmark | Gap of | at accuracy (%) | NGM-SGD | Rival | its gap | difference | reached in | beyond in |",
        "|---|---|---:|---:|---|---:|---:|---:|---:|",
    ]
    readings = {"first": "task 1", "previous": "the task before"}
    for benchmark in names.benchmark_order(gaps["benchmark"]):
        for reference, reading in readings.items():
            here = gaps[(gaps["benchmark"] == benchmark) & (gaps["reference"] == reference)].set_index("optimizer")
            for optimizer in names.optimizer_order(here.index):
                row = here.loc[optimizer]
                gap, difference = (_with_interval(row, name) for name in ("gap", "difference"))
                lines.append(
                    f"| {names.benchmark(benchmark)} | {reading} | {100 * row['accuracy']:.1f} | {row['gap_reference']:.3f} | "
                    f"{names.optimizer(optimizer)} | {gap} | {difference} | {row['reached']:.0%} | {row['beyond']:.0%} |"
                )
    lines += [
        "",
        "Reached: samples in which the rival's curve reaches the accuracy; beyond: in which its smallest rate does so already.",
    ]
    return "\n".join(lines)


def _with_interval(row: pd.Series, name: str) -> str:
    if pd.isna(row[name]):
        return "not reached"
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{row[name]:.3f} [{low:.3f}, {high:.3f}]".replace("-", "−")


def results() -> str:
    """The page docs/results.md: the grid, then suite by suite."""
    parts = [HEAD.strip(), grid(best_verdicts(), *main_suites())]
    for folder in suites():
        parts += [
            f"## Suite {folder.name}",
            facts(folder),
            equal_accuracy(folder),
            *tables(folder),
            figures(folder),
            evidence(folder),
            comparison(folder),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def readme(text: str) -> str:
    """README.md with a fresh grid between its marks."""
    return between(README, text, BEGIN, END, short_grid(best_verdicts(), *main_suites()))


def main(arguments: list[str]) -> None:
    """Rewrite or check README.md and docs/results.md."""
    fresh = {README: readme(README.read_text(encoding="utf-8")), RESULTS: results()}
    if "--check" in arguments:
        old = [path.name for path, text in fresh.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
        sys.exit(f"{' and '.join(old)} out of date: run python docs/generate_results.py" if old else 0)
    for path, text in fresh.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
