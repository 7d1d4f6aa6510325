"""Read another run whose learning rates a run follows (PROTOCOL §3, sgd_matched)."""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from stability_gap import files
from stability_gap.errors import UserError
from stability_gap.learners.rates import Donor

COLUMNS = ["seed", "iteration", "learning_rate", "gain_output"]

log = logging.getLogger(__name__)


def read_donors(
    folders: Sequence[Path], benchmark: str, optimizer: str, stream: str, seeds: list[int], updates: int
) -> dict[int, Donor]:
    """Read what each seed follows; from where that diverged it is NaN.

    Args:
        folders: run folders of the same benchmark, each seed in one of them. optimizer: that the settings name. stream: digest of
        the stream, and updates: T, both of the run that follows.

    Errors: UserError where a donor is of another benchmark, optimizer, stream or length, or diverged at its first update; where a
    seed is in none or in two of them.
    """
    found: dict[int, Donor] = {}
    for folder in folders:
        _check_facts(folder, benchmark, optimizer, stream)
        table = files.read_parquet(folder / "training.parquet", COLUMNS)
        for seed in sorted(set(table["seed"]) & set(seeds)):
            if seed in found:
                raise UserError(f"donors {', '.join(map(str, folders))} hold two runs of seed {seed}; name one of them only.")
            found[seed] = _donor(table[table["seed"] == seed].sort_values("iteration"), f"donor {folder}", seed, updates)
    if missing := [seed for seed in seeds if seed not in found]:
        raise UserError(f"donor {', '.join(map(str, folders))} has no run of seed {missing[0]}; train it first.")
    return found


def digest(donor: Donor) -> str:
    """Digest what was read of a run: sha256, first 16 hex digits, of its learning rates and then its gains, float32."""
    return hashlib.sha256(np.concatenate(donor).astype("<f4").tobytes()).hexdigest()[:16]


def _check_facts(folder: Path, benchmark: str, optimizer: str, stream: str) -> None:
    facts = files.read_json(folder / "run.json")
    if not isinstance(facts, dict) or facts.get("benchmark") != benchmark:
        raise UserError(
            f"donor {folder} is no run of {benchmark}; a run can follow the learning rates of one on its own benchmark only."
        )
    if facts.get("optimizer") != optimizer:
        raise UserError(
            f"donor {folder} is a run of {facts.get('optimizer')}, but the settings follow {optimizer}; name a folder of that."
        )
    if facts.get("stream_digest") != stream:
        raise UserError(f"donor {folder} was trained on another stream of {benchmark} (stream_digest); train it again.")


def _donor(rows: pd.DataFrame, where: str, seed: int, updates: int) -> Donor:
    if rows["iteration"].tolist() != list(range(1, updates + 1)):
        raise UserError(f"{where} has {len(rows)} updates of seed {seed}, not {updates}; train it again.")
    rate, gain = (rows[name].to_numpy(dtype=np.float64, copy=True) for name in COLUMNS[2:])
    if len(broken := np.flatnonzero(~(np.isfinite(rate) & np.isfinite(gain)))):
        first = int(broken[0])
        if first == 0:
            raise UserError(f"{where} diverged with seed {seed} at iteration 1, so it has no learning rates. Choose another.")
        log.warning("%s diverged with seed %d at iteration %d; what follows it ends there", where, seed, first + 1)
        rate[first:] = gain[first:] = np.nan
    return rate, gain
