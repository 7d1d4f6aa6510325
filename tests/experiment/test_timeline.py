"""Contexts, switches and cadences against a loop that asks of every update whether it is evaluated."""

import numpy as np
import pytest
from cells import small_cell
from hypothesis import given
from hypothesis import strategies as st

from stability_gap.experiment.settings import EvaluationSettings
from stability_gap.experiment.timeline import timeline


def slow(iterations: int, contexts: int, every: int, dense: int, middle: int) -> list[int]:
    """Update by update."""
    chosen = []
    for context in range(contexts):
        for within in range(1, iterations + 1):
            after_middle = iterations // 2 < within <= iterations // 2 + middle
            if within <= dense or after_middle or within % every == 0 or within == iterations:
                chosen.append(context * iterations + within)
    return chosen


@given(st.integers(1, 40), st.integers(1, 20), st.integers(1, 50), st.integers(0, 50), st.integers(0, 50))
def test_the_first_updates_those_after_the_middle_every_rho_th_and_the_last_are_evaluated(
    iterations, contexts, every, dense, middle
):
    evaluation = EvaluationSettings(every=every, dense=dense, middle=middle)
    made = timeline(small_cell("sgd", iterations=iterations, evaluation=evaluation), contexts)
    assert made.evaluated.tolist() == slow(iterations, contexts, every, dense, middle)
    assert made.covered.tolist() == made.context_of(made.evaluated).tolist()
    assert (made.updates, made.switches.tolist()) == (iterations * contexts, [k * iterations for k in range(1, contexts)])
    assert [made.evaluation_after()[iteration] for iteration in made.evaluated.tolist()] == list(range(len(made.evaluated)))
    ends = [(k + 1) * iterations for k in range(contexts)]
    assert set(ends) <= set(made.evaluated.tolist())


def test_the_cadence_of_the_paper_evaluates_every_update():
    made = timeline(small_cell("sgd", iterations=6), 5)
    assert made.evaluated.tolist() == list(range(1, 31))
    assert made.covered.tolist() == [1] * 6 + [2] * 6 + [3] * 6 + [4] * 6 + [5] * 6


def test_contexts_count_from_1_and_change_after_a_switch():
    made = timeline(small_cell("sgd", iterations=6), 3)
    assert made.context_of(np.array([1, 6, 7, 12, 13, 18])).tolist() == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("dense", [0, 3])
def test_where_the_first_task_alone_is_evaluated_every_evaluation_covers_one(dense):
    made = timeline(small_cell("sgd", evaluation=EvaluationSettings(tasks="first", dense=dense, every=2)), 5)
    assert set(made.covered.tolist()) == {1}


def test_the_middle_is_evaluated_over_the_offsets_that_follow_a_switch():
    made = timeline(small_cell("sgd", iterations=9, evaluation=EvaluationSettings(dense=3, middle=3, every=50)), 2)
    assert made.evaluated.tolist() == [1, 2, 3, 5, 6, 7, 9, 10, 11, 12, 14, 15, 16, 18]
