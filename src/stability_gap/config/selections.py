"""Read what tuning selected (`results/selections/`, docs/data-contracts.md) into the settings of a cell."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stability_gap import files
from stability_gap.errors import UserError


def with_selected(cell: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Put the selected settings of the optimizer of a cell in place of its own. Errors: UserError where none were selected."""
    selected = files.read_json(path)
    name = cell.get("optimizer")
    if not isinstance(selected, Mapping) or name not in selected:
        raise UserError(f"{path} has no settings for {name}; delete it and select again.")
    return {**cell, "optimizer_settings": selected[name]["settings"]}
