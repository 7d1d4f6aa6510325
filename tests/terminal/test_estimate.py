"""Expected times from measured ones, and the wall time of many jobs."""

import pytest

from stability_gap.terminal.estimate import OTHER, STARTING, Job, Measured, duration, expected, wall

WORK = {"small": 1.0, "large": 10.0}


def train(benchmark: str, optimizer: str = "sgd", seeds: int = 1, gpus: int = 0) -> Job:
    return Job("train", cell=(benchmark, optimizer), seeds=seeds, gpus=gpus)


def test_nothing_is_known_of_a_first_run() -> None:
    assert expected(train("small"), [Measured(WORK)]) is None
    assert expected(train("small"), []) is None


def test_a_cell_takes_as_long_per_seed_again() -> None:
    here = Measured(WORK, "former runs")
    here.add(train("small", seeds=5), STARTING + 50)
    here.add(train("small", seeds=5), STARTING + 70)
    here.add(train("small", "adam"), STARTING + 100)
    known = expected(train("small", seeds=3), [here])
    assert known is not None
    assert known == (STARTING + 36, False, "former runs")


def test_another_cell_is_scaled_by_work_from_its_benchmark_first() -> None:
    here = Measured(WORK)
    here.add(train("large", "adam"), STARTING + 100)
    other_benchmark = expected(train("small", seeds=2), [here])
    assert other_benchmark is not None
    assert (other_benchmark.seconds, other_benchmark.scaled) == (STARTING + 20, True)
    here.add(train("small", "msgd"), STARTING + 3)
    same_benchmark = expected(train("small", seeds=2), [here])
    assert same_benchmark is not None
    assert same_benchmark.seconds == STARTING + 6


def test_the_first_source_that_knows_the_cell_is_asked() -> None:
    now, published = Measured(WORK), Measured(WORK, "published")
    published.add(train("small"), STARTING + 100)
    now.add(train("large"), STARTING + 10)
    known = expected(train("small"), [now, published])
    assert known is not None
    assert (known.seconds, known.origin) == (STARTING + 100, "published")
    now.add(train("small"), STARTING + 1)
    assert expected(train("small"), [now, published]) == (STARTING + 1, False, "this run")


def test_a_benchmark_without_work_is_not_scaled_to() -> None:
    here = Measured(WORK)
    here.add(train("small"), 10)
    assert expected(train("unheard"), [here]) is None


def test_other_jobs_take_the_mean_of_their_kind() -> None:
    here = Measured(WORK)
    for rule, seconds in (("figure_of_suite", 4), ("figure_of_benchmark", 8), ("metrics", 1)):
        here.add(Job(rule), seconds)
    assert expected(Job("figure_of_suite"), [here]) == (6, False, "")
    assert expected(Job("tables"), [here]) == (OTHER, False, "")


@pytest.mark.parametrize(
    ("jobs", "cores", "gpus", "seconds"),
    [
        ([], 2, None, 0),
        ([(train("small"), 10)] * 4, 2, None, 20),
        ([(train("small"), 10), (train("large"), 40)], 2, None, 40),  # the longest decides
        ([(Job("train", threads=2), 10)] * 4, 2, None, 40),
        ([(Job("train", threads=8), 10)] * 4, 2, None, 40),  # no job gets more cores than there are
        ([(train("small", gpus=1), 10)] * 4, 16, 1, 40),
        ([(train("small", gpus=1), 10)] * 4, 16, None, 10),
        ([(Job("dataset"), 3), (train("small"), 10), (Job("metrics"), 5)], 4, None, 18),  # stages follow one another
    ],
)
def test_wall_time(jobs: list[tuple[Job, float]], cores: int, gpus: int | None, seconds: float) -> None:
    assert wall(jobs, cores, gpus) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (4.24, "4.2 s"),
        (9.97, "10 s"),
        (99.4, "99 s"),
        (99.6, "2 min"),
        (1500, "25 min"),
        (5399, "1 h 30 min"),
        (7260, "2 h 1 min"),
    ],
)
def test_times_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
