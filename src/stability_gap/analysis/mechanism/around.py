"""Average what was measured around switches, for figures: over the switches of a seed, then over seeds."""

import numpy as np
import pandas as pd

from stability_gap.analysis.bands import band


def around_switches(table: pd.DataFrame, quantity: str, *, geometric: bool = False) -> pd.DataFrame:
    """Mean of a quantity at each distance from the switch: `benchmark, optimizer, since, mean, low, high, n`.

    The mean over the switches of each seed comes first; mean and 95 % t interval are over seeds.

    Args:
        table: mechanism.csv. geometric: average logarithms, of what differs by factors; the result is in the quantity's unit.
    """
    rows = table[table["quantity"] == quantity]
    if geometric:
        rows = rows[rows["value"] > 0].assign(value=lambda kept: np.log(kept["value"]))
    keys = ["benchmark", "optimizer", "since"]
    seeds = rows.groupby([*keys, "seed"])["value"].mean().reset_index()
    result = band(seeds, keys, "value")
    if geometric:
        result[["mean", "low", "high"]] = np.exp(result[["mean", "low", "high"]])
    return result
