"""One table, four files: CSV with the numbers; Markdown, LaTeX (booktabs) and HTML with the text."""

import html
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.io.formats.style import Styler

from stability_gap.files import write_csv, write_text

SUFFIXES = (".csv", ".md", ".tex", ".html")
PAGE_POINTS = 410.0
"""Width of both columns of LaTeX's own two-column article, the narrowest page that our tables must fit."""
PAGE_HEIGHT = 430.0
"""Points that such a page has for the rows of a table, beside caption, heading and notes; a longer one is cut into parts."""

_SIZES = {"footnotesize": 8.0, "scriptsize": 7.0, "tiny": 5.0}  # points
_LINES = {"footnotesize": 9.5, "scriptsize": 8.0, "tiny": 6.0}  # points from line to line
_RULE = 5.5  # points of a rule between groups
_TABCOLSEP = 2.5  # points at either side of a column
_CHARACTER = 0.5  # mean width of a character of Computer Modern, in font sizes
_LATEX = str.maketrans(  # LaTeX's own characters, and those that pdflatex cannot set as they stand
    {
        "\\": r"\textbackslash{}",
        **{character: f"\\{character}" for character in "&%$#_{}"},
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "±": r"$\pm$",
        "−": r"$-$",
        "<": r"$<$",
        ">": r"$>$",
        "–": "--",
        "†": r"\textsuperscript{\textdagger}",
        "‡": r"\textsuperscript{\textdaggerdbl}",
        "↑": r"$\uparrow$",
        "↓": r"$\downarrow$",
        "×": r"$\times$",
        "≤": r"$\leq$",
        "≥": r"$\geq$",
        "η": r"$\eta$",
        "γ": r"$\gamma$",
        "ρ": r"$\rho$",
    }
)
_MARKDOWN = str.maketrans({character: f"\\{character}" for character in "|_*`<"})
_CSS: list[Any] = [
    {"selector": "", "props": "border-collapse: collapse"},
    {"selector": "caption", "props": "text-align: left; font-weight: bold; padding: 4px 0"},
    {"selector": "th, td", "props": "padding: 2px 8px; text-align: right; vertical-align: bottom"},
    {"selector": "td", "props": "white-space: nowrap"},
    {"selector": "thead th", "props": "border-top: 2px solid; border-bottom: 1px solid"},
]


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table: `text`, whether it is `bold`, and `marks` behind it."""

    text: str
    bold: bool = False
    marks: str = ""


@dataclass(frozen=True)
class Table:
    """A table ready to be written.

    `header` has one text per column and the first `names` columns are left-aligned; `groups` are blocks of rows that a rule
    separates; `notes` stand below it; `numbers` is the same content for machines, one row per number.
    """

    name: str
    title: str
    header: list[str]
    groups: list[list[list[Cell]]]
    notes: list[str]
    numbers: pd.DataFrame
    names: int = 2


def number(value: float, digits: int, signed: bool = False) -> str:
    """Write `value` with `digits` decimals and a true minus sign; an undefined value is "–"."""
    if math.isnan(value):
        return "–"
    text = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    if not text.strip("+-0."):
        text = text.lstrip("+-")
    return text.replace("-", "−")


def spread(mean: float, sd: float, digits: int) -> str:
    """Write "mean ± sd"; the mean alone where there is no sd (one seed)."""
    return number(mean, digits) if math.isnan(sd) else f"{number(mean, digits)} ± {number(sd, digits)}"


def to_markdown(table: Table) -> str:
    """Write the table as Markdown: title, pipe table, notes. By hand, as pandas would need another package for it."""

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
    r"""Write the table as a LaTeX ``table*`` with booktabs rules, caption, label ``tab:{name}`` and notes, by pandas' Styler.

    It fits a page of two columns: the type is as small as its width needs, and what is longer than a page is cut into several
    ``table*`` with the notes below the last. The name of a group goes on in its next row from a comma on. Needs
    ``\usepackage{booktabs}``.
    """
    table = replace(table, groups=[_over_two_rows(group) for group in table.groups])
    size = _size(table)
    parts = _pages(table.groups, size)
    lines = ["% needs \\usepackage{booktabs}"]
    for number_, groups in enumerate(parts):
        title = table.title if len(parts) == 1 else f"{table.title.rstrip('.')} (part {number_ + 1} of {len(parts)})."
        label = f"tab:{table.name}" + (f"_{number_ + 1}" if number_ else "")
        lines += [r"\begin{table*}", rf"\centering\{size}\setlength{{\tabcolsep}}{{{_TABCOLSEP}pt}}"]
        lines += [rf"\caption{{{_escape(title)}}}", rf"\label{{{label}}}", _tabular(table, groups)]
        if number_ == len(parts) - 1 and table.notes:
            notes = " ".join(_escape(note) for note in table.notes)
            lines += ["", r"\smallskip", rf"\parbox{{\textwidth}}{{\{size} {notes}}}"]
        lines.append(r"\end{table*}")
    return "\n".join(lines) + "\n"


def to_html(table: Table) -> str:
    """Write the table as a page of HTML by itself, by pandas' Styler: title, table, notes. Reports take its body."""
    styler = _styler(table, table.groups, html.escape, lambda column: html.escape(table.header[column]))
    styler = styler.set_caption(html.escape(table.title)).set_table_styles(_CSS)
    left: list[Any] = [
        {"selector": f"td.col{column}, th.col{column}", "props": "text-align: left"} for column in range(table.names)
    ]
    firsts, row = [], 0
    for group in table.groups:
        firsts.append(row)
        row += len(group)
    rules: list[Any] = [
        {"selector": f"tbody tr:nth-child({first + 1}) td", "props": "border-top: 1px solid #999"} for first in firsts
    ]
    styler = styler.set_table_styles([*left, *rules], overwrite=False)
    notes = "".join(f"<p>{html.escape(note)}</p>\n" for note in table.notes)
    body = styler.to_html(table_uuid=table.name, doctype_html=True, sparse_index=False)
    body = body.replace("<body>", '<body style="font: 14px/1.4 system-ui, sans-serif">')
    return body.replace("</body>", f'<div style="max-width: 50em">\n{notes}</div>\n</body>')


