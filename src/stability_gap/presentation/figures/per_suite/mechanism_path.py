"""What old and new data ask for around a switch, and the way that the weights take.

Cosine of the gradients of old and new data with respect to the effective weights; length of the old gradient over that of the
new; mean loss on old training data on the way that the weights took, and along the straight line from the weights at the switch
to those at the end of the context: where that never rises above its ends, a way without a gap was there. Means over switches,
then over seeds (geometric but for the cosine), with 95 % t intervals over seeds.
"""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from stability_gap.presentation.figures.per_suite.mechanism import draw_rows
from stability_gap.presentation.looks import Looks

INPUTS = ("mechanism.csv",)

_PANELS = {
    "gradient_cosine": "cosine of gradients",
    "gradient_ratio": "|old| / |new gradient|",
    "old_loss": "old loss, way taken",
    "line_loss": "old loss, straight line",
}


def draw_suite(tables: Mapping[str, pd.DataFrame], looks: Looks, terms: Mapping[str, float]) -> Figure:
    """Draw one row of panels per benchmark: gradients of old and new data, and the loss along the way and along the line.

    tables: `mechanism.csv`.
    """
    factors = set(_PANELS) - {"gradient_cosine"}
    return draw_rows(tables["mechanism.csv"], looks, _PANELS, logarithmic=factors, alike={"old_loss", "line_loss"})
