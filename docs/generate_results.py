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
from stability_gap.analysis.metrics.registry import load
from stability_gap.presentation.comparison import sentences
from stability_gap.presentation.looks import Looks, looks_from
from stability_gap.presentation.report.verdicts import MARKS, verdict_grid

ROOT = Path(__file__).parent.parent
PUBLISHED = ROOT / "paper_figures"
README, RESULTS = ROOT / "README.md", ROOT / "docs" / "results.md"
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
FIRST = "mnist"
"""The suite that is shown first: that of the paper's data."""

HEAD = """# Results

Written by `python docs/generate_results.py` from [paper_figures/](../paper_figures). What the metrics are:
[protocol, section 5](protocol.md#5-metrics); how verdicts come about: [section 7](protocol.md#7-claims).
"""


def suites() -> list[Path]:
    """Find the published suites, `FIRST` first."""
    found = [path.parent for path in PUBLISHED.glob("*/MANIFEST.json")]
    return sorted(found, key=lambda folder: (folder.name != FIRST, folder.name))


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
    return f"{manifest['runs']} runs, {diverged}; {official}; {', '.join(manifest['device'])}; {versions}."


def figures(folder: Path) -> str:
    """The trade-off, and links to curves and zoom of each benchmark."""
    place = f"../paper_figures/{folder.name}/figures"
    shown = looks(folder)
    benchmarks = shown.benchmark_order(files.read_json(folder / "MANIFEST.json")["config"]["benchmarks"])
    links = [
        f"{title}: " + ", ".join(f"[{shown.benchmark(name)}]({place}/{kind}_{name}.png)" for name in benchmarks)
        for kind, title in (("curves", "Curves"), ("zoom", "Zoom on the switches"))
    ]
    lines = [f"![Accuracy against stability gap, suite {folder.name}]({place}/tradeoff.png)", "", ". ".join(links) + "."]
    if (folder / "report.html").is_file():
        lines += ["", f"All of it on one page, for a browser: [report.html](../paper_figures/{folder.name}/report.html)."]
    return "\n".join(lines)


def grid(folders: list[Path]) -> str:
    """The verdicts of several suites as one table: a row per claim and reading of the gap, a column per benchmark."""
    claims = pd.concat([files.read_csv(folder / "claims.csv") for folder in folders], ignore_index=True)
    names, rows = verdict_grid(claims, looks(*folders))
    lines = ["| Claim of the paper | " + " | ".join(names) + " |", "|---" + "|:-:" * len(names) + "|"]
    for row in rows:
        title = f"{row.title} ({row.reference})" if row.reference else row.title
        lines.append(f"| {row.claim}. {title} | " + " | ".join(cell.mark if cell else "–" for cell in row.cells) + " |")
    return "\n".join([*lines, "", ", ".join(f"{mark} {verdict}" for verdict, mark in MARKS.items()) + "."])


def evidence(folder: Path) -> str:
    """What each verdict rests on, one paragraph per claim, reading of the gap and benchmark."""
    labels = {name: metric.label for name, metric in load().items()}
    _, rows = verdict_grid(files.read_csv(folder / "claims.csv"), looks(folder, *suites()), labels)
    lines = ["<details><summary>The evidence behind each verdict</summary>"]
    for row in rows:
        lines += ["", f"**{row.claim}. {row.statement}**" + (f" ({row.reference})" if row.reference else ""), ""]
        lines += [f"- {cell.benchmark}: {cell.mark} {'; '.join(cell.evidence)}" for cell in row.cells if cell]
    return "\n".join([*lines, "", "</details>"])


def comparison(folder: Path) -> str:
    """Ours beside the published numbers, and one sentence per difference; empty where the paper has none of these benchmarks."""
    numbers = pd.read_csv(folder / "tables" / "paper_comparison.csv")
    if numbers.empty:
        return ""
    if "margin" not in numbers:  # published before agreement was judged by equivalence
        table = f"[the table as it was published](../paper_figures/{folder.name}/tables/paper_comparison.md)"
        return (
            f"Beside the published numbers: {table}, judged by an older and looser rule. The present one (an equivalence test at "
            "the paper's number of seeds: [protocol, section 6](protocol.md#6-statistics)) needs the curves, so it comes when "
            "the suite is next trained."
        )
    told = "\n".join(f"- {sentence}" for sentence in sentences(numbers, looks(folder)))
    table = (folder / "tables" / "paper_comparison.md").read_text(encoding="utf-8").strip()
    return (
        f"Where our numbers differ from the published ones, in the paper's own table convention:\n\n{told}\n\n"
        f"<details><summary>All {len(numbers)} published numbers beside ours</summary>\n\n{table}\n\n</details>"
    )


def results() -> str:
    """The page docs/results.md: the grid, then suite by suite."""
    parts = [HEAD.strip(), grid(suites())]
    for folder in suites():
        tables = [(folder / "tables" / f"{name}.md").read_text(encoding="utf-8").strip() for name in ("table1", "table2")]
        more = f"<details><summary>The gap at each switch</summary>\n\n{tables[1]}\n\n</details>"
        parts += [f"## Suite {folder.name}", facts(folder), tables[0], more, figures(folder)]
        parts += [evidence(folder), comparison(folder)]
    return "\n\n".join(part for part in parts if part) + "\n"


def readme(text: str) -> str:
    """README.md with a fresh grid between its marks."""
    return between(README, text, BEGIN, END, grid(suites()))


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
