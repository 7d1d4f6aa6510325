"""Measure, compare and draw curves from Python: `from stability_gap import …`. Arrays and tables in, tables and figures out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from stability_gap.curves.options import Options

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from stability_gap.analysis.runs import BenchmarkRuns, Run

Curves = str | Path | pd.DataFrame | np.ndarray
"""One curve: a path (run folder, or a file of any format of docs/own-curves.md), a table long or wide, or an array of accuracies:
(iterations,) on task 1, (iterations, tasks), or (seeds, iterations, tasks), evaluated after every update."""


def measure(
    curves: Curves | Mapping[str, Curves] | Sequence[str | Path],
    *,
    context_length: int | None = None,
    switches: Sequence[int] | None = None,
    percent: bool = False,
    count_from: Literal[0, 1] | None = None,
    classes: int | None = None,
    benchmark: str | None = None,
) -> pd.DataFrame:
    """Compute every metric of every seed: stability gaps, accuracies, forgetting, recovery (docs/protocol.md defines them).

    Args:
        curves: a curve (see `Curves`), several by name, or several paths. context_length: updates of every context; or switches:
            updates after which the next context begins; neither where the curves tell. percent: accuracies are percent, not
            fractions. count_from: what an iteration 0 is: 0 the evaluation after the first update, 1 one before it. classes: of
            the head, needed where a run diverged (NaN to its end). benchmark: a name for it in the result.

    Returns `benchmark, optimizer (the name of a curve), seed, metric, context (null: the whole stream), value`, sorted.
    Errors: UserError, one or two sentences that say what is wrong with the curves and what to do.

    Example: accuracy on task 1 falls from 0.8 to 0.2 at the switch after update 3, a gap of 0.75.

        >>> import numpy as np
        >>> from stability_gap import measure
        >>> metrics = measure(np.array([0.5, 0.7, 0.8, 0.2, 0.6, 0.8]), context_length=3)
        >>> metrics.query("metric == 'avg_sg_first'")["value"].round(3).tolist()
        [0.75]
    """
    from stability_gap.analysis.measure import measure as measure_runs

    return measure_runs(_runs(curves, context_length, switches, percent, count_from, classes, benchmark))


def compare(
    curves: Mapping[str, Curves] | Sequence[str | Path],
    *,
    context_length: int | None = None,
    switches: Sequence[int] | None = None,
    percent: bool = False,
    count_from: Literal[0, 1] | None = None,
    classes: int | None = None,
    benchmark: str | None = None,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Test every pair of curves on every metric of the whole stream, paired by seed (docs/protocol.md, statistics).

    Arguments as in `measure`; alpha: the level of the tests, which are adjusted by Holm within each metric.

    Returns one row per metric and pair: `metric, optimizer_a, optimizer_b, n` (seeds that both have), means, `mean_difference`
    (a − b), effect size, 95 % intervals, `p_value, p_holm, significant, note`. Without common seeds n is 0 and there is no test.
    Errors: UserError as `measure`, and where curves of one benchmark do not change contexts at the same updates.

    Example: eight seeds of two learners; the gap of the first is larger in each of them.

        >>> import numpy as np
        >>> from stability_gap import compare
        >>> fall = np.random.default_rng(0).uniform(0, 0.05, 8)
        >>> def seeds(depth):  # (8 seeds, 6 updates), on task 1
        ...     curve = np.tile([0.5, 0.7, 0.8, 0.8, 0.7, 0.8], (8, 1))
        ...     curve[:, 3] -= depth + fall
        ...     return curve[:, :, None]
        >>> tests = compare({"sgd": seeds(0.5), "mine": seeds(0.1)}, context_length=3)
        >>> gap = tests.query("metric == 'avg_sg_first'").iloc[0]
        >>> gap["optimizer_a"], gap["optimizer_b"], int(gap["n"]), round(float(gap["mean_difference"]), 3)
        ('mine', 'sgd', 8, -0.5)
        >>> bool(gap["significant"])
        True
    """
    from stability_gap.analysis.measure import measure as measure_runs
    from stability_gap.analysis.statistics import compare as compare_metrics
    from stability_gap.curves.sources import refuse_other_contexts

    runs = _runs(curves, context_length, switches, percent, count_from, classes, benchmark)
    refuse_other_contexts(runs)
    return compare_metrics(measure_runs(runs), alpha=alpha)


