"""Vary optimizers: a sweep makes ordinary optimizer blocks, the same number of every optimizer (PROTOCOL §8, §12).

`{kind: rates}` gives each of its optimizers the same list of learning rates. `{kind: tuning}` draws `budget` configurations of
each from a space of its own; the best of them, by either of two criteria, are two more optimizers, whose settings are known
once the tuning runs have been made. Where a suite names a sweep, it has all members of the one and all winners of the other.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, field_validator

from stability_gap.analysis.settings import CRITERIA
from stability_gap.errors import UserError
from stability_gap.learners.settings import OptimizerSettings
from stability_gap.settings import Settings, keys_at, nearest, validate

DECAYS = ("momentum", "beta2", "gamma", "decay", "fast_decay")
"""Quantities that act through their distance from 1: what is drawn evenly on a logarithmic scale is 1 − value."""

Seed = Annotated[int, Field(ge=0, lt=2**31)]
Values = dict[str, float]


@dataclass(frozen=True)
class Member:
    """One configuration of a sweep: its `id` under optimizers, which one of `base` it is, and the keys that it sets."""

    id: str
    base: str
    number: int
    values: Values


class RateSweep(Settings):
    """The same optimizers over the same learning rates."""

    kind: Literal["rates"]
    optimizers: list[str] = Field(min_length=1, description="ids under optimizers")
    learning_rate: list[Annotated[float, Field(gt=0)]] = Field(min_length=1, description="rates, from small to large")

    @field_validator("learning_rate")
    @classmethod
    def _rising(cls, rates: list[float]) -> list[float]:
        if sorted(set(rates)) != rates:
            raise ValueError("the rates must rise, each once, as curves are drawn through them in this order")
        return rates

    @property
    def bases(self) -> list[str]:
        """The optimizers that are varied."""
        return self.optimizers

    def configurations(self, base: str) -> list[Values]:
        """List what the members of an optimizer set."""
        return [{"learning_rate": rate} for rate in self.learning_rate]


class TuningSweep(Settings):
    """The same number of configurations of every optimizer, drawn from its space, to be chosen from on held-out images."""

    kind: Literal["tuning"]
    budget: int = Field(gt=0, le=1000, description="configurations of each optimizer")
    seed: int = Field(0, ge=0, description="of the draws")
    seeds: list[Seed] = Field(min_length=1, description="of the tuning runs; none of them may be an evaluation seed")
    holdout: dict[str, str] = Field(
        description="benchmark -> its twin whose data set holds training images out in place of tests"
    )
    spaces: dict[str, dict[str, Any]] = Field(
        min_length=1, description="optimizer -> key of its block (dots lead into a block within) -> [low, high]"
    )

    @field_validator("spaces")
    @classmethod
    def _ranges(cls, spaces: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for base, space in spaces.items():
            if not space:
                raise ValueError(f"{base} has no range to draw from; give one, such as {{learning_rate: [0.0001, 0.5]}}")
            for key, bounds in space.items():
                if key == "budget":
                    raise ValueError(f"{base} has a budget of its own; all have the same one, written once beside spaces")
                _check_range(f"{base}.{key}", bounds, _is_decay(key))
        return spaces

    @property
    def bases(self) -> list[str]:
        """The optimizers that are tuned."""
        return list(self.spaces)

    def configurations(self, base: str) -> list[Values]:
        """Draw what the members of an optimizer set: a Latin hypercube, so that every range is covered evenly.

        Evenly is on a logarithmic scale, of `DECAYS` on that of 1 − value; to three digits. No draw depends on other optimizers.
        """
        generator = np.random.default_rng([self.seed, *base.encode()])
        drawn = {}
        for key, (low, high) in self.spaces[base].items():
            place = (generator.permutation(self.budget) + generator.random(self.budget)) / self.budget
            ends = (1 - high, 1 - low) if _is_decay(key) else (low, high)
            values = [float(f"{value:.3g}") for value in np.exp(np.log(ends[0]) + place * np.log(ends[1] / ends[0]))]
            drawn[key] = [round(1 - value, 12) for value in values] if _is_decay(key) else values
        return [dict(zip(drawn, row, strict=True)) for row in zip(*drawn.values(), strict=True)]

    def winners(self) -> dict[str, tuple[str, str]]:
        """List what is trained again with the best settings: id -> optimizer and criterion."""
        return {f"{base}_tuned_{criterion}": (base, criterion) for base in self.spaces for criterion in CRITERIA}


Sweep = Annotated[RateSweep | TuningSweep, Field(discriminator="kind")]


class _Section(Settings):
    sweeps: dict[str, Sweep] = Field({})


def members(name: str, sweep: RateSweep | TuningSweep) -> list[Member]:
    """List the members of the sweep `name`, optimizer by optimizer."""
    return [
        Member(f"{base}_{name}_{number}", base, number, values)
        for base in sweep.bases
        for number, values in enumerate(sweep.configurations(base), 1)
    ]


def expand_sweeps(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Add the blocks of all sweeps to `optimizers`, and put them in place of the sweeps that suites name.

    Args: values: the configuration, every `like` expanded. Errors: UserError for a bad sweep, one of an optimizer that is not
    there, or that makes an id which is.
    """
    section: _Section = validate(_Section, {"sweeps": values.get("sweeps", {})}, where)
    optimizers, suites = values.get("optimizers"), values.get("suites")
    if not section.sweeps or not isinstance(optimizers, Mapping):
        return dict(values)
    made, stands_for, tuned = dict(optimizers), dict[str, list[str]](), dict[str, list[str]]()
    for name, sweep in section.sweeps.items():
        for base in sweep.bases:
            if not isinstance(optimizers.get(base), Mapping):
                raise UserError(f"{where}: sweeps.{name}: no {base!r} under optimizers.{nearest(base, optimizers)}")
            if isinstance(sweep, TuningSweep):
                _check_keys(optimizers[base], sweep.spaces[base], f"{where}: sweeps.{name}.spaces.{base}")
        added = {member.id: _varied(optimizers[member.base], member, where, name) for member in members(name, sweep)}
        stands_for[name] = list(added)
        if isinstance(sweep, TuningSweep):  # until its settings are selected, a winner stands there with those of its base
            labels = {id: f"{_label(optimizers, base)}, tuned ({how})" for id, (base, how) in sweep.winners().items()}
            won = {id: {**optimizers[base], "label": labels[id]} for id, (base, _) in sweep.winners().items()}
            stands_for[name], added = list(won), added | won
        if isinstance(sweep, TuningSweep):
            for other, bases in tuned.items():
                if both := sorted(set(bases) & set(sweep.spaces)):
                    raise UserError(
                        f"{where}: sweeps.{name}: {both[0]} is tuned by sweeps.{other} already, and what wins is named by its "
                        f"optimizer; change sweeps.{other} instead, or take a copy of the optimizer: mine: {{like: {both[0]}}}."
                    )
            tuned[name] = list(sweep.spaces)
        if taken := sorted({name, *added} & set(made)):
            raise UserError(f"{where}: sweeps.{name}: there is an optimizer {taken[0]!r} already; name the sweep otherwise.")
        made |= added
    result = {**values, "optimizers": made}
    if isinstance(suites, Mapping):
        result["suites"] = {id: _named_by(suite, stands_for) for id, suite in suites.items()}
    return result


