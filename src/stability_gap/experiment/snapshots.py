"""Keep copies of a model at chosen updates of its run: weights, gains, running statistics."""

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial

from torch import Tensor

from stability_gap.experiment.learner import Learner, Step
from stability_gap.experiment.seed_trainer import WatcherMaker
from stability_gap.experiment.timeline import Timeline

State = dict[str, Tensor]
"""The state_dict of a model: raw weights, gains in force at the update, running statistics of batch norm."""


def switch_iterations(timeline: Timeline, offsets: Collection[int]) -> list[int]:
    """Updates that lie `offsets` behind a switch, or before it where negative; 0 is the last update before the switch.

    Offsets reach no further than half a context back and to the last update of the context.
    """
    back, forth = -(timeline.iterations // 2), timeline.iterations
    around = [offset for offset in offsets if back <= offset <= forth]
    return sorted({int(switch) + offset for switch in timeline.switches for offset in around})


@dataclass(eq=False)
class Snapshots:
    """A watcher that keeps the state of the model after each of the `wanted` updates, in `kept`: iteration -> state."""

    learner: Learner
    wanted: Collection[int]
    kept: dict[int, State] = field(default_factory=dict)

    def see(self, iteration: int, step: Step) -> None:
        """Copy the state, if this update is one of those."""
        if iteration in self.wanted:
            self.kept[iteration] = {name: value.detach().clone() for name, value in self.learner.model.state_dict().items()}


def snapshots_into(made: list[Snapshots], wanted: Collection[int]) -> WatcherMaker:
    """A maker of such watchers, each of which is added to `made`."""
    return partial(_make, made, frozenset(wanted))


def _make(made: list[Snapshots], wanted: frozenset[int], learner: Learner, timeline: Timeline, seeds: list[int]) -> Snapshots:
    made.append(Snapshots(learner, wanted))
    return made[-1]