def draw_curves(
    curves: Curves | Mapping[str, Curves] | Sequence[str | Path],
    *,
    context_length: int | None = None,
    switches: Sequence[int] | None = None,
    percent: bool = False,
    count_from: Literal[0, 1] | None = None,
    classes: int | None = None,
    benchmark: str | None = None,
    reference: str | None = None,
) -> Figure:
    """Draw accuracy on task 1 and the mean over seen tasks over the updates, and test loss and gain where there are any.

    Arguments as in `measure`; reference: the curve with the thick solid line. A line is the mean over seeds, a band its 95 % t
    interval. Errors: UserError as `measure`, where the curves are of several benchmarks, or where the reference is none of them.

    Example: the figure is matplotlib's; save it as you like.

        >>> import numpy as np
        >>> from stability_gap import draw_curves
        >>> falls = np.array([0.5, 0.7, 0.8, 0.2, 0.6, 0.8])
        >>> figure = draw_curves({"falls": falls, "stays": np.full(6, 0.8)}, context_length=3, reference="stays")
        >>> len(figure.axes)
        2
        >>> figure.savefig("curves.png")
    """
    return _draw("curves", _runs(curves, context_length, switches, percent, count_from, classes, benchmark), reference)


def draw_zoom(
    curves: Curves | Mapping[str, Curves] | Sequence[str | Path],
    *,
    context_length: int | None = None,
    switches: Sequence[int] | None = None,
    percent: bool = False,
    count_from: Literal[0, 1] | None = None,
    classes: int | None = None,
    benchmark: str | None = None,
    reference: str | None = None,
) -> Figure:
    """Draw the accuracy on old tasks around every switch, seed by seed, relative to that at the switch: the stability gap.

    Arguments and errors as in `draw_curves`.

    Example: one switch, one panel.

        >>> import numpy as np
        >>> from stability_gap import draw_zoom
        >>> figure = draw_zoom(np.array([0.5, 0.7, 0.8, 0.2, 0.6, 0.8]), context_length=3)
        >>> len(figure.axes)
        1
    """
    return _draw("zoom", _runs(curves, context_length, switches, percent, count_from, classes, benchmark), reference)


def _runs(
    curves: Curves | Mapping[str, Curves] | Sequence[str | Path],
    context_length: int | None,
    switches: Sequence[int] | None,
    percent: bool,
    count_from: Literal[0, 1] | None,
    classes: int | None,
    benchmark: str | None,
) -> list[Run]:
    from stability_gap.curves.sources import Source, read_sources
    from stability_gap.errors import UserError

    if count_from not in (None, 0, 1):
        raise UserError(f"count_from is {count_from!r}; it must be 0 or 1.")
    options = Options(context_length, switches, percent, count_from)
    sources: list[str | Path | tuple[str, Source]]
    if isinstance(curves, Mapping):
        sources = [(str(name), curve) for name, curve in curves.items()]
    elif isinstance(curves, pd.DataFrame | np.ndarray):
        sources = [("curves", curves)]
    elif isinstance(curves, str | Path):
        sources = [curves]
    elif isinstance(curves, Sequence) and all(isinstance(each, str | Path) for each in curves):
        sources = list(curves)
    else:
        raise UserError(f"curves are {type(curves).__name__}; give a path, a table, an array, or several by name: {{'mine': …}}.")
    for source in sources:
        if isinstance(source, tuple) and not isinstance(source[1], str | Path | pd.DataFrame | np.ndarray):
            raise UserError(f"the curves {source[0]!r} are {type(source[1]).__name__}; give a path, a table or an array.")
    return read_sources(sources, options, benchmark=benchmark, classes=classes)


def _draw(kind: str, runs: list[Run], reference: str | None) -> Figure:
    from stability_gap.analysis.settings import DEFAULTS
    from stability_gap.presentation.figures.registry import named
    from stability_gap.presentation.looks import Looks
    from stability_gap.side_by_side import OWN, check_reference

    check_reference(runs, reference)
    figure: Figure = named(kind).draw()(_one_benchmark(runs), Looks(OWN, reference=reference), DEFAULTS.model_dump())
    return figure


def _one_benchmark(runs: list[Run]) -> BenchmarkRuns:
    from stability_gap.errors import UserError
    from stability_gap.side_by_side import benchmark_runs

    names = sorted({run.facts.benchmark for run in runs})
    if len(names) > 1:
        raise UserError(f"the runs are of several benchmarks ({', '.join(names)}); draw those of one.")
    return benchmark_runs(runs, names[0])
