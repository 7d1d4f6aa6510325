"""Axes on which optimizers that are close to one another stay apart, however poor another one is: accuracy, and the gap."""

from typing import Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator
from scipy.special import expit, logit

_EDGE = 0.0005
"""A logit axis has no 0 and no 1: accuracies and ends of intervals this close to one of them, or beyond, are drawn here."""
_ACCURACIES = (  # coarse to fine: the first list with enough ticks in the panel is taken
    (0.01, 0.1, 0.2, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999),
    (*(0.05 * step for step in range(1, 20)), 0.96, 0.97, 0.98, 0.985, 0.99, 0.995),
    tuple(0.01 * step for step in range(1, 100)),
    tuple(0.002 * step for step in range(1, 500)),
)
_GAPS = (-0.5, -0.2, -0.05, 0.0, 0.05, 0.2, 0.5, 1.0)
_LINEAR = 0.05
"""The axis of gaps is linear up to here, and logarithmic beyond."""


def inside(accuracy: pd.Series) -> pd.Series:
    """Keep accuracies off the ends of their axis."""
    return accuracy.clip(_EDGE, 1 - _EDGE)


def set_accuracy_axis(axes: Axes, which: Literal["x", "y"]) -> None:
    """Make an axis of accuracies, fractions, a logit one in percent. Call `choose_ticks` when its limits are final."""
    (axes.set_xscale if which == "x" else axes.set_yscale)("logit", nonpositive="clip")
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(lambda value, _: f"{100 * value:.4g}")
    axis.set_minor_locator(NullLocator())


def accuracy_limits(accuracy: pd.Series) -> tuple[float, float]:
    """Limits of an axis of accuracies with room for a marker at the lowest and the highest."""
    ends = logit(inside(accuracy).agg(["min", "max"]).to_numpy())
    room = max(0.06 * (ends[1] - ends[0]), 0.1)
    low, high = expit([ends[0] - room, ends[1] + room])
    return float(low), float(high)


def choose_ticks(axes: Axes, which: Literal["x", "y"]) -> None:
    """Put about four to seven round numbers on an axis of accuracies or gaps, none of which touch; its limits are final."""
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    axis, window = (axes.xaxis if which == "x" else axes.yaxis), axes.get_window_extent()
    apart = window.width / 6 if which == "x" else window.height / 9
    kept: list[float] = []
    for candidates in _ACCURACIES if axis.get_scale() == "logit" else (_GAPS,):
        kept = []
        for tick in reversed([tick for tick in candidates if low <= tick <= high]):
            if not kept or abs(_pixel(axes, which, tick) - _pixel(axes, which, kept[-1])) > apart:
                kept.append(tick)
        if len(kept) >= 4:
            break
    axis.set_major_locator(FixedLocator(sorted(kept)))


def set_gap_axis(axes: Axes, which: Literal["x", "y"]) -> None:
    """Make an axis one of gaps: a large one leaves room for those near 0, which may be negative net of placebo."""
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    (axes.set_xscale if which == "x" else axes.set_yscale)("symlog", linthresh=_LINEAR, linscale=1.0)
    (axes.set_xlim if which == "x" else axes.set_ylim)(low, high)
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(FixedLocator([tick for tick in _GAPS if low <= tick <= high]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "−"))


def _pixel(axes: Axes, which: Literal["x", "y"], value: float) -> float:
    x, y = axes.transData.transform((value, 0.5) if which == "x" else (0, value))
    return float(x if which == "x" else y)
