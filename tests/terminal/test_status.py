"""Lines of a run, with a clock of our own."""

from stability_gap.terminal.estimate import STARTING, Job, Measured
from stability_gap.terminal.status import QUIET, Status, forecast, opening

CELLS = [("split", "sgd"), ("split", "adam")]
JOBS = {
    1: Job("dataset"),
    2: Job("train", cell=CELLS[0], seeds=5),
    3: Job("train", cell=CELLS[0], seeds=5),
    4: Job("train", cell=CELLS[1], seeds=5),
    5: Job("train", cell=CELLS[1], seeds=5),
    6: Job("figure_of_suite"),
    7: Job("figure_of_benchmark"),
}
WORK = {"split": 1.0}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def run(status: Status, clock: Clock, number: int, seconds: float) -> str | None:
    status.start(number)
    clock.now += seconds
    return status.finish(number)


def test_one_line_per_cell_and_per_kind_of_other_jobs() -> None:
    clock = Clock()
    status = Status(JOBS, [Measured(WORK)], cores=1, gpus=None, clock=clock)
    lines = [run(status, clock, number, seconds) for number, seconds in zip(JOBS, [3, 22, 22, 22, 22, 5, 5], strict=True)]
    assert lines == [
        "  0 %  data in 3.0 s; time left: known after the first training job",
        None,
        " 46 %  split sgd: 10 runs in 44 s; about 54 s left",
        None,
        " 90 %  split adam: 10 runs in 44 s; about 10 s left",
        None,
        "100 %  figures (2) in 10 s; done",
    ]


def test_a_long_silence_is_broken_within_a_cell() -> None:
    clock = Clock()
    status = Status(JOBS, [Measured(WORK)], cores=1, gpus=None, clock=clock)
    line = run(status, clock, 2, QUIET + 2)
    assert line is not None
    assert "split sgd: 5 of 10 runs in 62 s" in line


def test_what_is_under_way_counts() -> None:
    former = Measured(WORK)
    former.add(JOBS[2], STARTING + 100)
    clock = Clock()
    status = Status({2: JOBS[2], 4: JOBS[4]}, [former], cores=2, gpus=None, clock=clock)
    status.start(2)
    status.start(4)
    clock.now += STARTING + 100
    line = status.finish(2)
    assert line is not None
    assert line.endswith("about 0 s left")


def test_the_share_never_falls_and_is_full_only_at_the_end() -> None:
    former = Measured(WORK)
    former.add(JOBS[2], STARTING + 5)
    clock = Clock()
    jobs = {number: Job("train", cell=("split", str(number)), seeds=1) for number in range(10)}
    status = Status(jobs, [former], cores=1, gpus=None, clock=clock)
    shares = []
    for number in jobs:
        line = run(status, clock, number, 3 + 10 * number)
        assert line is not None
        shares.append(int(line.split(" %")[0]))
    assert shares == sorted(shares)
    assert shares[-2] < 100
    assert shares[-1] == 100


def test_the_opening_tells_what_and_how_long() -> None:
    assert opening("mine", JOBS, [Measured(WORK)], 2, None) == (
        "To do for suite mine: 2 cells to train (20 runs), 7 jobs in all;"
        " how long that takes on 2 cores is unknown: nothing like it was trained here before."
    )
    former = Measured(WORK, "former runs")
    former.add(JOBS[2], STARTING + 50)
    told = opening("mine", JOBS, [former], 1, None)
    assert told.endswith("about 4 min on 1 core, as former runs took (1 cell scaled by work).")
    assert forecast({6: JOBS[6]}, [former], 2, 1) == "about 5 s on 2 cores and 1 GPU"
