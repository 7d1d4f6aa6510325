"""Read another run whose learning rates a run follows (PROTOCOL §3, sgd_matched)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from stability_gap import files
from stability_gap.errors import UserError
from stability_gap.learners.rates import Donor

COLUMNS = ["seed", "iteration", "learning_rate", "gain_output"]


def read_donors(folders: Sequence[Path], benchmark: str, seeds: list[int], updates: int) -> dict[int, Donor]:
    """Read what each seed follows.

    Args:
        folders: run folders of the same benchmark, each seed in one of them. updates: T, of the run that follows.

    Errors: UserError where a donor is of another benchmark or length, diverged, or a seed is in none.
    """
    found: dict[int, Donor] = {}
    for folder in folders:
        facts = files.read_json(folder / "run.json")
        if not isinstance(facts, dict) or facts.get("benchmark") != benchmark:
            raise UserError(
                f"donor {folder} is no run of {benchmark}; a run can follow the learning rates of one on its own benchmark only."
            )
        table = files.read_parquet(folder / "training.parquet", COLUMNS)
        for seed in sorted(set(table["seed"]) & set(seeds)):
            found[seed] = _donor(table[table["seed"] == seed].sort_values("iteration"), f"donor {folder}", seed, updates)
    if missing := [seed for seed in seeds if seed not in found]:
        raise UserError(f"donor {', '.join(map(str, folders))} has no run of seed {missing[0]}; train it first.")
    return found


def _donor(rows: pd.DataFrame, where: str, seed: int, updates: int) -> Donor:
    if rows["iteration"].tolist() != list(range(1, updates + 1)):
        raise UserError(f"{where} has {len(rows)} updates of seed {seed}, not {updates}; train it again.")
    rate, gain = (rows[name].to_numpy(dtype=np.float64) for name in COLUMNS[2:])
    finite = np.isfinite(rate) & np.isfinite(gain)
    if not finite.all():
        first = int(finite.argmin()) + 1
        raise UserError(f"{where} diverged with seed {seed} at iteration {first}; its learning rates end there. Choose another.")
    return rate, gain
