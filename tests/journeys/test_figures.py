"""A researcher wants the figures of her curves in a paper, under her own names and colours.

By hand: two files of curves, a configuration with their looks, then

    stability-gap compare plain.csv gain.csv --context-length 40 --config looks.yaml --reference gain -o out

and put out/figures/*.pdf into the paper; or draw them in Python and change what you like.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from stability_gap import draw_zoom
from stability_gap.cli import commands

CONFIG = Path(__file__).parents[2] / "config.yaml"
LOOKS = {
    "plain": {"label": "Ours, without", "colour": "#0072B2", "like": "sgd"},
    "gain": {"label": "Ours, with gain", "colour": "#D55E00", "like": "sgd"},
}
COLUMN, PAGE = 246, 510  # points: what journals of two columns have


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two curves of eight seeds over two tasks, and a configuration with their looks."""
    made = tmp_path_factory.mktemp("figures")
    random, updates = np.random.default_rng(0), np.arange(1, 81)
    for name, depth in (("plain", 0.6), ("gain", 0.1)):
        tables = []
        for seed in range(8):
            first = 0.9 - depth * np.exp(-((updates - 46) ** 2) / 8) + random.normal(0, 0.01, 80)
            second = np.where(updates > 40, 0.8 + random.normal(0, 0.01, 80), np.nan)
            tables.append(pd.DataFrame({"seed": seed, "iteration": updates, "acc_task1": first, "acc_task2": second}))
        pd.concat(tables).to_csv(made / f"{name}.csv", index=False)
    values = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    values["optimizers"] |= LOOKS
    values["suites"]["mine"] = {"like": "digits", "optimizers": list(LOOKS)}
    (made / "looks.yaml").write_text(yaml.safe_dump(values | {"suite": "mine"}), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def drawn(folder) -> Path:
    """What the command makes."""
    out = folder / "out"
    arguments = [folder / "plain.csv", folder / "gain.csv", "--context-length", 40, "--config", folder / "looks.yaml", "-o", out]
    done = CliRunner().invoke(commands, ["compare", *map(str, arguments), "--reference", "gain"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return out


def test_every_figure_is_there_for_paper_page_and_screen(drawn):
    stems = {path.stem for path in (drawn / "figures").iterdir()}
    assert {stem.split("_")[0] for stem in stems} == {"curves", "zoom", "tradeoff"}
    assert {path.suffix for path in (drawn / "figures").iterdir()} == {".svg", ".pdf", ".png"}


def test_they_have_the_width_of_a_column_or_a_page(drawn):
    contents = [path.read_bytes() for path in (drawn / "figures").glob("*.pdf")]
    widths = [float(re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", content)[1]) for content in contents]
    assert max(widths) <= PAGE
    assert min(widths) <= COLUMN
    assert not any(b"/Subtype /Image" in content for content in contents)  # all lines, no pixels


def test_names_and_colours_are_her_own(drawn):
    assert "Ours, with gain" in (drawn / "tables" / "table1.md").read_text(encoding="utf-8")
    picture = next((drawn / "figures").glob("zoom_*.svg")).read_text(encoding="utf-8").lower()
    assert all(look["colour"].lower() in picture for look in LOOKS.values())


def test_in_python_a_figure_is_matplotlibs_to_change(folder):
    figure = draw_zoom({name: folder / f"{name}.csv" for name in LOOKS}, context_length=40, reference="gain")
    figure.axes[0].set_title("my title")
    figure.set_size_inches(3.4, 2.4)
    figure.savefig(folder / "mine.pdf")
    assert (folder / "mine.pdf").read_bytes().startswith(b"%PDF-")