def _varied(block: Mapping[str, Any], member: Member, where: str, sweep: str) -> dict[str, Any]:
    """Copy a block with the values of a member in it."""
    changed = copy.deepcopy(dict(block))
    for key, value in member.values.items():
        *path, last = key.split(".")
        place: Any = changed
        for part in path:
            place = place.setdefault(part, {}) if isinstance(place, dict) else None
        if not isinstance(place, dict) or isinstance(place.get(last), Mapping):
            raise UserError(f"{where}: sweeps.{sweep}: {key} of {member.base} is a block; name a key within, such as {key}.base.")
        place[last] = value
    shown = f"{next(iter(member.values.values())):g}" if len(member.values) == 1 else f"{member.number}"
    return changed | {"label": f"{block.get('label') or member.base}, {shown}"}


def _named_by(suite: Any, stands_for: Mapping[str, list[str]]) -> Any:
    if not isinstance(suite, Mapping) or not isinstance(suite.get("optimizers"), list):
        return suite  # the settings model says what is wrong
    return {**suite, "optimizers": [id for name in suite["optimizers"] for id in _members_or_name(name, stands_for)]}


def _members_or_name(name: Any, stands_for: Mapping[str, list[str]]) -> Iterator[Any]:
    yield from stands_for[name] if isinstance(name, str) and name in stands_for else [name]


def _label(optimizers: Mapping[str, Any], base: str) -> str:
    return str(optimizers[base].get("label") or base)


def _is_decay(key: str) -> bool:
    return key.rpartition(".")[2] in DECAYS


def _check_keys(block: Mapping[str, Any], space: Mapping[str, Any], where: str) -> None:
    for key in space:
        *path, last = key.split(".")
        known = keys_at(OptimizerSettings, (str(block.get("method")), *path))
        if last not in known and path[:1] != ["options"]:  # those of an imported optimizer, which it checks itself
            raise UserError(f"{where}: unknown key {key!r}.{nearest(last, known)}")


def _check_range(where: str, bounds: Any, decay: bool) -> None:
    if isinstance(bounds, list) and (text := next((each for each in bounds if isinstance(each, str)), None)):
        raise ValueError(f"{where}: {text!r} is text, not a number; write it without quotes and with a point, such as 1.0e-3")
    numbers = isinstance(bounds, list) and all(isinstance(each, int | float) and not isinstance(each, bool) for each in bounds)
    if not numbers or len(bounds) != 2:
        raise ValueError(f"{where} must be [low, high]: a list of values would give {where.split('.')[0]} a budget of its own")
    low, high = bounds
    if not low < high or (high >= 1 or low < 0 if decay else low <= 0):
        raise ValueError(f"{where} must be [low, high] with {'0 <= low < high < 1' if decay else '0 < low < high'}")
