"""Keep how far a long run is, so that a job that was killed goes on from there."""

import hashlib
import io
import logging
import pickle
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from stability_gap import files
from stability_gap.errors import UserError
from stability_gap.experiment.evaluation import Evaluation
from stability_gap.experiment.learner import Learner
from stability_gap.experiment.machine import clocks
from stability_gap.experiment.recording import Recorder
from stability_gap.experiment.settings import CellSettings
from stability_gap.learners.settings import ImportedSettings

SECONDS_BETWEEN = 300.0  # shorter runs write none

log = logging.getLogger(__name__)


def may_go_on(settings: CellSettings) -> bool:
    """Whether a run's state is known whole: an imported optimizer may keep more than it tells, another run may be made anew."""
    optimizer = settings.optimizer_settings
    return not isinstance(optimizer, ImportedSettings) and optimizer.donor is None


class Clock:
    """When a job of several seeds writes: every few minutes, and where its seeds take longer than that together, as each ends."""

    def __init__(self, seeds: int) -> None:
        self.seeds, self.ended = seeds, 0
        self.started = self.written = time.monotonic()

    def is_due(self) -> bool:
        """Whether the job has written nothing for so long."""
        return time.monotonic() - self.written >= SECONDS_BETWEEN

    def end_is_due(self) -> bool:
        """Whether a seed that ends now is to be written; where it is not, less than those minutes are lost with it."""
        self.ended += 1
        return (time.monotonic() - self.started) * self.seeds / self.ended >= SECONDS_BETWEEN


@dataclass
class Checkpoint:
    """How far the run of one seed is: a file that is replaced every few minutes.

    Attributes:
        file: where. run: all that the run's numbers depend on, as plain values; the file of another run is not read.
        clock: of the job. resumed: the update after which the run went on; 0: it began anew. spent: what it had taken until then,
        see `clocks`.
    """

    file: Path
    run: Mapping[str, Any]
    clock: Clock
    resumed: int = 0
    spent: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._started = clocks()

    def resume(self, learner: Learner, recorder: Recorder, evaluation: Evaluation) -> int:
        """Bring all three to where the run was when its file was written; returns the updates done, 0 without a file."""
        kept = self._read()
        if kept is None:
            return 0
        learner.restore(kept["learner"])
        recorder.restore(kept["rows"])
        evaluation.restore(kept["updates"], kept["accuracy"], kept["loss"])
        self.resumed, self.spent = kept["updates"], kept["spent"]
        log.info("going on after update %d, as %s has it", self.resumed, self.file)
        return self.resumed

    def see(self, updates: int, learner: Learner, recorder: Recorder, evaluation: Evaluation) -> None:
        """Write the file after so many updates, if the job has written none for long. Where it cannot be, the run goes on."""
        if self.clock.is_due():
            self._write(updates, learner, recorder, evaluation)

    def end(self, updates: int, learner: Learner, recorder: Recorder, evaluation: Evaluation) -> None:
        """Write it after all updates of the seed, or where it diverged, so that a later job has it, unless the job is short."""
        if self.clock.end_is_due() and self.resumed < updates:
            self._write(updates, learner, recorder, evaluation)

    def _write(self, updates: int, learner: Learner, recorder: Recorder, evaluation: Evaluation) -> None:
        self.clock.written = time.monotonic()
        kept = {
            "run": dict(self.run),
            "updates": updates,
            "spent": {name: self.spent.get(name, 0.0) + now - self._started[name] for name, now in clocks().items()},
            "learner": learner.state(),
            "rows": recorder.rows,
            "accuracy": evaluation.accuracy,
            "loss": evaluation.loss,
        }
        torch.save(kept, buffer := io.BytesIO())
        content = buffer.getvalue()
        try:
            files.write_atomically(self.file, lambda temporary: temporary.write_bytes(hashlib.sha256(content).digest() + content))
        except UserError as error:
            log.warning("no checkpoint after update %d: %s", updates, error)

    def _read(self) -> dict[str, Any] | None:
        """What the file holds; None where there is none, or it is damaged or another run's."""
        try:
            sealed = self.file.read_bytes()
            seal, content = sealed[:32], sealed[32:]
            kept: dict[str, Any] | None = None
            if hashlib.sha256(content).digest() == seal:
                kept = torch.load(io.BytesIO(content), weights_only=True)
        except FileNotFoundError:
            return None
        except (OSError, RuntimeError, pickle.UnpicklingError) as error:
            log.warning("%s cannot be read, so the run begins anew: %s", self.file, error)
            return None
        if kept is None or kept["run"] != self.run:
            log.warning("%s is %s, so the run begins anew", self.file, "damaged" if kept is None else "of another run")
            return None
        return kept


class Checkpoints:
    """Those of a job of so many seeds, in its run folder; `run`: what the numbers of all of them depend on."""

    def __init__(self, folder: Path, run: Mapping[str, Any], seeds: int = 1) -> None:
        self.folder, self.run, self.clock = folder, run, Clock(seeds)
        self._made: list[Checkpoint] = []

    def of(self, seed: int) -> Checkpoint:
        """The checkpoint of a seed; one that ended in a job of more than a few minutes has all its updates in it."""
        self._made.append(Checkpoint(self.folder / f"checkpoint_{seed}.pt", {**self.run, "seed": seed}, self.clock))
        return self._made[-1]

    def spent(self) -> dict[str, float]:
        """What earlier jobs spent on what they left, see `clocks`."""
        return {name: sum(each.spent.get(name, 0.0) for each in self._made) for name in clocks()}

    def remove(self) -> None:
        """Delete the files, and what a job that was killed while it wrote one left: the run is finished."""
        for file in [*self.folder.glob("checkpoint_*.pt"), *self.folder.glob(".checkpoint_*.tmp.pt")]:
            file.unlink(missing_ok=True)
