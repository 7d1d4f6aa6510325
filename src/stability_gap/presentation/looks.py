"""Labels, order, colours, markers and dashes of benchmarks and optimizers, as the configuration gives them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from stability_gap.settings import Look as Given
from stability_gap.settings import Settings, validate

# For what the configuration leaves open. Okabe and Ito's colours come first: told apart with every common colour blindness.
COLOURS = (
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#009E73",
    "#0072B2",
    "#CC79A7",
    "#D55E00",
    "#8C510A",
    "#6A3D9A",
    "#999933",
    "#882255",
)
MARKERS = ("v", "P", "X", "s", "^", "D", "o", "<", ">", "p", "h", "d", "*")
DASHES = (
    (4.0, 1.4),
    (1.2, 1.2),
    (6.0, 1.4, 1.2, 1.4),
    (8.0, 2.0),
    (3.0, 1.2, 1.0, 1.2, 1.0, 1.2),
    (2.2, 2.2),
    (10.0, 1.5, 3.0, 1.5),
)
SOLID = (1.0, 0.0)
"""Dashes as seaborn takes them: lengths of line and gap in line widths; solid is a gap of none."""


@dataclass(frozen=True)
class Look:
    """How one optimizer is shown: `label`, `colour`, `marker`, `dashes` and `width` of its lines in points."""

    label: str
    colour: str
    marker: str
    dashes: tuple[float, ...]
    width: float


class _Looks(Settings):
    """The JSON of `--looks`: section -> id -> fields, as `Config.looks` makes it."""

    benchmarks: dict[str, Given] = Field({})
    optimizers: dict[str, Given] = Field({})


@dataclass(frozen=True)
class Looks:
    """The looks of a suite: what the configuration gives, in its order, and the optimizer that others are compared with.

    An id that it does not name is shown as itself, behind the others, with the next free colour and marker.
    """

    benchmarks: Mapping[str, Given] = field(default_factory=dict)
    optimizers: Mapping[str, Given] = field(default_factory=dict)
    reference: str | None = None

    def benchmark(self, name: str) -> str:
        """Return the name of a benchmark as it is printed."""
        return _label(self.benchmarks, name)

    def optimizer(self, name: str) -> str:
        """Return the name of an optimizer as it is printed."""
        return _label(self.optimizers, name)

    def benchmark_order(self, names: Iterable[str]) -> list[str]:
        """Put each benchmark once in the order of the configuration, those that it does not name behind, by name."""
        return _order(self.benchmarks, names)

    def optimizer_order(self, names: Iterable[str]) -> list[str]:
        """Put each optimizer once in the order of the configuration, those that it does not name behind, by name."""
        return _order(self.optimizers, names)

    def of(self, names: Iterable[str]) -> dict[str, Look]:
        """Give each optimizer its look, in order. The reference has the solid, wider line.

        A configured optimizer looks the same whichever others are shown; colours and markers are told apart as long as the
        fixed lists last.
        """
        names = set(names)
        everyone = _order(self.optimizers, names | set(self.optimizers))
        taken = {(given.colour or "").upper() for given in self.optimizers.values()}
        free = [colour for colour in COLOURS if colour not in taken] or list(COLOURS)
        used = {given.marker for given in self.optimizers.values()}
        symbols = [marker for marker in MARKERS if marker not in used] or list(MARKERS)
        result: dict[str, Look] = {}
        colours = markers = dashes = 0
        for name in everyone:
            given = self.optimizers.get(name, Given())
            colour, marker = given.colour or free[colours % len(free)], given.marker or symbols[markers % len(symbols)]
            colours, markers = colours + (given.colour is None), markers + (given.marker is None)
            is_reference = name == self.reference
            line = SOLID if is_reference else DASHES[dashes % len(DASHES)]
            dashes += not is_reference
            result[name] = Look(_label(self.optimizers, name), colour, marker, line, 1.7 if is_reference else 1.2)
        return {name: look for name, look in result.items() if name in names}


def looks_from(values: Any, reference: str | None = None) -> Looks:
    """Read the JSON of `--looks`. Errors: UserError naming the key."""
    given: _Looks = validate(_Looks, values, "looks")
    return Looks(given.benchmarks, given.optimizers, reference)


def _label(given: Mapping[str, Given], name: str) -> str:
    return (given[name].label if name in given else None) or name


def _order(given: Mapping[str, Given], names: Iterable[str]) -> list[str]:
    wanted = set(names)
    return [name for name in given if name in wanted] + sorted(wanted - set(given))
