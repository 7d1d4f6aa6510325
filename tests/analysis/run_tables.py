"""Evaluations, training tables and run folders that tests of the analysis share."""

import numpy as np
import pandas as pd

from stability_gap.files import write_json, write_parquet


def evaluations(seeds: dict[int, list[list[float]]], blocks: list[int], every: int = 1) -> pd.DataFrame:
    """Evaluations of seeds, each given by its curves: per task the accuracies from its own block on."""
    contexts = np.repeat(np.arange(1, len(blocks) + 1), blocks)
    rows = [
        (seed, every * (t + 1), contexts[t], task, value)
        for seed, curves in seeds.items()
        for task, curve in enumerate(curves, start=1)
        for t, value in enumerate(curve, start=len(contexts) - len(curve))
    ]
    table = pd.DataFrame(rows, columns=["seed", "iteration", "context", "task", "accuracy"])
    types = {"seed": "int32", "iteration": "int32", "context": "int16", "task": "int16", "accuracy": "float32"}
    return table.sort_values(["seed", "iteration", "task"], ignore_index=True).astype(types)


# Seed 42, switch 2: task 1 from .8 to .2 (gap .6/.8 = .75), back within a point at its third iteration, final .8.
TWO = {42: [[0.5, 0.8, 0.2, 0.6, 0.8], [0.1, 0.3, 0.5]], 43: [[0.4, 0.5, 0.5, 0.5, 0.5], [0.6, 0.6, 0.7]]}
BLOCKS = [2, 3]


def value(table: pd.DataFrame, metric: str, seed: int = 42, context: int | None = None) -> float:
    rows = table[(table["metric"] == metric) & (table["seed"] == seed)]
    rows = rows[rows["context"].isna()] if context is None else rows[rows["context"] == context]
    assert len(rows) == 1, (metric, seed, context)
    return rows["value"].iloc[0]


def training(gains: dict[int, list[list[float]]], blocks: list[int]) -> pd.DataFrame:
    """Training table of seeds; per iteration the gains of its layers."""
    contexts = np.repeat(np.arange(1, len(blocks) + 1), blocks)
    rows = [
        {"seed": seed, "iteration": t, "context": context, **{f"gain_{i}": gain for i, gain in enumerate(layers)}}
        for seed, per_iteration in gains.items()
        for t, (context, layers) in enumerate(zip(contexts, per_iteration, strict=True), start=1)
    ]
    return pd.DataFrame(rows).astype({"seed": "int32", "iteration": "int32", "context": "int16"})


def write_run(folder, table: pd.DataFrame, **described) -> None:
    write_parquet(folder / "evaluations.parquet", table)
    if described:
        write_json(folder / "run.json", described)


good = evaluations(TWO, BLOCKS)


def broken(**changes) -> pd.DataFrame:
    return good.assign(**changes)


def at(table: pd.DataFrame, row: int, column: str, new: float) -> pd.DataFrame:
    table.loc[row, column] = new
    return table
