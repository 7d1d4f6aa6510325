"""Copy blocks of the configuration by `like:`."""

from collections.abc import Mapping
from typing import Any

from stability_gap.errors import UserError
from stability_gap.settings import Look, nearest


def expand_likes(blocks: Mapping[Any, Any], where: str) -> dict[str, Any]:
    """Replace `{b: {like: a, x: 1}}` by a copy of a, but for its look, with x replaced; chains of any length are followed.

    Returns: the blocks by id, as text. Errors: UserError where `like` names no block, or itself in the end.
    """
    named = {str(name): block for name, block in blocks.items()}
    expanded: dict[str, Any] = {}
    for name in named:
        for link in reversed(_chain(name, named, expanded, where)):
            block = named[link]
            if _is_copy(block):
                parent = expanded[str(block["like"])]
                copied = {key: value for key, value in parent.items() if key not in Look.model_fields}
                block = copied | {key: value for key, value in block.items() if key != "like"}
            expanded[link] = block
    return {name: expanded[name] for name in named}


def _chain(name: str, named: dict[str, Any], expanded: dict[str, Any], where: str) -> list[str]:
    """List `name`, the block it copies, the block that one copies, …, up to one that is expanded already or copies none."""
    chain: list[str] = []
    passed: set[str] = set()
    while name not in expanded:
        chain.append(name)
        passed.add(name)
        if not _is_copy(named[name]):
            break
        parent = named[name]["like"]
        if not isinstance(parent, str | int) or not isinstance(named.get(str(parent)), Mapping):
            raise UserError(f"{where}.{name}.like: no block {parent!r}.{nearest(str(parent), named)}")
        if str(parent) in passed:
            raise UserError(f"{where}.{name}.like: {_shortened([*chain, str(parent)])} is a circle.")
        name = str(parent)
    return chain


def _is_copy(block: Any) -> bool:
    return isinstance(block, Mapping) and "like" in block


def _shortened(chain: list[str]) -> str:
    return " -> ".join(chain if len(chain) <= 10 else [*chain[:4], "…", *chain[-4:]])
