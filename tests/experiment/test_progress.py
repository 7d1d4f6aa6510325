"""Lines that tell how far a block of seeds is, by a clock that the test sets."""

import logging

from stability_gap.experiment.progress import SECONDS_BETWEEN_LINES, Progress


class Clock:
    """Tells the time that it is set to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_progress_tells_run_iteration_and_time_left_every_few_seconds(caplog):
    clock = Clock()
    with caplog.at_level(logging.INFO, logger="stability_gap"):
        progress = Progress("digits sgd", seeds=2, updates=100, clock=clock)
        report = progress.begin([42])
        for iteration in range(101):
            clock.now += 0.25 if iteration else 0.0
            report(iteration)
        report = progress.begin([43])
        for iteration in range(101):
            clock.now += 0.25 if iteration else 0.0
            report(iteration)
    assert SECONDS_BETWEEN_LINES == 10.0
    assert caplog.messages == [
        "digits sgd: run 1 of 2 (seed 42), iteration 40 of 100, about 40 s left",
        "digits sgd: run 1 of 2 (seed 42), iteration 80 of 100, about 30 s left",
        "digits sgd: run 2 of 2 (seed 43), iteration 20 of 100, about 20 s left",
        "digits sgd: run 2 of 2 (seed 43), iteration 60 of 100, about 10 s left",
        "digits sgd: run 2 of 2 (seed 43), iteration 100 of 100, about 0 s left",
    ]


def test_progress_of_a_quick_run_says_nothing(caplog):
    clock = Clock()
    with caplog.at_level(logging.INFO, logger="stability_gap"):
        report = Progress("digits sgd", seeds=1, updates=100, clock=clock).begin([42])
        for iteration in range(101):
            clock.now += 0.09
            report(iteration)
    assert caplog.messages == []


def test_progress_counts_the_seeds_of_a_block_and_forgets_a_run_that_is_done_again(caplog):
    clock = Clock()
    with caplog.at_level(logging.INFO, logger="stability_gap"):
        progress = Progress("digits sgd", seeds=4, updates=100, clock=clock)
        report = progress.begin([42, 43, 44, 45])
        report(0)
        report(50)  # at once: no line yet
        progress.undo()
        for seeds in ([42, 43], [44, 45]):
            report = progress.begin(seeds)
            report(0)
            clock.now += 20.0
            report(50)
            clock.now += 20.0
            report(100)
    assert caplog.messages == [
        "digits sgd: run 1 of 4 (seeds 42 to 43), iteration 50 of 100, about 60 s left",
        "digits sgd: run 1 of 4 (seeds 42 to 43), iteration 100 of 100, about 40 s left",
        "digits sgd: run 3 of 4 (seeds 44 to 45), iteration 50 of 100, about 20 s left",
        "digits sgd: run 3 of 4 (seeds 44 to 45), iteration 100 of 100, about 0 s left",
    ]


def test_what_an_earlier_job_did_costs_no_time(caplog):
    clock = Clock()
    with caplog.at_level(logging.INFO, logger="stability_gap"):
        progress = Progress("digits sgd", seeds=3, updates=100, clock=clock)
        progress.begin([42])(100)  # was finished
        report = progress.begin([43])
        report(50)
        clock.now += 20.0
        report(75)
    assert caplog.messages == ["digits sgd: run 2 of 3 (seed 43), iteration 75 of 100, about 100 s left"]
