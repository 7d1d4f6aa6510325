"""Measure what happens inside a run around its switches: replayed snapshots -> `mechanism.csv` (docs/data-contracts.md)."""

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from stability_gap import files
from stability_gap.analysis.checks import gain_per_update
from stability_gap.analysis.mechanism.calibration import expected_calibration_error
from stability_gap.analysis.mechanism.curvature import top_eigenvalue
from stability_gap.analysis.mechanism.gradients import compare
from stability_gap.analysis.mechanism.line import losses_along
from stability_gap.analysis.statistics import generator_for
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.learner import fresh_model
from stability_gap.experiment.replay import Replay
from stability_gap.experiment.snapshots import State
from stability_gap.learners.gain import entropy
from stability_gap.learners.linear import Linear, plain_linear

COLUMNS = ["benchmark", "optimizer", "seed", "iteration", "context", "since", "quantity", "value"]
OFFSETS = (-1, 0, 1, 2, 5, 10, 20, 50, 100)
"""Snapshots, in updates since a switch; the last update of the context comes on top. Closest where the gap is deepest."""
IMAGES = 256
"""Of a sample: λ is within a few per cent of that of 512 on digits, and a product takes milliseconds."""
POINTS = 21
"""Along the straight line, ends included; no more than one for each update."""

Batch = tuple[Tensor, Tensor]


def measure(replay: Replay, seed: int) -> pd.DataFrame:
    """Replay a seed and measure it around each switch: the rows of mechanism.csv.

    Measured are the weights that are trained, also where an average of them is evaluated. `context` is the one that the switch
    opens; `since` 0 is the last update before it, measured on the data after it.

    Errors: UserError where the replay is not the recorded run.
    """
    stream, timeline = replay.stream.of_seed(seed), replay.trainer().timeline
    offsets = sorted({*(offset for offset in OFFSETS if abs(offset) < timeline.iterations), timeline.iterations})
    states = replay.snapshots(seed, offsets)
    networks = {iteration: _Network(replay, seed, state) for iteration, state in states.items()}
    rows = []
    for context, switch in enumerate(timeline.switches.tolist(), start=2):
        data = _Data.around(stream, replay.settings.benchmark, context)
        for since in offsets:
            for name, value in _at(networks[switch + since], data, since):
                rows.append((switch + since, context, since, name, value))
        start, end = networks[switch].plain, networks[switch + timeline.iterations].plain
        shares = np.linspace(0, 1, min(POINTS, timeline.iterations + 1))
        losses = losses_along(start, start.state_dict(), end.state_dict(), *data.old, shares)
        for since, loss in zip((shares * timeline.iterations).round().astype(int).tolist(), losses, strict=True):
            rows.append((switch + since, context, since, "line_loss", loss))
    table = pd.DataFrame(rows, columns=COLUMNS[3:]).assign(
        benchmark=replay.settings.benchmark, optimizer=replay.settings.optimizer, seed=seed
    )
    return pd.concat([table, _rates(replay.folder, table, seed)], ignore_index=True)[COLUMNS]


class _Network:
    """A model at a snapshot: `raw`, whose parameters are W, and `plain`, the same function whose parameters are W_eff = g·W."""

    def __init__(self, replay: Replay, seed: int, state: State) -> None:
        model, modulation = fresh_model(replay.trainer().settings_of(seed), replay.stream, seed)
        model.load_state_dict(state)
        for layer in model.modules():
            if isinstance(layer, Linear):
                layer.product = plain_linear  # the faster product cannot be differentiated twice
        self.raw: nn.Module = model.eval()  # batch norm by its running statistics, which no look may move
        self.plain = self.raw
        if modulation is not None:
            self.raw = copy.deepcopy(model)
            modulation.detach()
            self.plain = model


@dataclass(frozen=True, eq=False)
class _Data:
    """Fixed samples around the switch to a context k, the same for every optimizer and seed.

    before, after: training images of tasks 1..k−1 and of 1..k. old, new: of tasks 1..k−1 and of task k. tests: all test images of
    tasks 1..k−1.
    """

    before: Batch
    after: Batch
    new: Batch
    tests: Batch

    @property
    def old(self) -> Batch:
        return self.before

    @classmethod
    def around(cls, stream: DeviceStream, benchmark: str, context: int) -> "_Data":
        ends = np.cumsum([0, *stream.train_sizes])
        seen, all_of_them = int(ends[context - 1]), int(ends[context])
        tests = sum(stream.test_sizes[: context - 1])

        def sample(start: int, stop: int) -> Batch:
            random = generator_for(0, "mechanism", benchmark, str(start), str(stop))
            chosen = random.choice(np.arange(start, stop), min(IMAGES, stop - start), replace=False)
            return stream.batch(torch.from_numpy(chosen).to(stream.device))

        of_tests = stream.evaluate.images[:tests], stream.evaluate.labels[:tests]
        return cls(sample(0, seen), sample(0, all_of_them), sample(seen, all_of_them), of_tests)


def _at(network: _Network, data: _Data, since: int) -> Iterator[tuple[str, float]]:
    """What is measured at one snapshot. The loss whose curvature counts is that of the data then trained on."""
    trained_on = data.after if since >= 0 else data.before
    effective = top_eigenvalue(network.plain, *trained_on)
    raw = effective if network.raw is network.plain else top_eigenvalue(network.raw, *trained_on)
    yield "lambda_eff", effective
    yield "lambda_w", raw
    yield "lambda_ratio", raw / effective if effective else np.nan
    pull = compare(network.plain, data.old, data.new)
    yield "gradient_cosine", pull.cosine
    yield "gradient_ratio", pull.ratio
    with torch.no_grad():
        yield "old_loss", float(functional.cross_entropy(network.plain(data.old[0]), data.old[1]))
        logits, labels = network.plain(data.tests[0]), data.tests[1]
        yield "ece_old", expected_calibration_error(logits, labels)
        yield "entropy_old", float(entropy(logits))


def _rates(folder: Path, measured: pd.DataFrame, seed: int) -> pd.DataFrame:
    """g², with g the mean over layers, and the effective learning rate lr·g² at the snapshots, as training.parquet has them."""
    training = files.read_parquet(folder / "training.parquet")
    training = training[training["seed"] == seed]
    gain = gain_per_update(training, f"{folder}/training.parquet").set_index("iteration")["gain"] ** 2
    rate = training.set_index("iteration")["learning_rate"] * gain
    places = measured[measured["quantity"] == "lambda_eff"]
    return pd.concat(
        [
            places.assign(quantity=name, value=places["iteration"].map(values))
            for name, values in (("gain_squared", gain), ("effective_rate", rate))
        ]
    )


def measure_all(replays: Iterable[Replay]) -> pd.DataFrame:
    """Measure every seed of these replays; sorted by benchmark, optimizer, seed, context, quantity, since."""
    tables = [measure(replay, seed) for replay in replays for seed in replay.seeds]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)
    return table.sort_values(["benchmark", "optimizer", "seed", "context", "quantity", "since"], ignore_index=True)
