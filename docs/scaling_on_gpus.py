"""What a run takes on a GPU, on paper: for docs/generate_scaling.py. Nothing here was measured on one."""

from typing import NamedTuple

PEAK, SHARE = 19.5, 0.2
"""TFLOP/s of an A100 in float32 (no TF32), by its maker, and the share of it that is reached: few filters fill a GPU badly."""
LAUNCH = 5
"""Microseconds of the shortest kernel, with its launch."""
LAUNCHES = {"mlp": 100, "slim_resnet18": 750}
"""Operations that are no views, of an update of NGM-SGD and one evaluation: about as many as were counted on a CPU."""
START = 7
"""Seconds until a job trains: the most that imports took on CPUs."""

ASSUMED = f"""\
**On GPUs: assumed, not measured.** A card does {PEAK} TFLOP/s in float32 (an A100, by its maker), of which {100 * SHARE:.0f} %
are reached. A job trains its seeds together and starts in {START} s. A run is no faster than its part of the job's launches,
{LAUNCH} µs each: of an update with its evaluation {LAUNCHES["mlp"]} (MLP) or {LAUNCHES["slim_resnet18"]} (slim ResNet-18).
With another peak or share, hours of split_cifar10 change in proportion."""
HEADS = [
    "| benchmark | TFLOP of a run | s by them | s by launches | s of its start | s per run |",
    "|---|--:|--:|--:|--:|--:|",
]


class Cost(NamedTuple):
    """What a run takes: 10¹² floating-point operations; seconds by them, by its share of the launches and of the job's start."""

    operations: float
    computing: float
    launching: float
    starting: float

    @property
    def seconds(self) -> float:
        """Of a run in a whole job: the slower of the two that go on at once, after the start."""
        return max(self.computing, self.launching) + self.starting

    def row(self, name: str) -> str:
        """The row of a benchmark, under HEADS."""
        numbers = (self.computing, self.launching, self.starting, self.seconds)
        return f"| {name} | {self.operations:,.1f} | {' | '.join(f'{number:.3g}' for number in numbers)} |"


def cost(updates: float, work: float, model: str, seeds: int) -> Cost:
    """What a run of so many updates and 10⁹ multiply-adds takes, where a job trains so many seeds."""
    operations = 2 * work / 1000
    return Cost(operations, operations / (PEAK * SHARE), updates * LAUNCHES[model] * LAUNCH * 1e-6 / seeds, START / seeds)
