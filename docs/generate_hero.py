"""Draw the figure at the top of README.md: accuracy on task 1 of split MNIST around the switch to task 2, annotated.

python docs/generate_hero.py          draws docs/hero/light.svg and dark.svg from docs/hero/split_mnist.csv
python docs/generate_hero.py RUNS     first takes that table from the runs below RUNS (results/runs/split_mnist)
"""

import io
import sys
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stability_gap import config as configuration
from stability_gap.analysis.runs import read_runs
from stability_gap.files import read_csv, write_atomically, write_csv
from stability_gap.presentation import style
from stability_gap.presentation.looks import Look, looks_from

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "hero"
TABLE = FOLDER / "split_mnist.csv"
"""One row per optimizer and update since the switch, one column per seed: accuracy on task 1, a fraction."""
BEFORE, AFTER = 10, 40
SUITE = "mnist"


class Theme(NamedTuple):
    """Ink, background, and how far the colours of lines are mixed with white."""

    ink: str
    quiet: str
    paper: str
    lighter: float


THEMES = {
    "light": Theme(style.INK, style.QUIET, "#ffffff", 0.0),
    "dark": Theme("#e6edf3", "#9aa4ae", "#0d1117", 0.35),
}


def thinned(runs: Path) -> pd.DataFrame:
    """Take the window around the first switch from run folders: columns `optimizer, since`, then one per seed."""
    tables = []
    for run in read_runs(sorted(path.parent for path in runs.glob("*/*/run.json"))):
        table = run.evaluations[run.evaluations["task"] == 1]
        switch = table.loc[table["context"] == 1, "iteration"].max()
        table = table.assign(optimizer=run.facts.optimizer, since=table["iteration"] - switch)
        tables.append(table[table["since"].between(-BEFORE, AFTER)])
    wide = pd.concat(tables).pivot(index=["optimizer", "since"], columns="seed", values="accuracy")  # noqa: PD010 (it averages)
    return wide.astype(float).round(5).reset_index()


def lowest(curves: pd.DataFrame) -> dict[str, float]:
    """Find the lowest accuracy of any seed after the switch, in percent, for each optimizer."""
    after = curves[curves["since"] > 0].set_index("optimizer").drop(columns="since")
    return (100 * after.min(axis=1).groupby(level=0).min()).to_dict()


def draw(curves: pd.DataFrame, theme: Theme) -> Figure:
    """Draw thin lines for seeds, thick ones for means, and say at each what became of it."""
    config = configuration.resolve({**configuration.read(ROOT / "config.yaml"), "suite": SUITE})
    looks = looks_from(config.looks(), config.chosen_suite.reference).of(curves["optimizer"])
    found = lowest(curves)
    figure = style.new_figure(4.0, 2.9)
    with style.applied():
        axes = figure.subplots()
        for name, look in looks.items():
            _draw_lines(axes, curves[curves["optimizer"] == name], look, theme)
        axes.axvline(0, color=theme.quiet, linewidth=0.8, zorder=0)
        axes.text(-0.8, 50, "task 2 begins", rotation=90, ha="right", va="center", color=theme.quiet, fontsize=9)
        words = [  # what, optimizer, place of the words, point that they name
            (f"momentum SGD: {found['msgd']:.0f} %", "msgd", (13.5, 12), (10, 2)),
            ("Adam", "adam", (18, 62), (9, 82)),
            (f"NGM-SGD: above {int(found['ngm_sgd'])} %", "ngm_sgd", (15.5, 83), (11, 96)),
            ("plain SGD stays too, but learns less", "sgd", (2, 107), None),
        ]
        for text, name, place, point in words:
            colour = _on(theme, looks[name].colour)
            arrow = None if point is None else {"arrowstyle": "-", "color": colour, "linewidth": 0.8, "shrinkA": 1, "shrinkB": 2}
            weight = "normal" if name in ("sgd", "adam") else "bold"
            font = {"fontsize": 9, "fontweight": weight, "color": colour}
            said = axes.annotate(text, point or place, place, va="center", arrowprops=arrow, **font)
            said.set_in_layout(False)
        axes.set(xlim=(-BEFORE, AFTER), ylim=(-3, 112), yticks=range(0, 101, 25))
        axes.set_xlabel("Updates since the switch", fontsize=9, color=theme.ink)
        axes.set_ylabel("Accuracy on task 1 (%)", fontsize=9, color=theme.ink)
        axes.tick_params(labelsize=9, colors=theme.ink)
        axes.spines[:].set_color(theme.ink)
        axes.set_facecolor(theme.paper)
        figure.set_facecolor(theme.paper)
    return figure


def render(figure: Figure) -> bytes:
    """Give the figure as SVG, the same bytes each time."""
    buffer = io.BytesIO()
    with style.applied():
        figure.savefig(buffer, format="svg", facecolor=figure.get_facecolor(), metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _draw_lines(axes: Axes, curves: pd.DataFrame, look: Look, theme: Theme) -> None:
    colour, seeds = _on(theme, look.colour), 100 * curves.drop(columns=["optimizer", "since"])
    axes.plot(curves["since"], seeds, color=colour, linewidth=0.5, alpha=0.35)
    axes.plot(curves["since"], seeds.mean(axis=1), color=colour, linewidth=look.width + 0.3, dashes=look.dashes)


def _on(theme: Theme, colour: str) -> str:
    """Mix a colour with white, so that it is read on a dark background."""
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(part + (255 - part) * theme.lighter):02x}" for part in parts)


def main(arguments: list[str]) -> None:
    """Write the table where runs are given, then both figures."""
    if arguments:
        write_csv(TABLE, thinned(Path(arguments[0])))
    curves = read_csv(TABLE)
    for name, theme in THEMES.items():
        content = render(draw(curves, theme))
        write_atomically(FOLDER / f"{name}.svg", lambda temporary, content=content: temporary.write_bytes(content))


if __name__ == "__main__":
    main(sys.argv[1:])
