"""Run folders on disk: evaluations.parquet, training.parquet, run.json (docs/data-contracts.md)."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stability_gap import files
from stability_gap.experiment.recording import Record


def write(records: Mapping[int, Record], facts: Mapping[str, Any], folder: Path) -> None:
    """Write the three files of a run folder; run.json, last, holds `facts` and how each seed was trained and ended.

    Args:
        records: seed -> its record. facts: what else run.json tells.
    """
    files.write_parquet(folder / "evaluations.parquet", evaluation_table(records))
    files.write_parquet(folder / "training.parquet", training_table(records))
    seeds = {
        str(seed): {
            "status": "completed" if each.diverged_at is None else "diverged",
            "diverged_at": each.diverged_at,
            **asdict(each.way),
        }
        for seed, each in records.items()
    }
    files.write_json(folder / "run.json", {**facts, "seeds": seeds})


def evaluation_table(records: Mapping[int, Record]) -> pd.DataFrame:
    """Rows of evaluations.parquet, sorted by seed, iteration, task."""
    parts = []
    for seed, each in sorted(records.items()):
        time = each.timeline
        position, task = np.nonzero(np.arange(time.contexts) < time.covered[:, None])
        iterations = time.evaluated[position]
        parts.append(
            pd.DataFrame(
                {
                    "seed": np.full(len(position), seed, np.int32),
                    "iteration": iterations.astype(np.int32),
                    "context": time.context_of(iterations).astype(np.int16),
                    "task": (task + 1).astype(np.int16),
                    "accuracy": each.accuracy[position, task],
                    "loss": each.loss[position, task],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def training_table(records: Mapping[int, Record]) -> pd.DataFrame:
    """Rows of training.parquet, sorted by seed, iteration."""
    parts = []
    for seed, each in sorted(records.items()):
        iterations = np.arange(1, each.timeline.updates + 1)
        keys = {
            "seed": np.full(len(iterations), seed, np.int32),
            "iteration": iterations.astype(np.int32),
            "context": each.timeline.context_of(iterations).astype(np.int16),
        }
        parts.append(pd.DataFrame(keys | dict(each.training)))
    return pd.concat(parts, ignore_index=True)
