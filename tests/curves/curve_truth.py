"""The curves that every file in examples/ holds: two tasks, four updates each."""

from pathlib import Path

import pandas as pd

EXAMPLES = Path(__file__).parent / "examples"

FIRST = [0.5, 0.7, 0.8, 0.9, 0.3, 0.6, 0.8, 0.9]
SECOND = [0.2, 0.5, 0.7, 0.8]
FIRST_LOSS = [1.1, 0.9, 0.7, 0.5, 1.6, 1.0, 0.7, 0.5]
SECOND_LOSS = [1.8, 1.2, 0.8, 0.6]


def evaluations(seed: int = 0, loss: bool = False) -> pd.DataFrame:
    """The curves as docs/data-contracts.md has them."""
    rows = [(seed, i, 1 + (i > 4), 1, FIRST[i - 1], FIRST_LOSS[i - 1]) for i in range(1, 9)]
    rows += [(seed, i, 2, 2, SECOND[i - 5], SECOND_LOSS[i - 5]) for i in range(5, 9)]
    columns = ["seed", "iteration", "context", "task", "accuracy", "loss"]
    table = pd.DataFrame(rows, columns=columns).sort_values(["iteration", "task"], ignore_index=True)
    table = table.astype({"seed": "int32", "iteration": "int32", "context": "int16", "task": "int16"})
    return table if loss else table.drop(columns="loss")


def wide(iterations: range = range(1, 9)) -> pd.DataFrame:
    """The curves with a column per task, empty where it was not seen."""
    return pd.DataFrame({"iteration": list(iterations), "acc_task1": FIRST, "acc_task2": [None] * 4 + SECOND})
