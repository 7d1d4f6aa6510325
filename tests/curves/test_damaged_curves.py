"""Whatever a file of curves holds, it is read or refused in a sentence: the examples, damaged at random."""

import json
import random
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from curve_truth import EXAMPLES

from stability_gap.analysis.checks import check_evaluations
from stability_gap.curves.content import read_content
from stability_gap.curves.options import Options
from stability_gap.curves.registry import formats, read
from stability_gap.errors import UserError

OPTIONS = [
    Options(),
    Options(context_length=4),
    Options(switches=[4], percent=True),
    Options(context_length=1, count_from=0),
    Options(context_length=10**9, count_from=1, seed=7),
]
WEIRD = [None, "x", "", -1, 0, 1e308, float("nan"), float("inf"), 2**70, True, [1], {"a": 1}, "1e5", "0,5", "1_0", 10**30]
TABLES_ONLY = [pd.Timestamp("2020"), b"a", 1 + 2j, pd.NA, pd.NaT]


def of_bytes(example: Path, chance: random.Random) -> bytes:
    raw = bytearray(example.read_bytes())
    for _ in range(chance.randrange(1, 6)):
        raw[chance.randrange(len(raw))] = chance.choice(b'0123456789.,-\n"[]{}eN \x80')
    return bytes(raw)


def of_table(example: Path, chance: random.Random, path: Path) -> None:
    table = pd.read_csv(example).astype(object)
    for _ in range(chance.randrange(1, 3)):
        name, value = chance.choice(list(table.columns)), chance.choice(WEIRD + TABLES_ONLY)
        hit = [chance.random() < 0.3 for _ in table.index]
        table[name] = pd.Series([value if here else kept for here, kept in zip(hit, table[name], strict=True)], dtype=object)
    try:
        table.infer_objects().to_parquet(path, index=False)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):  # what parquet cannot hold
        table.to_csv(path, index=False)


def of_document(example: Path, chance: random.Random) -> str:
    def change(value: object) -> object:
        if isinstance(value, dict | list) and value and chance.random() < 0.9:
            at = chance.choice(list(value) if isinstance(value, dict) else range(len(value)))
            value[at] = change(value[at])
            return value
        return chance.choice(WEIRD)

    return json.dumps(change(json.loads(example.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("example", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
def test_damaged_curves_are_read_or_refused(example, tmp_path):
    chance, path, refusals = random.Random(example.name), tmp_path / "curves", []
    for number in range(60):
        if number % 3 == 0:
            path.write_bytes(of_bytes(example, chance))
        elif example.suffix == ".csv":
            of_table(example, chance, path)
        else:
            path.write_text(of_document(example, chance), encoding="utf-8")
        try:
            table = read(read_content(path), chance.choice(OPTIONS), chance.choice([None, *formats()]))
        except UserError as error:
            refusals.append(str(error))
        else:
            check_evaluations(table, "curves")
    assert len(refusals) > 20
    assert [text for text in refusals if str(path) not in text and "there is no format" not in text] == []
