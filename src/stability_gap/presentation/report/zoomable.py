"""Draw accuracy curves that a reader can zoom, by Bokeh: one plot for task 1, one for the mean over the tasks seen."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from bokeh import __version__ as bokeh_version
from bokeh.document import Document
from bokeh.events import SelectionGeometry
from bokeh.layouts import column
from bokeh.models import BoxSelectTool, ColumnDataSource, CustomJS, DataRange1d, HoverTool, Range1d
from bokeh.models.annotations import Span
from bokeh.plotting import figure
from bokeh.resources import Resources

from stability_gap.analysis import figure_data
from stability_gap.analysis.runs import BenchmarkRuns
from stability_gap.presentation.looks import Look, Looks
from stability_gap.presentation.style import FAINT, INK, QUIET

BEFORE, AFTER = 10, 50
"""Iterations around a switch that its button shows, as the figure `zoom` does."""
_MOST = 1000  # iterations of a curve; a longer one is thinned where nothing happens
_PANELS = {"first": "Accuracy on task 1 (%)", "seen": "Mean accuracy on the tasks seen so far (%)"}
_DRAGGED = "const {x0, x1} = cb_obj.geometry; if (cb_obj.final && x1 - x0 >= 2) iterations.setv({start: x0, end: x1})"
_HEIGHT = 230  # pixels
_FONT = "system-ui, sans-serif"


@dataclass(frozen=True)
class Line:
    """The line of an optimizer: its name, and its look in pixels."""

    label: str
    colour: str
    width: float
    dashes: list[int]


@dataclass(frozen=True)
class Curves:
    """The curves of one benchmark: `item` is Bokeh's JSON, `windows` names ranges of iterations, `lines` the optimizers."""

    benchmark: str
    item: str
    windows: dict[str, tuple[float, float]]
    lines: dict[str, Line]
    thinned: bool


def script() -> str:
    """Give BokehJS whole, so that the page asks nobody for it."""
    return str(Resources(mode="inline", components=["bokeh"], log_level="warn").js_raw[0])


def zoomable_curves(runs: BenchmarkRuns, looks: Looks) -> Curves:
    """Make what the page needs to show `plots`; the same runs give the same JSON. Errors: as `plots`."""
    starts = figure_data.context_starts(runs.evaluations)
    last = int(runs.evaluations["iteration"].max())
    ends = [*list(starts.values())[1:], last + 1]
    windows = {
        f"switch to task {context}": (float(max(1, start - 1 - BEFORE)), float(min(start - 1 + AFTER, end - 1)))
        for (context, start), end in zip(starts.items(), ends, strict=True)
        if context > 1
    }
    item = _item(plots(runs, looks), f"curves-{runs.benchmark}")
    is_thinned = runs.evaluations["iteration"].nunique() > _MOST
    lines = _lines(runs, looks)
    return Curves(runs.benchmark, item, {"whole stream": (1.0, float(last)), **windows}, lines, is_thinned)


def plots(runs: BenchmarkRuns, looks: Looks) -> Any:
    """Draw mean accuracies over seeds with 95 % t intervals as a Bokeh layout; dragging zooms, the accuracy axis follows.

    Intervals end at 0 and 100 %, as those of the figures do. Errors: UserError where a run diverged and `runs.classes` is None.
    """
    starts = list(figure_data.context_starts(runs.evaluations).values())
    made = figure_data.curves(runs.evaluations, runs.training, runs.classes)
    last = int(runs.evaluations["iteration"].max())
    iterations = Range1d(start=1, end=last, bounds=(1, last), name="iterations")
    tables = {name: figure_data.thinned(made[name], starts, _MOST) for name in _PANELS}
    panels = [_panel(name, table, _lines(runs, looks), iterations, starts) for name, table in tables.items()]
    panels[-1].xaxis.axis_label = "Iteration"
    return column(*panels, sizing_mode="stretch_width")


def _lines(runs: BenchmarkRuns, looks: Looks) -> dict[str, Line]:
    return {name: _line(look) for name, look in looks.of(runs.evaluations["optimizer"]).items()}


def _line(look: Look) -> Line:
    dashes = [round(1.5 * look.width * length) for length in look.dashes] if look.dashes[1] else []
    return Line(look.label, look.colour, 1.35 * look.width, dashes)


