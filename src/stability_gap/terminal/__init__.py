"""Tell on the terminal how far the workflow is and how long it will take."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stability_gap.terminal.suite import Suite

# The Snakefile and Snakemake's logger plugin run in one process but know nothing of each other.
_announced: list[Suite] = []


def announce(suite: Suite) -> None:
    """Tell the logger plugin what is being made."""
    _announced[:] = [suite]


def announced() -> Suite | None:
    """Return what the Snakefile announced; None before it was read."""
    return _announced[0] if _announced else None
