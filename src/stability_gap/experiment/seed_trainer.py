"""Train seeds of a cell on a stream: one by the plain loop, or several at once as one batched model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from stability_gap.experiment.checkpoint import Checkpoint, Checkpoints
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.learner import Learner, learner_of_block, learner_of_seed
from stability_gap.experiment.loop import Watcher, train
from stability_gap.experiment.progress import Progress
from stability_gap.experiment.recording import Record, Way
from stability_gap.experiment.sampling import draw_run, side_by_side
from stability_gap.experiment.settings import CellSettings
from stability_gap.experiment.timeline import Timeline, timeline
from stability_gap.learners.rates import Donor, learning_rates

WatcherMaker = Callable[[Learner, Timeline, list[int]], Watcher]


@dataclass(frozen=True, eq=False)
class SeedTrainer:
    """Trains seeds of one cell on one stream.

    donors: seed -> learning rate and gain of the run that it reads, (T,) each, where the settings say so. progress: hears of
    every update. watchers: make one for each learner, of (learner, timeline, its seeds). checkpoints: of seeds in
    the plain loop. pace: factor of all learning rates. watched: the watchers of all that was trained to its end.
    """

    settings: CellSettings
    stream: DeviceStream
    donors: Mapping[int, Donor] = field(default_factory=dict)
    progress: Progress | None = None
    watchers: tuple[WatcherMaker, ...] = ()
    checkpoints: Checkpoints | None = None
    pace: float = 1.0
    watched: list[Watcher] = field(default_factory=list)

    @property
    def timeline(self) -> Timeline:
        """When what happens, the same for every seed."""
        return timeline(self.settings, len(self.stream.train_sizes))

    def rates(self, seed: int) -> Tensor:
        """Learning rates of every update of a seed: float64 (T, 2), see `learners.rates`; NaN from where its donor diverged."""
        learning_rate, time, donor = self.settings.optimizer_settings.learning_rate, self.timeline, self.donors.get(seed)
        rates = learning_rates(learning_rate, time.updates, donor, time.switches)
        if donor is not None:
            rates[np.isnan(donor[0])] = np.nan
        return torch.from_numpy(self.pace * rates).to(self.stream.device)

    def settings_of(self, seed: int) -> CellSettings:
        """The settings of a seed: a gain that is the mean of another run, as long as that did not diverge, becomes a number."""
        optimizer = self.settings.optimizer_settings
        if optimizer.gain is None or optimizer.gain.mean_of is None:
            return self.settings
        _, gain = self.donors[seed]
        constant = optimizer.model_copy(update={"gain": optimizer.gain.constant_at(float(gain[~np.isnan(gain)].mean()))})
        return self.settings.model_copy(update={"optimizer_settings": constant})

    def one(self, seed: int, until: int | None = None) -> Record:
        """Train one seed: the plain loop, and the reference for blocks. `until`: so many updates only."""
        rates, stream = self.rates(seed), self.stream.of_seed(seed)
        learner = learner_of_seed(self.settings_of(seed), stream, seed, rates)
        checkpoint = self.checkpoints.of(seed) if self.checkpoints is not None else None
        (record,) = self._train(learner, stream, [seed], rates, until=until, checkpoint=checkpoint)
        return record if checkpoint is None else replace(record, way=replace(record.way, resumed=checkpoint.resumed))

    def block(self, seeds: list[int], capture: bool = False, until: int | None = None) -> dict[int, Record]:
        """Train several seeds at once, as one batched model: what `one` does with each. Errors: CaptureFailed."""
        rates = self.rates(seeds[0])
        learner = learner_of_block(self.settings_of(seeds[0]), self.stream, seeds, rates)
        records = self._train(learner, self.stream, seeds, rates, capture, until)
        return dict(zip(seeds, records, strict=True))

    def _train(
        self,
        learner: Learner,
        stream: DeviceStream,
        seeds: list[int],
        rates: Tensor,
        capture: bool = False,
        until: int | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> list[Record]:
        draws = [draw_run(self.settings, stream, seed) for seed in seeds]
        watchers = [make(learner, self.timeline, seeds) for make in self.watchers]
        try:
            records = train(
                learner,
                stream,
                side_by_side(draws) if learner.seeds else draws[0],
                rates,
                self.timeline,
                watchers=watchers,
                checkpoint=checkpoint,
                progress=self.progress.begin(seeds) if self.progress is not None else None,
                capture=capture,
                until=until,
            )
        except RuntimeError:
            if self.progress is not None:
                self.progress.undo()  # it may be begun again in another way
            raise
        self.watched.extend(watchers)  # only now: those of an attempt that failed hold on to its learner
        return [replace(record, way=Way(len(seeds), capture)) for record in records]