def save_table(table: Table, folder: Path) -> list[Path]:
    """Write the table with each of `SUFFIXES` into `folder`; returns the paths. Errors: UserError from the writing."""
    csv, *others = paths = [Path(folder) / f"{table.name}{suffix}" for suffix in SUFFIXES]
    write_csv(csv, table.numbers)
    for path, write in zip(others, (to_markdown, to_latex, to_html), strict=True):
        write_text(path, write(table))
    return paths


def _lines(heading: str) -> list[str]:
    """Break a heading of a number at its first blank, as numbers are narrower than their names."""
    first, _, rest = heading.partition(" ")
    return [first, rest] if rest else [first]


def _latex_heading(table: Table, column: int) -> str:
    lines = [_escape(line) for line in _lines(table.header[column])]
    if column < table.names or len(lines) == 1:
        return _escape(table.header[column])
    return r"\shortstack[r]{" + r" \\ ".join(lines) + "}"


def _styler(table: Table, groups: list[list[list[Cell]]], escape: Callable[[str], str], heading: Callable[[Any], str]) -> Styler:
    """The texts of the groups as a Styler without index; bold cells are so."""
    rows = [row for group in groups for row in group]
    texts = [[escape(cell.text) + escape(cell.marks) for cell in row] for row in rows]
    bold = pd.DataFrame([[cell.bold for cell in row] for row in rows], columns=range(len(table.header)))
    frame = pd.DataFrame(texts, columns=range(len(table.header)), dtype=object)
    styler = Styler(frame, uuid_len=0, cell_ids=False).hide(axis="index")
    styler = styler.format_index(heading, axis="columns")
    return styler.apply(lambda _: bold.map(lambda is_bold: "font-weight: bold" if is_bold else ""), axis=None)


def _tabular(table: Table, groups: list[list[list[Cell]]]) -> str:
    kinds = "l" * table.names + "r" * (len(table.header) - table.names)
    text = _styler(table, groups, _escape, lambda column: _latex_heading(table, column)).to_latex(
        column_format=kinds, hrules=True, convert_css=True
    )
    lines = text.rstrip("\n").split("\n")
    start = lines.index(r"\midrule") + 1
    for group in groups[:-1]:  # Styler rules off index levels only, and ours is no index: a group may repeat its names
        start += len(group)
        lines.insert(start, r"\midrule")
        start += 1
    return "\n".join(lines)


def _over_two_rows(group: list[list[Cell]]) -> list[list[Cell]]:
    """Let a name with a comma that stands in the first row, above an empty cell, go on in the second."""
    head, comma, rest = group[0][0].text.partition(", ")
    if not comma or len(group) < 2 or group[1][0].text:
        return group
    first, second, *others = group
    return [[replace(first[0], text=f"{head},"), *first[1:]], [replace(second[0], text=rest), *second[1:]], *others]


def _escape(text: str) -> str:
    return text.translate(_LATEX)


def _pages(groups: list[list[list[Cell]]], size: str) -> list[list[list[list[Cell]]]]:
    """Distribute groups over pages; only a group that is longer than a page is cut itself."""
    points, most = _LINES[size], int((PAGE_HEIGHT - _RULE) / _LINES[size])
    short = [group[start : start + most] for group in groups for start in range(0, len(group), most)]
    pages: list[list[list[list[Cell]]]] = [[]]
    for group in short:
        rows = sum(map(len, pages[-1])) + len(group)
        if pages[-1] and rows * points + (len(pages[-1]) + 1) * _RULE > PAGE_HEIGHT:
            pages.append([])
        pages[-1].append(group)
    return pages


def _size(table: Table) -> str:
    """The largest type in which the table fits the page, by the longest text of each column; the smallest where none does."""
    rows = [row for group in table.groups for row in group]
    longest = [
        max(
            [
                *(len(line) for line in (_lines(title) if column >= table.names else [title])),
                *(len(row[column].text) * (1.1 if row[column].bold else 1) + 0.6 * len(row[column].marks) for row in rows),
            ]
        )
        for column, title in enumerate(table.header)
    ]
    for name, points in _SIZES.items():
        if sum(longest) * _CHARACTER * points + 2 * _TABCOLSEP * len(longest) <= PAGE_POINTS:
            return name
    return "tiny"
