"""Draws every figure of a synthetic suite, and reads what stands in a figure."""

from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from stability_gap.presentation.figures import registry

TERMS = {"slope_margin": 0.1}


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def all_figures(suite, looks) -> dict[str, Figure]:
    """One figure of each of our kinds; those drawn from more than metrics and runs have tests of their own."""
    benchmark = next(iter(suite.evaluations))
    given = {"benchmark": suite.runs(benchmark), "suite": {"metrics.parquet": suite.metrics}}
    return {name: kind.draw()(given[kind.of], looks, TERMS) for name, kind in registry.kinds().items() if not kind.inputs}


def lines_of(axes, colour: str, width: float = 1.0) -> list[Line2D]:
    """Lines of a colour that are at least so wide."""
    return [line for line in axes.lines if to_hex(line.get_color()).upper() == colour and line.get_linewidth() >= width]
