"""Follow a run of the workflow: one line per finished cell, with the share done and the time left."""

import time
from collections.abc import Callable, Mapping

from stability_gap.terminal.estimate import Cell, Job, Measured, about, duration, expected, wall

QUIET = 60.0  # seconds without a line after which a part of a cell gets one
GROUPS = {"dataset": "data", "stream": "streams", "figure": "figures"}  # by kind; others are called by their rule


class Status:
    """Turn jobs that start, finish and fail into lines.

    Args:
        jobs: all jobs of this run by Snakemake's number. sources: what is known of former runs, best first. cores, gpus: what
            jobs share; gpus None: no limit.
    """

    def __init__(
        self,
        jobs: Mapping[int, Job],
        sources: list[Measured],
        cores: int,
        gpus: int | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.jobs, self.cores, self.gpus, self.clock = jobs, cores, gpus, clock
        self.sources = [Measured(sources[0].work if sources else {}), *sources]  # what is measured now is known best
        self.began: dict[int, float] = {}
        self.took: dict[int, float] = {}
        self.shown = 0  # percent; never falls, though estimates change
        self.last_line = clock()
        self.left: dict[str | Cell, int] = {}
        for job in jobs.values():
            self.left[_group(job)] = self.left.get(_group(job), 0) + 1

    def start(self, number: int) -> None:
        """Note that a job starts."""
        self.began[number] = self.clock()

    def finish(self, number: int) -> str | None:
        """Note that a job is finished; a line where its cell is, or where nothing was said for a while."""
        job = self.jobs.get(number)
        if job is None or number in self.took:
            return None
        now = self.clock()
        self.took[number] = now - self.began.get(number, now)
        self.sources[0].add(job, self.took[number])
        group = _group(job)
        self.left[group] -= 1
        if self.left[group] and now - self.last_line < QUIET:
            return None
        self.last_line = now
        return f"{self._share():>3} %  {self._what(group)}; {self._time_left()}"

    def _what(self, group: str | Cell) -> str:
        """Name what is finished of a group and how long it took: 'split_digits sgd: 10 runs in 36 s'."""
        members = {number: job for number, job in self.jobs.items() if _group(job) == group}
        done = [number for number in members if number in self.took]
        seconds = duration(sum(self.took[number] for number in done))
        if isinstance(group, str):
            amount = f" ({len(done)})" if len(members) == len(done) > 1 else ""
            part = f" ({len(done)} of {len(members)})" if len(done) < len(members) else amount
            return f"{group}{part} in {seconds}"
        runs, all_runs = (sum(self.jobs[number].seeds for number in numbers) for numbers in (done, members))
        amount = f"{runs} of {all_runs} runs" if runs < all_runs else _count(runs, "run")
        return f"{' '.join(group)}: {amount} in {seconds}"

    def _share(self) -> int:
        """Percent of the whole run's expected time that is behind us; full only when nothing is left."""
        times = {number: expected(job, self.sources) for number, job in self.jobs.items()}
        if len(self.took) == len(self.jobs):
            self.shown = 100
        elif all(times.values()):
            total = sum(self.took.get(number, each.seconds) for number, each in times.items() if each)
            share = sum(self.took.values()) / total if total else 0.0
            self.shown = min(max(self.shown, int(100 * share)), 99)
        return self.shown

    def _time_left(self) -> str:
        """Tell the time left, with what the jobs under way have behind them; unknown until a cell has been trained."""
        left: list[tuple[Job, float]] = []
        for number, job in self.jobs.items():
            if number not in self.took:
                time_of = expected(job, self.sources)
                if time_of is None:
                    return "time left: known after the first training job"
                behind = self.clock() - self.began[number] if number in self.began else 0.0
                left.append((job, max(time_of.seconds - behind, 0.0)))
        return f"{about(wall(left, self.cores, self.gpus))} left" if left else "done"


def opening(suite: str, jobs: Mapping[int, Job], sources: list[Measured], cores: int, gpus: int | None) -> str:
    """Say what will be done and how long that will take, in one line."""
    runs = sum(job.seeds for job in jobs.values())
    cells = len({job.cell for job in jobs.values() if job.cell})
    training = f"{_count(cells, 'cell')} to train ({_count(runs, 'run')})" if cells else "nothing to train"
    return f"To do for suite {suite}: {training}, {_count(len(jobs), 'job')} in all; {forecast(jobs, sources, cores, gpus)}."


def forecast(jobs: Mapping[int, Job], sources: list[Measured], cores: int, gpus: int | None) -> str:
    """Tell the time that jobs will take, and how that is known: 'about 25 min on 2 cores, from former runs'."""
    times = {number: expected(job, sources) for number, job in jobs.items()}
    place = f"on {_count(cores, 'core')}" + (f" and {_count(gpus, 'GPU')}" if gpus else "")
    if not all(times.values()):
        return f"how long that takes {place} is unknown: nothing like it was trained here before"
    known = [(jobs[number], each) for number, each in times.items() if each]
    seconds = wall([(job, each.seconds) for job, each in known], cores, gpus)
    origins = sorted({each.origin for job, each in known if job.cell})
    scaled = len({job.cell for job, each in known if each.scaled})
    told = f", as {' and '.join(origins)} took" if origins else ""
    return f"{about(seconds)} {place}{told}" + (f" ({_count(scaled, 'cell')} scaled by work)" if scaled else "")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _group(job: Job) -> str | Cell:
    return job.cell or GROUPS.get(job.kind, job.rule)
