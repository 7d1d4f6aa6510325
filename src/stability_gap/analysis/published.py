"""Give benchmarks that stand for published ones their published numbers."""

from collections.abc import Mapping

import pandas as pd


def with_stand_ins(reference: pd.DataFrame, stand_ins: Mapping[str, str]) -> pd.DataFrame:
    """Add to a reference the rows of published benchmarks under the names of those that stand for them.

    reference: published numbers, or the authors' seeds. stand_ins: benchmark -> the one that it stands for.
    """
    copies = [reference[reference["benchmark"] == original].assign(benchmark=name) for name, original in stand_ins.items()]
    return pd.concat([reference, *copies], ignore_index=True)
