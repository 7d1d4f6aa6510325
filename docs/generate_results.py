"""Write the section "What we find" of README.md from paper_figures/: tables, figures, verdicts and sentences, never typed.

python docs/generate_results.py           rewrites the section
python docs/generate_results.py --check   exits with 1 where it is out of date
"""

import sys
from pathlib import Path

import pandas as pd

from stability_gap import files
from stability_gap.presentation.comparison import sentences
from stability_gap.presentation.style import benchmark_label

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"


def facts(folder: Path) -> str:
    """One line on what the suite was made from."""
    manifest = files.read_json(folder / "MANIFEST.json")
    versions = ", ".join(f"{name} {manifest['versions'][name]}" for name in ("torch", "numpy", "scipy"))
    official = "official files" if all(each["official"] for each in manifest["streams"].values()) else "not the official files"
    diverged = f"{len(manifest['diverged'])} diverged" if manifest["diverged"] else "none diverged"
    return f"{manifest['runs']} runs, {diverged}; {official}; {', '.join(manifest['device'])}; {versions}."


def figures(folder: Path) -> str:
    """The trade-off and the curves of each benchmark."""
    place = folder.relative_to(ROOT).as_posix()
    benchmarks = files.read_json(folder / "MANIFEST.json")["config"]["benchmarks"]
    lines = [f"![Accuracy against stability gap, suite {folder.name}]({place}/figures/tradeoff.png)"]
    links = [f"[{benchmark_label(name)}]({place}/figures/curves_{name}.png)" for name in benchmarks]
    zooms = [f"[{benchmark_label(name)}]({place}/figures/zoom_{name}.png)" for name in benchmarks]
    return "\n".join([*lines, "", f"Curves: {', '.join(links)}. Zoom on the switches: {', '.join(zooms)}."])


def verdicts(folder: Path) -> str:
    """The claims as a table: one row per claim and reference task, one column per benchmark."""
    claims = files.read_csv(folder / "claims.csv")
    names = list(dict.fromkeys(claims["benchmark"]))
    rows = ["| claim | gap against | " + " | ".join(benchmark_label(name) for name in names) + " |"]
    rows.append("|---|---|" + "---|" * len(names))
    for (number, statement, reference), group in claims.fillna({"reference": ""}).groupby(["claim", "statement", "reference"]):
        found = dict(zip(group["benchmark"], group["verdict"], strict=True))
        rows.append(f"| {number}. {statement} | {reference} | " + " | ".join(found.get(name, "") for name in names) + " |")
    return "\n".join(
        [*rows, "", f"The evidence behind each verdict: [claims.csv]({folder.relative_to(ROOT).as_posix()}/claims.csv)."]
    )


def comparison(folder: Path) -> str:
    """Ours beside the published numbers, and one sentence per difference; empty where the paper has none of these benchmarks."""
    numbers = pd.read_csv(folder / "tables" / "paper_comparison.csv")
    if numbers.empty:
        return ""
    told = "\n".join(f"- {sentence}" for sentence in sentences(numbers))
    table = (folder / "tables" / "paper_comparison.md").read_text(encoding="utf-8").strip()
    return (
        f"Where our numbers differ from the published ones, in the paper's own table convention:\n\n{told}\n\n"
        f"<details><summary>All {len(numbers)} published numbers beside ours</summary>\n\n{table}\n\n</details>"
    )


def section() -> str:
    """The whole section, suite by suite."""
    parts = []
    for folder in sorted(path.parent for path in (ROOT / "paper_figures").glob("*/MANIFEST.json")):
        table1 = (folder / "tables" / "table1.md").read_text(encoding="utf-8").strip()
        parts += [f"### Suite {folder.name}", facts(folder), table1, figures(folder), verdicts(folder), comparison(folder)]
    return "\n\n".join(part for part in parts if part)


def main() -> None:
    """Rewrite or check README.md."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    fresh = f"{before}{BEGIN}\n\n{section()}\n\n{END}{after}"
    if "--check" in sys.argv[1:]:
        sys.exit("README.md is out of date: run python docs/generate_results.py" if fresh != text else 0)
    readme.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    main()
