"""Find the formats of curves and read a file by the one that fits."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pandas as pd

from stability_gap.curves import formats as package
from stability_gap.curves.content import Content
from stability_gap.curves.options import Options
from stability_gap.errors import UserError


@dataclass(frozen=True)
class Format:
    """One format of curves."""

    name: str
    matches: Callable[[Content], bool]
    read: Callable[[Content, Options], pd.DataFrame]


@cache
def formats() -> dict[str, Format]:
    """Import every module of the folder `formats`: name -> format."""
    found = {}
    for name in sorted(each.name for each in pkgutil.iter_modules(package.__path__)):
        module = importlib.import_module(f"{package.__name__}.{name}")
        found[name] = Format(name, module.matches, module.read)
    return found


def guess(content: Content) -> Format:
    """Find the format of a file by what is in it. Errors: UserError where none or several fit."""
    fitting = [each for each in formats().values() if each.matches(content)]
    if len(fitting) == 1:
        return fitting[0]
    has = f"the columns {', '.join(content.columns[:8])}" if content.columns else f"the keys {', '.join(content.keys[:8])}"
    if fitting:
        raise UserError(f"{content.source} could be {' or '.join(each.name for each in fitting)}; say which with --format.")
    raise UserError(
        f"{content.source} has {has}, which is no format that is known ({', '.join(formats())}). "
        "Write iteration, acc_task1, acc_task2, …, or see docs/own-curves.md."
    )


def named(name: str) -> Format:
    """Find a format by its name. Errors: UserError naming the known ones."""
    if name not in formats():
        raise UserError(f"there is no format {name!r}; known: {', '.join(formats())}.")
    return formats()[name]


def read(content: Content, options: Options, format_name: str | None = None) -> pd.DataFrame:
    """Read curves as evaluations: `seed, iteration, context, task, accuracy[, loss]`, checked and sorted.

    format_name: the format, guessed from the content where not given. Errors: UserError as from `guess`, `named`, and the format;
    also where the format that was named does not fit.
    """
    if format_name is None:
        return guess(content).read(content, options)
    chosen = named(format_name)
    if not chosen.matches(content):
        has = ", ".join((content.columns or content.keys)[:8])
        raise UserError(f"{content.source} is no {chosen.name}: it has {has}. Leave out --format, or see docs/own-curves.md.")
    return chosen.read(content, options)
