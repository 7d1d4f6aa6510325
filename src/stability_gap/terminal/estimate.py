"""Estimate how long jobs take, from jobs that were measured."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

STARTING = 2.0  # seconds of a training job before it trains: python, torch, reading the stream
OTHER = 5.0  # seconds of a job that trains nothing, where none of its kind was measured
SMALLEST = 0.01  # seconds of a seed at least, so that no share is divided by 0
STAGES = (("dataset", "stream"), ("train",))  # what waits for one another; all else comes after

Cell = tuple[str, str]  # benchmark, optimizer


@dataclass(frozen=True)
class Job:
    """A job of the workflow: what it is and what it occupies. Only training has a cell and seeds."""

    rule: str
    name: str = ""  # such as "split_digits sgd, seeds 42-51"
    cell: Cell | None = None
    seeds: int = 0
    threads: int = 1
    gpus: int = 0

    @property
    def kind(self) -> str:
        """Name jobs that take about as long: the rule, but figures are alike."""
        return "figure" if self.rule.startswith("figure") else self.rule


class Expected(NamedTuple):
    """Hold how long a job will take, whether that was scaled from other jobs, and whose times it is known from."""

    seconds: float
    scaled: bool = False
    origin: str = ""


@dataclass
class Measured:
    """Sum up jobs that were measured: seconds of training by seed and by unit of work, seconds of all else by kind.

    `work`: of one run, by benchmark. What stands in `work` alone can be scaled to.
    """

    work: Mapping[str, float]
    origin: str = "this run"
    cells: dict[Cell, list[float]] = field(default_factory=dict)  # [seconds, seeds]
    benchmarks: dict[str, list[float]] = field(default_factory=dict)  # [seconds, work]
    total: list[float] = field(default_factory=lambda: [0.0, 0.0])  # [seconds, work]
    kinds: dict[str, list[float]] = field(default_factory=dict)  # [seconds, jobs]

    def add(self, job: Job, seconds: float) -> None:
        """Count a finished job."""
        if job.cell is None:
            _add(self.kinds.setdefault(job.kind, [0.0, 0.0]), seconds, 1)
        elif job.seeds:
            trained = max(seconds - STARTING, SMALLEST * job.seeds)
            _add(self.cells.setdefault(job.cell, [0.0, 0.0]), trained, job.seeds)
            if work := self.work.get(job.cell[0]):
                _add(self.benchmarks.setdefault(job.cell[0], [0.0, 0.0]), trained, work * job.seeds)
                _add(self.total, trained, work * job.seeds)


def expected(job: Job, sources: Iterable[Measured]) -> Expected | None:
    """Tell how long a job will take; the first of the `sources` that knows best is asked. None: nobody knows.

    A cell that was trained takes as long per seed again. Any other takes as long per unit of work as other optimizers on its
    benchmark, or as all that was trained.
    """
    sources = list(sources)
    if job.cell is None:
        found = next((source.kinds[job.kind] for source in sources if job.kind in source.kinds), None)
        return Expected(found[0] / found[1] if found else OTHER)
    for source in sources:
        if own := source.cells.get(job.cell):
            return Expected(STARTING + job.seeds * own[0] / own[1], origin=source.origin)
    benchmark = job.cell[0]
    work = next((source.work[benchmark] for source in sources if benchmark in source.work), None)
    alike = [(source, source.benchmarks[benchmark]) for source in sources if benchmark in source.benchmarks]
    for source, (seconds, measured) in [*alike, *((source, source.total) for source in sources)]:
        if work is not None and measured:
            return Expected(STARTING + job.seeds * work * seconds / measured, scaled=True, origin=source.origin)
    return None


def wall(jobs: Iterable[tuple[Job, float]], cores: int, gpus: int | None) -> float:
    """Bound the wall time, in seconds, of (job, seconds of it) on `cores` (and `gpus`, None: no limit) from below.

    Stages follow one another; within one, either all cores (or GPUs) are busy, or all wait for the longest job.
    """
    total = 0.0
    stages: dict[int, list[tuple[Job, float]]] = {}
    for job, seconds in jobs:
        stage = next((number for number, rules in enumerate(STAGES) if job.rule in rules), len(STAGES))
        stages.setdefault(stage, []).append((job, seconds))
    for members in stages.values():
        on_cores = sum(seconds * min(job.threads, cores) for job, seconds in members) / cores
        on_gpus = sum(seconds * job.gpus for job, seconds in members) / gpus if gpus else 0.0
        total += max(on_cores, on_gpus, *(seconds for _, seconds in members))
    return total


def duration(seconds: float) -> str:
    """Write a time as people say it: 4.2 s, 40 s, 25 min, 1 h 10 min."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def about(seconds: float) -> str:
    """Write an estimated time: 'about 25 min'."""
    return f"about {duration(seconds)}" if seconds >= 9.95 else f"about {round(seconds)} s"


def _add(sums: list[float], seconds: float, amount: float) -> None:
    sums[0] += seconds
    sums[1] += amount
