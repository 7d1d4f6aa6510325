"""The one look of all figures and tables: colours, names, sizes, and how a figure becomes files.

Colours are Okabe and Ito's (told apart with every common colour blindness), and every optimizer also has a marker of
its own. Figures are made without pyplot, so nothing global is left behind, and the same figure gives the same bytes.
"""

import io
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stability_gap.files import write_atomically

COLUMN_WIDTH = 3.4
"""Width of one column of a two-column paper, inches."""
PAGE_WIDTH = 7.0
"""Width of both columns, inches."""
INK, QUIET = "#222222", "#8a8a8a"

_MAIN = {  # id: label, colour, marker
    "sgd": ("SGD", "#009E73", "s"),
    "msgd": ("MSGD", "#0072B2", "^"),
    "adam": ("Adam", "#CC79A7", "D"),
    "ngm_sgd": ("NGM-SGD", "#D55E00", "o"),
}
_LABELS = {
    "ngm_fixed_gain": "NGM-SGD, fixed gain",
    "ngm_all_layers": "NGM-SGD, all layers",
    "ngm_msgd": "NGM-MSGD",
    "ngm_adam": "NGM-Adam",
    "entropy_lr": "Entropy-driven lr",
    "explicit_fast_slow": "Explicit fast–slow",
    "msgd_ema": "MSGD, weight average",
}
_SUFFIXES = {"_reset": ", reset", "_matched": ", matched lr", "_tuned": ", tuned"}
_BENCHMARKS = {
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "mnist": "MNIST",
    "imagenet": "ImageNet",
    "mini": "mini-",
    "v1": "(v1)",
}
_NEXT_COLOURS = ("#E69F00", "#56B4E9", "#000000", "#8C510A", "#6A3D9A", "#999933", "#882255", "#117733")
_NEXT_MARKERS = ("v", "P", "X", "<", ">", "p", "h", "d", "*")

_RC: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same on every machine
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.use_mathtext": True,
    "lines.linewidth": 1.1,
    "svg.fonttype": "path",
    "svg.hashsalt": "stability-gap",
    "pdf.fonttype": 42,
    "savefig.dpi": 300,
}
_METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Producer": "stability-gap", "Creator": "stability-gap"},
    "png": {"Software": None},
}


@dataclass(frozen=True)
class Look:
    """How one optimizer is shown: `label`, `colour`, `marker` and `width` of its lines in points."""

    label: str
    colour: str
    marker: str
    width: float


def ordered(optimizers: Iterable[str]) -> list[str]:
    """Each id once: sgd, msgd, adam, ngm_sgd, then all others by name."""
    ids = set(optimizers)
    return [name for name in _MAIN if name in ids] + sorted(ids - set(_MAIN))


def looks(optimizers: Iterable[str]) -> dict[str, Look]:
    """The look of each optimizer, in `ordered` order. The four main ones are fixed, others get the next colours."""
    result: dict[str, Look] = {}
    others = 0
    for name in ordered(optimizers):
        if name in _MAIN:
            label, colour, marker = _MAIN[name]
        else:
            label = optimizer_label(name)
            colour = _NEXT_COLOURS[others % len(_NEXT_COLOURS)]
            marker = _NEXT_MARKERS[others % len(_NEXT_MARKERS)]
            others += 1
        result[name] = Look(label, colour, marker, 1.5 if name == "ngm_sgd" else 1.1)
    return result


def optimizer_label(optimizer: str) -> str:
    """Name of an optimizer as it is printed: ``msgd_reset`` is "MSGD, reset"; an unknown id is printed as it is."""
    if optimizer in _MAIN:
        return _MAIN[optimizer][0]
    for suffix, text in _SUFFIXES.items():
        stem = optimizer.removesuffix(suffix)
        if stem != optimizer and stem in _MAIN:
            return _MAIN[stem][0] + text
    return _LABELS.get(optimizer, optimizer)


def benchmark_label(benchmark: str) -> str:
    """Name of a benchmark as it is printed: ``split_cifar10`` is "Split CIFAR-10"."""
    words = [_BENCHMARKS.get(word, word if number else word.capitalize()) for number, word in enumerate(benchmark.split("_"))]
    return " ".join(words).replace("- ", "-")


def seeds_label(label: str, n: int, diverged: int) -> str:
    """Legend entry with its evidence: "Adam (n = 10, 1 diverged)"."""
    return f"{label} (n = {n}, {diverged} diverged)" if diverged else f"{label} (n = {n})"


def new_figure(width: float, height: float) -> Figure:
    """Empty figure of `width` × `height` inches in the shared style. Draw into it inside ``with style.applied():``."""
    with applied():
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
    return figure


def panel_grid(panels: int) -> tuple[int, int]:
    """Rows and columns for so many panels, at most three side by side and at least one."""
    columns = min(max(panels, 1), 3)
    return max(-(-panels // columns), 1), columns


def grid_width(columns: int) -> float:
    """Width in inches of a figure of one to three columns of panels."""
    return {1: COLUMN_WIDTH, 2: 5.6, 3: PAGE_WIDTH}[columns]


def applied() -> AbstractContextManager[None]:
    """Context in which all that is drawn has the shared style; matplotlib's settings are as before afterwards."""
    return mpl.rc_context(cast(Any, _RC))


def legend(figure: Figure, entries: dict[str, str], shown: dict[str, Look], markers: bool = False) -> None:
    """Put one legend below all panels and make the figure as much higher as a second row of it needs.

    `entries`: text per optimizer; `shown`: their looks; `markers`: symbols instead of lines.
    """
    handles = [
        Line2D(
            [],
            [],
            color=look.colour,
            linewidth=0 if markers else look.width,
            marker=look.marker if markers else "",
            label=entries[name],
        )
        for name, look in shown.items()
        if name in entries
    ]
    if not handles:
        return
    most = 2 if figure.get_figwidth() < 5 else 4 if len(handles) <= 4 else 3
    rows = -(-len(handles) // most)
    figure.set_figheight(figure.get_figheight() + 0.16 * (rows - 1))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), most), handlelength=1.6, columnspacing=1.6)


def say_empty(figure: Figure, text: str) -> None:
    """Write `text` into an otherwise empty figure, so that a suite without such data says so instead of failing."""
    axes: Axes = figure.add_subplot()
    axes.axis("off")
    axes.text(0.5, 0.5, text, ha="center", va="center", color=QUIET, transform=axes.transAxes)


def freeze(figure: Figure) -> None:
    """Lay the figure out once and for all: every file of it, and what is placed afterwards, has the same layout."""
    with applied():
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def render(figure: Figure, form: str) -> bytes:
    """The figure as the bytes of an ``svg``, ``pdf`` or ``png`` file (300 dpi), without date, version or random id."""
    buffer = io.BytesIO()
    if figure.get_layout_engine() is not None:
        freeze(figure)
    with applied():
        figure.savefig(buffer, format=form, metadata=_METADATA[form])
    return buffer.getvalue()


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write ``{stem}.svg``, ``.pdf``, ``.png`` atomically; returns the paths. Errors: UserError from the writing."""
    paths = []
    for form in ("svg", "pdf", "png"):
        content = render(figure, form)
        path = Path(stem).with_name(f"{Path(stem).name}.{form}")
        write_atomically(path, lambda temporary, content=content: temporary.write_bytes(content))  # type: ignore[misc]
        paths.append(path)
    return paths