def _panel(name: str, table: pd.DataFrame, shown: Mapping[str, Line], iterations: Range1d, starts: list[int]) -> Any:
    accuracies = DataRange1d(range_padding=0.06, renderers=[])
    plot = figure(
        title=_PANELS[name],
        height=_HEIGHT,
        sizing_mode="stretch_width",
        x_range=iterations,
        y_range=accuracies,
        window_axis="x",  # the accuracy axis fits what the iterations in view hold
        tools=[BoxSelectTool(dimensions="width", renderers=[], name=f"{name} drag")],
        toolbar_location=None,
        output_backend="canvas",
        name=name,
    )
    # not Bokeh's zoom tool: it would fix the accuracy axis as well
    plot.js_on_event(SelectionGeometry, CustomJS(args={"iterations": iterations}, code=_DRAGGED))
    wide = table.set_index(["iteration", "optimizer"])[["mean", "low", "high"]].unstack()  # noqa: PD010 - refuses a double row
    data: dict[str, Any] = {"iteration": wide.index.to_numpy("int32")}
    for optimizer in shown:
        for value in ("mean", "low", "high"):  # of few seeds an interval reaches beyond what an accuracy can be
            data[f"{value} {optimizer}"] = (100 * wide[value, optimizer].clip(0, 1)).to_numpy("float32")
    source = ColumnDataSource(data)
    for start in starts[1:]:
        plot.add_layout(Span(location=start - 0.5, dimension="height", line_color=QUIET, line_width=0.7, level="underlay"))
    drawn: list[Any] = []
    for optimizer, look in sorted(shown.items(), key=lambda each: each[1].width):  # the reference last, on top
        low, high = f"low {optimizer}", f"high {optimizer}"
        if np.isfinite(data[low]).any():
            band: dict[str, Any] = {"fill_color": look.colour, "fill_alpha": 0.16, "name": f"{name} band {optimizer}"}
            drawn.append(plot.varea("iteration", low, high, source=source, **band))
        line = plot.line(
            "iteration",
            f"mean {optimizer}",
            source=source,
            line_color=look.colour,
            line_width=look.width,
            line_dash=look.dashes,
            name=f"{name} line {optimizer}",
        )
        tip = f"{look.label}, iteration @iteration: @{{mean {optimizer}}}{{0.0}} % [@{{{low}}}{{0.0}}, @{{{high}}}{{0.0}}]"
        drawn.append(line)
        plot.add_tools(HoverTool(renderers=[line], tooltips=tip, mode="mouse", line_policy="nearest"))
    accuracies.renderers = drawn  # not the box that is drawn while dragging
    _quiet(plot)
    return plot


def _quiet(plot: Any) -> None:
    """Give a plot the look of the page and of the other figures."""
    plot.outline_line_color = None
    plot.title.update(text_font=_FONT, text_font_size="13px", text_font_style="normal", text_color=INK)
    plot.xgrid.grid_line_color = None
    plot.ygrid.grid_line_color = FAINT
    for axis in plot.axis:
        axis.update(axis_line_color=QUIET, major_tick_line_color=QUIET, minor_tick_line_color=None)
        axis.update(major_label_text_font=_FONT, major_label_text_font_size="12px", major_label_text_color=INK)
        axis.update(axis_label_text_font=_FONT, axis_label_text_font_size="12px", axis_label_text_font_style="normal")
    plot.yaxis.ticker.desired_num_ticks = 5
    plot.min_border_right = 12


def _item(root: Any, target: str) -> str:
    """Write what Bokeh.embed.embed_item takes, with ids that count from 1 in every page."""
    document = Document()
    document.add_root(root)
    item = {"target_id": target, "root_id": root.id, "doc": document.to_json(deferred=False), "version": bokeh_version}
    text = json.dumps(item, ensure_ascii=False, separators=(",", ":"))
    numbers: dict[str, str] = {}
    return re.sub(
        r'"((?:root_)?id)":"(p\d+)"', lambda found: f'"{found[1]}":"{numbers.setdefault(found[2], f"m{len(numbers) + 1}")}"', text
    )
