"""Names written beside their points, where they cover the least."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

_DIRECTIONS = [(1, 0), (-1, 0), (0, 1), (0, -1), (0.8, 0.8), (-0.8, 0.8), (0.8, -0.8), (-0.8, -0.8)]
_ALIGN = {-1: ("right", "top"), 0: ("center", "center"), 1: ("left", "bottom")}


def place_labels(axes: Axes, labels: Sequence[tuple[float, float, str, str]], avoid: np.ndarray) -> None:
    """Write each label (x, y, text, colour; data coordinates) beside its point.

    `avoid`: (n, 2) points in data coordinates that the texts should not cover. Call it when the layout is final. Every
    text takes the place, of 32 around its point, that covers the fewest points and earlier texts and does not leave the
    panel; the same input gives the same places.
    """
    points = axes.transData.transform(np.vstack([avoid, [label[:2] for label in labels]]))
    points = points[np.isfinite(points).all(axis=1)]
    panel = axes.get_window_extent()
    taken: list[tuple[float, float, float, float]] = []
    for x, y, text, colour in labels:
        if not np.isfinite([x, y]).all():
            continue
        best = None
        for distance in (6.0, 12.0, 20.0, 28.0):
            for dx, dy in _DIRECTIONS:
                horizontal, vertical = _ALIGN[int(np.sign(dx))][0], _ALIGN[int(np.sign(dy))][1]
                note = axes.annotate(
                    text,
                    (x, y),
                    (dx * distance, dy * distance),
                    textcoords="offset points",
                    ha=horizontal,
                    va=vertical,
                    color=colour,
                    zorder=20,
                )
                box = note.get_window_extent().padded(3)
                inside = (points > [box.x0, box.y0]) & (points < [box.x1, box.y1])
                covered = sum(box.x0 < x1 and x0 < box.x1 and box.y0 < y1 and y0 < box.y1 for x0, y0, x1, y1 in taken)
                out = box.x0 < panel.x0 or box.x1 > panel.x1 or box.y0 < panel.y0 or box.y1 > panel.y1
                cost = inside.all(axis=1).sum() + 100 * covered + 100 * out + distance / 24
                if best is None or cost < best[0]:
                    if best is not None:
                        best[1].remove()
                    best = (cost, note, box)
                else:
                    note.remove()
        if best is not None:
            taken.append(best[2].extents)
