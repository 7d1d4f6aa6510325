"""Take a learner through a stream: the one place that spells the order of a step (PROTOCOL §1)."""

from collections.abc import Callable, Sequence
from typing import Protocol

from torch import Tensor

from stability_gap.experiment.augmentation import Crops
from stability_gap.experiment.checkpoint import Checkpoint
from stability_gap.experiment.cuda_graph import captured
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.evaluation import Evaluation
from stability_gap.experiment.learner import Learner, Step
from stability_gap.experiment.recording import Record, Recorder, records
from stability_gap.experiment.sampling import Draws
from stability_gap.experiment.timeline import Timeline
from stability_gap.learners.ramp import ramp


class Watcher(Protocol):
    """Sees every step of a run. It may read anything and change nothing: no weight, gain, moment or random stream."""

    def see(self, iteration: int, step: Step) -> None:
        """Look at the step of `iteration`, from 1. On a GPU the next step overwrites its tensors: copy what is to be kept."""
        ...


def train(
    learner: Learner,
    stream: DeviceStream,
    draws: Draws,
    rates: Tensor,
    timeline: Timeline,
    *,
    watchers: Sequence[Watcher] = (),
    checkpoint: Checkpoint | None = None,
    progress: Callable[[int], None] | None = None,
    capture: bool = False,
    until: int | None = None,
) -> list[Record]:
    """Train through the whole stream and return what each seed of the learner leaves behind.

    Within a step: what some learners are told or shown before it; the minibatch and the learning rates of this update; the
    learner's update; its row of the record; continual evaluation where the timeline has one, with the gains frozen; the watchers;
    progress; the checkpoint. A seed that diverged stops; in a block it goes on beside the others, and what it computes is
    dropped.

    Args:
        rates: (T, 2), see `learners.rates`. checkpoint: where the run goes on from and what keeps how far it is. progress: called
        with the number of finished iterations, and once before the first. capture: replay update and evaluation as CUDA graphs.
        until: stop after so many updates; what was not reached is blank, as after a divergence.

    Errors: CaptureFailed.
    """
    recorder = Recorder(learner, timeline.updates)
    evaluation = Evaluation(learner, stream, timeline, draws.test_images, capture)
    switches = set(timeline.switches.tolist())
    ramped = ramp(draws.batches, stream.train_sizes, timeline.switches, learner.ramp) if learner.ramp else None
    may_stop = stream.device.type == "cpu" and not learner.seeds  # on a GPU every look at a number waits for it

    def advance(rates: Tensor, weights: Tensor | None, indices: Tensor, *drawn: Tensor) -> tuple[Step, Tensor]:
        images, labels = stream.batch(indices, Crops(*drawn) if drawn else None)
        step = learner.update(images, labels, rates, weights)
        return step, recorder.row(step)

    if capture:
        advance = captured(advance)
    start = checkpoint.resume(learner, recorder, evaluation) if checkpoint is not None else 0
    if progress is not None:
        progress(start)
    for update, rates_now in enumerate(rates[start:until].unbind(), start):
        if update in switches:
            learner.switch()
        if learner.proximal is not None and learner.proximal.is_due(update):
            earlier = draws.batches[:update].flatten()
            learner.proximal.refresh(stream.batch(earlier[learner.proximal.choose(len(earlier))])[0])
        step, row = advance(rates_now, None if ramped is None else ramped[update], *draws.update(update))
        recorder.rows[update] = row
        if may_stop and not row.isfinite().all():
            break
        evaluation.see(update + 1, step)
        for watcher in watchers:
            watcher.see(update + 1, step)
        if progress is not None:
            progress(update + 1)
        if checkpoint is not None:
            checkpoint.see(update + 1, learner, recorder, evaluation)
    if checkpoint is not None:
        checkpoint.end(len(rates[:until]), learner, recorder, evaluation)
    return records(recorder, evaluation, timeline)
