"""One table, three files: CSV with the numbers, Markdown and LaTeX (booktabs) with the text."""

import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from stability_gap.files import write_csv, write_text

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "±": r"$\pm$",
    "−": r"$-$",
    "–": "--",
    "†": r"\textsuperscript{\textdagger}",
    "‡": r"\textsuperscript{\textdaggerdbl}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "×": r"$\times$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
}
_MARKDOWN = str.maketrans({character: f"\\{character}" for character in "|_*`<"})


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table: `text`, whether it is `bold`, and `marks` behind it."""

    text: str
    bold: bool = False
    marks: str = ""


@dataclass(frozen=True)
class Table:
    """A table ready to be written.

    `header` has one text per column and the first `names` columns are left-aligned; `groups` are blocks of rows that
    LaTeX separates by a rule; `notes` stand below it; `numbers` is the same content for machines, one row per number.
    """

    name: str
    title: str
    header: list[str]
    groups: list[list[list[Cell]]]
    notes: list[str]
    numbers: pd.DataFrame
    names: int = 2


def number(value: float, digits: int, signed: bool = False) -> str:
    """`value` with `digits` decimals and a true minus sign; an undefined value is "–"."""
    if math.isnan(value):
        return "–"
    text = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    if not text.strip("+-0."):
        text = text.lstrip("+-")
    return text.replace("-", "−")


def spread(mean: float, sd: float, digits: int) -> str:
    """ "mean ± sd"; the mean alone where there is no sd (one seed)."""
    return number(mean, digits) if math.isnan(sd) else f"{number(mean, digits)} ± {number(sd, digits)}"


def to_markdown(table: Table) -> str:
    """The table as Markdown: title, pipe table, notes."""

    def line(texts: list[str]) -> str:
        return "| " + " | ".join(texts) + " |"

    def show(cell: Cell) -> str:
        text = cell.text.translate(_MARKDOWN)
        return (f"**{text}**" if cell.bold else text) + cell.marks

    rule = ["---"] * table.names + ["---:"] * (len(table.header) - table.names)
    lines = [
        f"**{table.title.translate(_MARKDOWN)}**",
        "",
        line([text.translate(_MARKDOWN) for text in table.header]),
        line(rule),
    ]
    lines += [line([show(cell) for cell in row]) for group in table.groups for row in group]
    for note in table.notes:
        lines += ["", note.translate(_MARKDOWN)]
    return "\n".join(lines) + "\n"


def to_latex(table: Table) -> str:
    r"""The table as a LaTeX ``table*`` with booktabs rules, caption, label ``tab:{name}`` and notes; needs
    ``\usepackage{booktabs}``."""

    def escape(text: str) -> str:
        return "".join(_LATEX.get(character, character) for character in text)

    def show(cell: Cell) -> str:
        text = escape(cell.text)
        return (rf"\textbf{{{text}}}" if cell.bold else text) + escape(cell.marks)

    def line(texts: list[str]) -> str:
        return " & ".join(texts) + r" \\"

    lines = [
        "% needs \\usepackage{booktabs}",
        r"\begin{table*}",
        r"\centering\footnotesize\setlength{\tabcolsep}{4pt}",
        rf"\caption{{{escape(table.title)}}}",
        rf"\label{{tab:{table.name}}}",
        rf"\begin{{tabular}}{{{'l' * table.names}{'r' * (len(table.header) - table.names)}}}",
        r"\toprule",
        line([escape(text) for text in table.header]),
    ]
    for group in table.groups:
        lines += [r"\midrule", *(line([show(cell) for cell in row]) for row in group)]
    lines += [r"\bottomrule", r"\end{tabular}"]
    if table.notes:
        lines += ["", r"\smallskip", r"\parbox{\textwidth}{" + " ".join(escape(note) for note in table.notes) + "}"]
    return "\n".join([*lines, r"\end{table*}"]) + "\n"


def save_table(table: Table, folder: Path) -> list[Path]:
    """Write ``{name}.csv``, ``.md``, ``.tex`` into `folder`; returns the paths. Errors: UserError from the writing."""
    csv, md, tex = (Path(folder) / f"{table.name}{suffix}" for suffix in (".csv", ".md", ".tex"))
    write_csv(csv, table.numbers)
    write_text(md, to_markdown(table))
    write_text(tex, to_latex(table))
    return [csv, md, tex]
