"""Ways to break a file or a configuration, for hypothesis to choose from."""

import copy
from typing import Any

from hypothesis import strategies as st

# Values that people and other programs put where another type is expected.
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([10**30, -(10**30), 2**31, 2**63]),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["", "0", "1e-3", "nan", "../x", "/", "digits", "sgd", "like", "{x}", "a b", "ngm_sgd", "\x00", "é", "x" * 300]
    ),
    st.lists(st.integers(-2, 3), max_size=3),
    st.dictionaries(st.sampled_from(["kind", "like", "seed", "x"]), st.integers(-1, 2), max_size=2),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to everything in nested mappings and lists."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []
    for key, inner in items:
        found += places(inner, (*path, key))
    return found


@st.composite
def damaged_values(draw: st.DrawFn, values: dict[str, Any]) -> dict[str, Any]:
    """A copy of nested values with one to three changes: something replaced, left out, added, or moved."""
    values = copy.deepcopy(values)
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(places(values)))
        holder = values
        for key in way:
            holder = holder[key]
        match draw(st.sampled_from(["replace", "replace", "drop", "add", "copy"])):
            case "replace":
                holder[last] = draw(JUNK)
            case "drop":
                del holder[last]
            case "add" if isinstance(holder, dict):
                holder[draw(st.one_of(st.text(max_size=5), st.sampled_from(["like", "seed", "label", "kind"])))] = draw(JUNK)
            case _:
                other: Any = values
                for key in draw(st.sampled_from(places(values))):
                    other = other[key]
                holder[last] = copy.deepcopy(other)
        if not places(values):
            break
    return values


@st.composite
def damaged_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """A copy of a file's content: cut, with bytes flipped, taken out, put in or repeated."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.sampled_from(["cut", "flip", "flip", "drop", "insert", "repeat"])):
            case "cut":
                del data[at:]
            case "flip" if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "drop":
                del data[at : at + draw(st.integers(1, 40))]
            case "insert":
                data[at:at] = draw(
                    st.one_of(st.binary(max_size=6), st.sampled_from([b"nan", b",", b"\n", b'"', b"-1", b"1e999", b"{", b"\xff"]))
                )
            case _:
                data[at:at] = data[at : at + draw(st.integers(1, 60))]
    return bytes(data)
