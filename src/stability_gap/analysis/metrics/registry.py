"""Register metrics: one decorated function each, from which every table downstream derives what it needs."""

import functools
import importlib
import math
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

import numpy as np

from stability_gap.analysis.trajectory import Curve
from stability_gap.errors import UserError
from stability_gap.settings import nearest

Per = Literal["stream", "switch", "context"]
Better = Literal["higher", "lower"]
Source = Literal["accuracy", "gain"]
Worst = float | Literal["chance"] | None
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Metric:
    """Description of a metric, and the function that computes it for one seed."""

    name: str
    """in metrics.parquet"""
    label: str
    """in tables and figures"""
    unit: str
    """"accuracy" (a fraction; tables print percent), "gap" (a fraction), "gain", "updates", or any other word"""
    per: Per
    """one value for the stream, one per switch 2 … K, or one per context 1 … K"""
    better: Better | None
    """direction; with one, a metric of the stream is compared and ranked"""
    diverged: Worst
    """value of a diverged run wherever its stream defines the metric: a number, "chance" (1/classes), or None: as recorded"""
    source: Source
    """what the function gets: a `Trajectory` (accuracy) or a `GainTrajectory` (gain)"""
    repeats: str | None
    """the metric of which this one is another way to say the same, so that it is not tested twice"""
    function: Callable[..., Any]

    def values(self, curve: Curve) -> list[tuple[int | None, float]]:
        """Compute (context or None, value) of one seed. Errors: UserError where the function fails or gives another shape."""
        contexts: list[int | None] = [None]
        if self.per != "stream":
            contexts = list(range(1 if self.per == "context" else 2, curve.tasks + 1))
        try:
            found = np.asarray(self.function(curve), dtype=np.float64)
        except Exception as error:
            if self.function.__module__.startswith(__package__):
                raise
            raise UserError(f"metric {self.name} of {self.function.__module__} fails: {type(error).__name__}: {error}") from error
        shape = () if self.per == "stream" else (len(contexts),)
        if found.shape != shape:
            raise UserError(
                f"metric {self.name} of {self.function.__module__} gives shape {found.shape}; one per {self.per} is {shape} here."
            )
        return list(zip(contexts, found.reshape(-1).tolist(), strict=True))


METRICS: dict[str, Metric] = {}
"""Every registered metric by its name."""


def metric(
    *,
    label: str,
    unit: str,
    per: Per,
    diverged: Worst,
    better: Better | None = None,
    source: Source = "accuracy",
    repeats: str | None = None,
    variants: Sequence[str | int] = (),
) -> Callable[[Function], Function]:
    """Register the decorated function under its own name; the arguments are the fields of `Metric`.

    variants: values of a second argument; each is a metric of its own, `{function}_{variant}`, and fills the {} of the
    label and of `repeats`. Errors: UserError for a name that is taken or an argument that is none of its kinds.
    """

    def register(function: Function) -> Function:
        every: Sequence[str | int | None] = variants or [None]
        for variant in every:
            name = function.__name__ if variant is None else f"{function.__name__}_{variant}"
            _check(name, per, better, diverged, source)
            if name in METRICS:
                first = METRICS[name].function.__module__
                raise UserError(f"metric {name} is registered twice, by {first} and {function.__module__}; rename one.")
            compute = function if variant is None else functools.wraps(function)(_bind(function, variant))
            same = None if repeats is None else repeats.format(variant)
            METRICS[name] = Metric(name, label.format(variant), unit, per, better, diverged, source, same, compute)
        return function

    return register


def load(extensions: Iterable[str] = ()) -> dict[str, Metric]:
    """Import modules that register metrics of their own, found as `python -m` would find them; return `METRICS`.

    Errors: UserError where a module does not import, or registers a name that is taken.
    """
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    for extension in extensions:
        try:
            importlib.import_module(extension)
        except UserError as error:
            raise UserError(f"extension {extension}: {error}") from error
        except Exception as error:
            raise UserError(
                f"extension {extension} does not import: {type(error).__name__}: {error}. Give the name of a Python module "
                "(no .py) in this folder or on PYTHONPATH."
            ) from error
    return METRICS


def outcomes() -> list[str]:
    """List the metrics that are compared and ranked, sorted: of the stream, with a direction, each thing once."""
    return sorted(
        each.name for each in METRICS.values() if each.per == "stream" and each.better is not None and each.repeats is None
    )


def of_one_kind(names: Iterable[str], known: Mapping[str, Metric], where: str) -> dict[str, Metric]:
    """Look up the metrics of a table by name; `where` names the key in the message.

    Errors: UserError where one is not known, or where they are not all per stream, all per switch or all per context.
    """
    chosen: dict[str, Metric] = {}
    for name in names:
        if name not in known:
            raise UserError(f"{where}: no metric {name!r}.{nearest(name, known)}")
        chosen[name] = known[name]
    kinds = {metric.per: name for name, metric in chosen.items()}
    if len(kinds) > 1:
        told = ", ".join(f"{name} is per {per}" for per, name in kinds.items())
        raise UserError(f"{where}: {told}; a table holds metrics of one kind, so make two tables.")
    return chosen


def _bind(function: Callable[..., Any], variant: str | int) -> Callable[[Curve], Any]:
    return lambda curve: function(curve, variant)


def _check(name: str, per: str, better: str | None, diverged: Any, source: str) -> None:
    for key, value, known in (("per", per, Per), ("better", better, Better), ("source", source, Source)):
        if value is not None and value not in get_args(known):
            raise UserError(f"metric {name}: {key} is {value!r}; it must be one of {', '.join(get_args(known))}.")
    is_number = isinstance(diverged, int | float) and not math.isinf(diverged)
    if diverged is not None and diverged != "chance" and not is_number:
        raise UserError(f"metric {name}: diverged is {diverged!r}; it must be a number, 'chance' or None.")
