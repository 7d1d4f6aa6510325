"""Flip single bits of a parquet file that the pipeline wrote: reading must give an error or the same numbers.

python benchmarks/damaged_parquet.py results/runs/.../evaluations.parquet [FLIPS]
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from stability_gap.errors import UserError
from stability_gap.files import read_parquet


def main(path: Path, flips: int) -> int:
    content = path.read_bytes()
    whole = read_parquet(path)
    columns = list(whole)
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    random = np.random.default_rng(0)
    # Half of the flips in the footer, which is small beside the pages.
    bits = [*random.integers(0, 8 * len(content), flips // 2), *random.integers(8 * footer, 8 * len(content), flips - flips // 2)]
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        damaged = Path(folder) / path.name
        for bit in bits:
            changed = bytearray(content)
            changed[bit // 8] ^= 1 << bit % 8
            damaged.write_bytes(changed)
            part = "footer" if bit // 8 >= footer else "pages"
            try:
                read = read_parquet(damaged, columns)
            except UserError as error:
                found[f"{part}: error from {type(error.__cause__).__name__}"] += 1
                continue
            try:
                pd.testing.assert_frame_equal(read, whole, check_exact=True)
            except AssertionError:
                found[f"{part}: OTHER NUMBERS"] += 1
            else:
                found[f"{part}: the same numbers"] += 1
    for outcome, count in sorted(found.items()):
        print(f"{count:6d}  {outcome}")
    return int(any("OTHER" in outcome for outcome in found))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 2000))
