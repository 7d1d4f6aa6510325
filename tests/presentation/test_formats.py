import math

import pandas as pd
import pytest

from stability_gap.presentation.formats import Cell, Table, number, save_table, spread, to_latex, to_markdown


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
        "\\centering\\footnotesize\\setlength{\\tabcolsep}{4pt}\n"
        "\\caption{A\\_title.}\n"
        "\\label{tab:small}\n"
        "\\begin{tabular}{lr}\n"
        "\\toprule\n"
        "Name & Gap $\\downarrow$ \\\\\n"
        "\\midrule\n"
        "my\\_net & \\textbf{0.10 $\\pm$ 0.02}\\textsuperscript{\\textdagger} \\\\\n"
        "\\midrule\n"
        "50 \\% \\& more & $-$1 \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}\n"
        "\n"
        "\\smallskip\n"
        "\\parbox{\\textwidth}{\\textsuperscript{\\textdagger} p $<$ 0.05.}\n"
        "\\end{table*}\n"
    )


def test_save(table, tmp_path):
    csv, md, tex = save_table(table, tmp_path)
    assert csv.read_text() == "optimizer,mean\nmy_net,0.1\n"
    assert md.read_text() == to_markdown(table)
    assert tex.read_text() == to_latex(table)
    assert sorted(tmp_path.iterdir()) == [csv, md, tex]


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
