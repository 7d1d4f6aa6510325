import math
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from stability_gap.presentation.formats import Cell, Table, number, save_table, spread, to_html, to_latex, to_markdown

PUBLISHED = sorted((Path(__file__).parents[2] / "paper_figures").glob("*/tables/*.tex"))


@pytest.fixture
def table() -> Table:
    rows = [[Cell("my_net"), Cell("0.10 ± 0.02", bold=True, marks="†")], [Cell("50 % & more"), Cell("−1")]]
    numbers = pd.DataFrame({"optimizer": ["my_net"], "mean": [0.1]})
    return Table("small", "A_title.", ["Name", "Gap ↓"], [rows[:1], rows[1:]], ["† p < 0.05."], numbers, names=1)


def test_markdown(table):
    assert to_markdown(table) == (
        "**A\\_title.**\n\n| Name | Gap ↓ |\n| --- | ---: |\n| my\\_net | **0.10 ± 0.02**† |\n| 50 % & more | −1 |\n\n"
        "† p \\< 0.05.\n"
    )


def test_latex(table):
    assert to_latex(table) == (
        "% needs \\usepackage{booktabs}\n"
        "\\begin{table*}\n"
        "\\centering\\footnotesize\\setlength{\\tabcolsep}{2.5pt}\n"
        "\\caption{A\\_title.}\n"
        "\\label{tab:small}\n"
        "\\begin{tabular}{lr}\n"
        "\\toprule\n"
        "Name & \\shortstack[r]{Gap \\\\ $\\downarrow$} \\\\\n"
        "\\midrule\n"
        "my\\_net & \\bfseries 0.10 $\\pm$ 0.02\\textsuperscript{\\textdagger} \\\\\n"
        "\\midrule\n"
        "50 \\% \\& more & $-$1 \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}\n"
        "\n"
        "\\smallskip\n"
        "\\parbox{\\textwidth}{\\footnotesize \\textsuperscript{\\textdagger} p $<$ 0.05.}\n"
        "\\end{table*}\n"
    )


def wide_and_long(rows: int, columns: int) -> Table:
    group = [[Cell(f"benchmark {row}"), *[Cell("0.123 ± 0.045", marks="†")] * columns] for row in range(rows)]
    groups = [group[start : start + 4] for start in range(0, rows, 4)]
    return Table("wide", "Wide", ["Benchmark", *["avg-SG previous ↓"] * columns], groups, ["A note."], pd.DataFrame(), names=1)


def test_latex_of_a_long_table_is_cut_between_groups_into_pages():
    text = to_latex(wide_and_long(100, 2))
    parts = text.split("\\begin{table*}")[1:]
    assert len(parts) == 3
    assert "(part 3 of 3)" in text
    assert [part.count("benchmark ") for part in parts] == [36, 36, 28]
    assert text.count("A note.") == 1
    assert text.count("\\label{tab:wide") == len(set(re.findall(r"label\{([^}]*)", text))) == 3


def typeset(tex: str, folder: Path) -> str:
    """Typeset a table on a page of two columns by pdflatex; its log. Fails where CI=true and there is no pdflatex."""
    if shutil.which("pdflatex") is None:
        text = "needs pdflatex: apt-get install texlive-latex-recommended"
        pytest.fail(text) if os.environ.get("CI") else pytest.skip(text)
    (folder / "table.tex").write_text(tex)
    document = "\\documentclass[twocolumn]{article}\\usepackage{booktabs}\\begin{document}\\input{table}\\end{document}"
    (folder / "paper.tex").write_text(document)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    log = (folder / "paper.log").read_text(errors="replace")
    assert done.returncode == 0, log
    return log


@pytest.mark.parametrize(("rows", "columns"), [(8, 3), (60, 4), (200, 6), (48, 8)])
def test_latex_compiles_and_fits_a_page_of_two_columns(tmp_path, rows, columns):
    log = typeset(to_latex(wide_and_long(rows, columns)), tmp_path)
    assert "Overfull" not in log
    assert "Float too large" not in log


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_published_tables_fit_a_page_of_two_columns(tmp_path, path):
    log = typeset(path.read_text(), tmp_path)
    assert "Overfull" not in log
    assert "Float too large" not in log


def test_a_table_too_large_for_a_page_is_noticed(tmp_path):
    """So that the tests above can fail."""
    wide = to_latex(wide_and_long(8, 8)).replace("\\scriptsize", "\\large").replace("\\tiny", "\\large")
    assert "Overfull" in typeset(wide, tmp_path)


def test_a_long_name_of_a_group_goes_on_in_its_next_row(table):
    rows = [[Cell("Digits, sparse"), Cell("1")], [Cell(""), Cell("2")], [Cell(""), Cell("3")]]
    tex = to_latex(replace(table, groups=[rows, [[Cell("Alone, here"), Cell("4")]]]))
    assert re.findall(r"^(.*?) & (\d)", tex, flags=re.MULTILINE) == [
        ("Digits,", "1"),
        ("sparse", "2"),
        ("", "3"),
        ("Alone, here", "4"),
    ]


def test_type_shrinks_with_the_width():
    order = ["footnotesize", "scriptsize", "tiny"]
    sizes = [re.search(r"centering\\(\w+)", to_latex(wide_and_long(4, columns)))[1] for columns in range(3, 10)]
    assert (sizes[0], sizes[-1]) == ("footnotesize", "tiny")
    assert sizes == sorted(sizes, key=order.index)


def test_html(table):
    text = to_html(table)
    assert re.findall(r"<th [^>]*>([^<]*)</th>", text) == ["Name", "Gap ↓"]
    assert re.findall(r"<td [^>]*>([^<]*)</td>", text) == ["my_net", "0.10 ± 0.02†", "50 % &amp; more", "−1"]
    assert "<p>† p &lt; 0.05.</p>" in text
    assert "font-weight: bold" in text
    assert "http" not in text.replace("http-equiv", "")
    assert text == to_html(table)


def test_save(table, tmp_path):
    csv, md, tex, html = save_table(table, tmp_path)
    assert csv.read_text() == "optimizer,mean\nmy_net,0.1\n"
    assert md.read_text() == to_markdown(table)
    assert tex.read_text() == to_latex(table)
    assert html.read_text() == to_html(table)
    assert sorted(tmp_path.iterdir()) == sorted([csv, md, tex, html])


@pytest.mark.parametrize(
    ("value", "signed", "text"),
    [
        (0.1249, False, "0.12"),
        (-0.5, False, "−0.50"),
        (-0.001, True, "0.00"),
        (0.5, True, "+0.50"),
        (math.nan, False, "–"),
    ],
)
def test_number(value, signed, text):
    assert number(value, 2, signed) == text


def test_spread_without_sd_is_the_mean():
    assert spread(0.5, math.nan, 1) == "0.5"
    assert spread(0.5, 0.25, 2) == "0.50 ± 0.25"
