"""Watchers of somebody's own (docs/adding.md): found by their name, and blamed for what they raise."""

import importlib
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stability_gap.errors import UserError
from stability_gap.experiment.learner import Learner, Step
from stability_gap.experiment.loop import Watcher
from stability_gap.experiment.machine import is_out_of_memory
from stability_gap.experiment.seed_trainer import WatcherMaker
from stability_gap.experiment.timeline import Timeline


def own_watcher(target: str) -> WatcherMaker:
    """The maker of watchers of a class, module:Class. Errors: UserError where there is none."""
    try:
        module, name = target.split(":")
        made_of = getattr(importlib.import_module(module), name)
    except Exception as error:
        raise UserError(f"watcher {target!r}: {error}. It must be module:Class, found where snakemake is called.") from error

    def make(learner: Learner, timeline: Timeline, seeds: list[int]) -> Watcher:
        return OwnWatcher(target, lambda: made_of(learner, timeline, seeds))

    return make


class OwnWatcher:
    """Passes everything on to somebody's watcher. What that raises becomes a UserError, but for lack of memory.

    A RuntimeError, as of tensors whose shapes do not fit, would pass for one of the GPU (`seed_blocks`), others for our bug.
    """

    def __init__(self, target: str, make: Callable[[], Watcher]) -> None:
        self.target = target
        self.watcher: Watcher = self._guarded("when it was made", make)

    def see(self, iteration: int, step: Step) -> None:
        """As `Watcher.see`. Errors: UserError."""
        self._guarded(f"at update {iteration}", self.watcher.see, iteration, step)

    def finish(self, folder: Path) -> None:
        """Let it write into the run folder, if it wants to. Errors: UserError."""
        if hasattr(self.watcher, "finish"):
            self._guarded("when it finished", self.watcher.finish, folder)

    def _guarded(self, when: str, call: Callable[..., Any], *arguments: object) -> Any:
        try:
            return call(*arguments)
        except UserError:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise
            reason = str(error) or type(error).__name__
            raise UserError(f"watcher {self.target!r} raised {when}: {reason}{_where(error, self.target)}") from error


def _where(error: Exception, target: str) -> str:
    """The line of the watcher's own file at which it happened."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).stem == target.partition(":")[0].rpartition(".")[2]]
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
