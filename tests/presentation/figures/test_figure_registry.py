"""One module is one kind of figure, found without importing it."""

import re
import sys
from pathlib import Path

import pytest
from synthetic_results import write_runs, write_tables

from stability_gap import cli
from stability_gap.errors import UserError
from stability_gap.presentation.figures import registry
from stability_gap.presentation.looks import Looks

MINE = '''"""My figure: how often everybody wins.

And a second paragraph.
"""

from matplotlib.figure import Figure

INPUTS = ("summary.csv",)


def draw_suite(tables, looks, terms):
    figure = Figure()
    figure.suptitle(f"{len(tables['summary.csv'])} rows, {terms.get('slope_margin')}")
    return figure
'''


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty folder in which snakemake is called."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def test_our_kinds_are_the_modules_of_the_two_folders():
    folder = Path(registry.__file__).parent
    for of in ("benchmark", "suite"):
        modules = {path.stem for path in (folder / f"per_{of}").glob("*.py")} - {"__init__"}
        assert {name for name, kind in registry.kinds().items() if kind.of == of} == modules != set()


def test_every_kind_of_ours_has_a_caption_of_its_own():
    for kind in registry.kinds().values():
        assert len(kind.about.split("\n\n")) > 1, kind


def test_one_file_is_one_figure(here, small, monkeypatch):
    (here / "wins_seen.py").write_text(MINE)
    kind = registry.kinds(["wins_seen"])["wins_seen"]
    assert (kind.of, kind.inputs) == ("suite", ("summary.csv",))
    assert kind.about == "My figure: how often everybody wins.\n\nAnd a second paragraph."
    assert "wins_seen" not in sys.modules
    write_tables(small, here)
    arguments = ["figure", "wins_seen", "metrics.parquet", "summary.csv", "--extension", "wins_seen", "-o", "out/wins"]
    cli.commands(arguments, standalone_mode=False)
    assert sorted(path.name for path in (here / "out").iterdir()) == ["wins.pdf", "wins.png", "wins.svg"]
    with pytest.raises(UserError, match=r"drawn from summary\.csv too"):
        registry.draw(kind, [here / "metrics.parquet"], Looks(), {})


def test_the_example_of_the_docs_is_drawn(here, small):
    page = (Path(__file__).parents[3] / "docs" / "adding.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n# docs/adding\.md: lost_and_won\.py\n(.*?)```", page, re.DOTALL)
    (here / "lost_and_won.py").write_text(code)
    (here / "claims.csv").write_text("claim\n1\n2\n")
    write_tables(small, here)
    kind = registry.named("lost_and_won", ["lost_and_won"])
    assert kind.about.startswith("Forgetting and final accuracy")
    made = registry.draw(kind, [here / "metrics.parquet", here / "claims.csv"], Looks(), {})
    assert made.axes[0].get_title() == "2 verdicts"


def test_a_figure_of_one_benchmark_gets_its_runs(here, small):
    (here / "mine_b.py").write_text(
        "from matplotlib.figure import Figure\n"
        "def draw_benchmark(runs, looks, terms):\n"
        "    assert set(runs.evaluations['optimizer']) == {'sgd', 'msgd', 'adam', 'ngm_sgd'}\n"
        "    return Figure()\n"
    )
    kind = registry.named("mine_b", ["mine_b"])
    assert kind.about == "Figure mine_b, drawn by mine_b."
    registry.draw(kind, write_runs(small, here / "results"), Looks(), {})


@pytest.mark.parametrize(
    ("name", "source", "words"),
    [
        ("absent_module", None, "no module 'absent_module'"),
        ("absent.module", None, "no module 'absent.module'"),
        ("bad_syntax", "def (", "cannot be read as Python"),
        ("neither", "x = 1", "must define draw_benchmark or draw_suite"),
        ("both", "def draw_suite(): ...\ndef draw_benchmark(): ...", "one of the two"),
        ("bad_inputs", "INPUTS = 3\ndef draw_suite(): ...", "INPUTS must list names of CSV files"),
        ("odd_inputs", "INPUTS = open('x')\ndef draw_suite(): ...", "INPUTS must list names of CSV files"),
        ("curves", "def draw_suite(): ...", "there is a figure 'curves' already"),
    ],
)
def test_bad_modules_are_told(here, name, source, words):
    if source is not None:
        (here / f"{name}.py").write_text(source)
    with pytest.raises(UserError, match=re.escape(words)):
        registry.kinds([name])


@pytest.mark.parametrize(
    ("name", "source", "words"),
    [
        ("no_import", "import nothing_like_this\ndef draw_suite(a, b, c): ...", "does not import: ModuleNotFoundError"),
        ("no_figure", "def draw_suite(a, b, c): return 3", "draw_suite returned int, no matplotlib Figure"),
        ("no_luck", "def draw_suite(a, b, c): return a['x']", "no_luck: draw_suite failed: KeyError: 'x'"),
    ],
)
def test_what_goes_wrong_in_a_module_is_told(here, small, name, source, words):
    (here / f"{name}.py").write_text(source)
    write_tables(small, here)
    with pytest.raises(UserError, match=re.escape(words)):
        registry.draw(registry.named(name, [name]), [here / "metrics.parquet"], Looks(), {})


def test_an_unknown_kind_names_the_known_ones():
    with pytest.raises(UserError, match=r"no figure 'curve'; known: controls, curves, frontier, gain_per_task, .*, zoom"):
        registry.named("curve")
