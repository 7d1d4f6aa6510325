"""Define the base of every settings model, and put what is wrong with a setting into one sentence."""

import difflib
import json
import math
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from stability_gap.errors import UserError

MARKER = r"^([.,ov^<>1-48spP*hH+xXdD|_]|\$[^$]+\$)$"  # a name of matplotlib's, or a symbol such as $α$
SCALARS: dict[str, Any] = {"int_type": int, "float_type": float | int, "bool_type": bool}  # pydantic's problem -> wanted


class Settings(BaseModel):
    """Validate strictly; immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Look(Settings):
    """Say how tables and figures show a benchmark or an optimizer; no result depends on it: no dump has it, `like` leaves it."""

    label: str | None = Field(None, min_length=1, exclude=True, description="name in tables and figures; left out: the id")
    colour: str | None = Field(
        None, pattern="^#[0-9A-Fa-f]{6}$", exclude=True, description="such as '#D55E00'; left out: the next of a fixed list"
    )
    marker: str | None = Field(
        None, pattern=MARKER, exclude=True, description="as matplotlib names it; left out: the next of a fixed list"
    )


T = TypeVar("T")


def validate(annotation: type[T] | Any, values: Any, where: str) -> T:
    """Turn `values` into an instance of a settings model or union; `where` names the file or key in the message.

    Errors: UserError, one line per problem: the key, what is wrong, the fix.
    """
    try:
        return TypeAdapter(annotation).validate_python(values)  # type: ignore[no-any-return]
    except ValidationError as error:
        # A block copied by `like` repeats its problems: each is told once, where it first stands.
        problems = {_same_problem(problem): problem for problem in reversed(error.errors())}
        raise UserError("\n".join(_explain(each, annotation, values, where) for each in reversed(problems.values()))) from error


def are_recorded(ours: BaseModel, recorded: Any) -> bool:
    """Tell whether plain values, as in a run.json, are these settings; keys that a model got later have their defaults there."""
    try:
        return type(ours).model_validate_json(json.dumps(recorded)).model_dump() == ours.model_dump()
    except ValidationError:
        return False


def _same_problem(problem: Any) -> tuple[Any, ...]:
    """Tell what two copies of a block have in common: all but the block's id, the second part of a location of three or more."""
    location = problem["loc"]
    copied = (location[0], *location[2:]) if len(location) > 2 else location
    return copied, problem["msg"], repr(problem["input"])


def _explain(problem: Any, annotation: Any, values: Any, where: str) -> str:
    key = ".".join(_written_keys(problem["loc"], values))
    value = problem["input"]
    at = f"{where}: {key}" if key else where
    match problem["type"]:
        case "extra_forbidden":
            return f"{at}: unknown key.{nearest(str(problem['loc'][-1]), keys_at(annotation, problem['loc'][:-1]))}"
        case "missing":
            return f"{at}: missing; add this key."
        case kind if kind in SCALARS and isinstance(value, str) and isinstance(_unquoted(value), SCALARS[kind]):
            why = "on the command line, what stands within a block is text, so put the block into a file (--configfile)"
            return f"{at}: {value!r} is text; write {value} without quotes ({why})."
        case "float_type" | "int_type" | "int_from_float" if isinstance(value, str) and _is_number(value):
            return f"{at}: {value!r} is text to YAML 1.1, not a number; write {float(value):g} or 1.0e-3 with a point."
        case "union_tag_invalid":
            tag, key, known = (
                str(problem["ctx"][part]).replace("'", "").removesuffix("()")
                for part in ("tag", "discriminator", "expected_tags")
            )
            return f"{at}.{key}: no {tag!r}.{nearest(tag, known.split(', '))}"
        case "union_tag_not_found":
            key = problem["ctx"]["discriminator"].replace("'", "").removesuffix("()")
            return f"{at}.{key}: missing; add this key."
        case "value_error":
            return f"{at}: {problem['ctx']['error']}"
        case _:
            shown = "" if isinstance(value, dict) else f" (is {value!r})"
            return f"{at}: {problem['msg'].removeprefix('Input ')}{shown}."


def _written_keys(location: tuple[str | int, ...], values: Any) -> list[str]:
    """List the keys of `location` that stand in the file: pydantic also names the chosen member of a union."""
    keys = []
    for position, part in enumerate(location):
        is_last = position == len(location) - 1
        if not isinstance(values, dict | list) or (isinstance(values, dict) and part not in values and not is_last):
            continue
        keys.append(str(part))
        if not is_last:
            values = values[part]  # type: ignore[index]  # positions in lists, keys in mappings
    return keys


def _unquoted(text: str) -> Any:
    """Read text as YAML would without quotes."""
    import yaml

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return None


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def keys_at(annotation: Any, location: tuple[str | int, ...]) -> set[str]:
    """List the keys that the settings model at a location knows; a location passes fields, ids, positions and union tags."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not location:
            return set(annotation.model_fields)
        field = annotation.model_fields.get(str(location[0]))
        return keys_at(field.annotation, location[1:]) if field else set()
    members = get_args(annotation)
    if get_origin(annotation) in (dict, list):
        return keys_at(members[-1], location[1:]) if location else set()
    tagged = [member for member in members if location and location[0] in _tags(member)]
    return set().union(
        *(keys_at(member, location[1:]) for member in tagged) if tagged else (keys_at(each, location) for each in members)
    )


def _tags(member: Any) -> set[Any]:
    fields = getattr(member, "model_fields", {}).values()
    return {value for field in fields if get_origin(field.annotation) is Literal for value in get_args(field.annotation)}


def nearest(word: str, known: Any) -> str:
    """Suggest the known word close to `word`, else list the known ones."""
    close = difflib.get_close_matches(word, list(known), n=1)
    if close:
        return f" Did you mean {close[0]!r}?"
    return f" Known: {', '.join(sorted(known))}."
