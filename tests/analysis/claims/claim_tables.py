"""Tables of metrics that tests of the claims share."""

import numpy as np
import pandas as pd

from stability_gap.analysis.claims import CLAIMS, Terms, judge

CLASS = Terms(incremental={"b": "class"})
DOMAIN = Terms(incremental={"b": "domain"})
PAPER = ("adam", "msgd", "ngm_sgd", "sgd")
REFERENCES = ("first", "previous")
NOISE = np.array([-0.9, 0.7, -0.5, 0.3, -0.1, 0.1, -0.3, 0.5, -0.7, 0.9]) * 0.01
"""ten seeds, mean zero"""

Value = float | np.ndarray


def rows(optimizer: str, metric: str, *values: Value, first: int | None = None, seeds: int = 10) -> pd.DataFrame:
    """One value for the stream, or one per context from `first` on; noise of each optimizer and context is its own."""
    tables = []
    for i, value in enumerate(values):
        noise = np.roll(NOISE, len(optimizer) + 3 * i)[:seeds] if np.isscalar(value) else 0.0
        tables.append(
            pd.DataFrame(
                {
                    "benchmark": "b",
                    "optimizer": optimizer,
                    "seed": np.arange(seeds),
                    "metric": metric,
                    "context": None if first is None else first + i,
                    "value": np.broadcast_to(value, seeds) + noise,
                }
            )
        )
    return pd.concat(tables).astype({"context": "Int16"})


def gaps(seeds: int = 10, metric: str = "avg_sg", **means: Value) -> pd.DataFrame:
    """A gap of each optimizer, the same for both references."""
    return pd.concat([rows(o, f"{metric}_{r}", mean, seeds=seeds) for o, mean in means.items() for r in REFERENCES])


def accuracies(**means: Value) -> pd.DataFrame:
    return pd.concat([rows(o, "avg_acc", mean) for o, mean in means.items()])


def verdicts(number: int, metrics: pd.DataFrame, terms: Terms = CLASS, **more) -> pd.DataFrame:
    return judge(metrics, terms, claims=[each for each in CLAIMS if each.number == number], **more)


def verdict(
    number: int, metrics: pd.DataFrame, terms: Terms = CLASS, reference: str | None = None, optimizer: str | None = None
) -> tuple[str, str]:
    """The one verdict and evidence of a claim (for one reference, one optimizer)."""
    found = verdicts(number, metrics, terms)
    for column, value in (("reference", reference), ("optimizer", optimizer)):
        if value:
            found = found[found[column] == value]
    (row,) = found.to_dict("records")
    return row["verdict"], row["evidence"]
