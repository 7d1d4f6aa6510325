"""Measure the stability gap of anybody's learning curves, and modulate gains as noradrenaline does (arXiv 2507.14056).

What is here is loaded when it is used first:

- `measure`: every metric of every seed, from arrays, tables, files or run folders
- `compare`: tests between curves, paired by seed
- `draw_curves`, `draw_zoom`: the figures
- `Recorder`: writes the curves of a training loop of one's own
- `GainModulation`: puts the paper's gain on layers of any torch model

`help(stability_gap.measure)` and so on show an example each. docs/own-curves.md and docs/gain.md tell more.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stability_gap.api import compare, draw_curves, draw_zoom, measure
    from stability_gap.curves.recorder import Recorder
    from stability_gap.learners.gain import GainModulation

__version__ = "0.1.0"
__all__ = ["GainModulation", "Recorder", "compare", "draw_curves", "draw_zoom", "measure"]

_HOMES = {"GainModulation": "learners.gain", "Recorder": "curves.recorder"}


def __getattr__(name: str) -> Any:
    """Import what is asked for (PEP 562). Errors: AttributeError for any other name."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES.get(name, 'api')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List what is public, whether it is loaded or not."""
    return sorted({*globals(), *__all__})
