import numpy as np
import pandas as pd
import pytest
from curve_truth import FIRST, SECOND, evaluations

from stability_gap.curves.options import Options
from stability_gap.curves.tidy import from_array, tidy
from stability_gap.errors import UserError

FOUR = Options(context_length=4)


def plain() -> pd.DataFrame:
    """The curves with iteration, task and accuracy alone, every task from the first update on."""
    rows = [(i, 1, FIRST[i - 1]) for i in range(1, 9)] + [(i, 2, SECOND[i - 5] if i > 4 else 0.05) for i in range(1, 9)]
    return pd.DataFrame(rows, columns=["iteration", "task", "accuracy"])


def unseen_empty() -> pd.DataFrame:
    table = plain()
    return table.assign(accuracy=table["accuracy"].where((table["task"] == 1) | (table["iteration"] > 4)))


# --- contexts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [FOUR, Options(switches=[4])])
def test_accuracies_before_the_own_context_are_left_out(options):
    pd.testing.assert_frame_equal(tidy(plain(), options, "mine"), evaluations())


def test_contexts_begin_where_tasks_begin_to_have_an_accuracy():
    pd.testing.assert_frame_equal(tidy(unseen_empty(), Options(), "mine"), evaluations())
    pd.testing.assert_frame_equal(tidy(unseen_empty().dropna(), Options(), "mine"), evaluations())


def test_without_any_hint_the_contexts_are_asked_for():
    with pytest.raises(UserError, match=r"accuracies on later tasks from the start .*--context-length 200, or --switches"):
        tidy(plain(), Options(), "mine")
    with pytest.raises(UserError, match="mine has only one task and no column context"):
        tidy(plain().query("task == 1"), Options(), "mine")


def test_task_1_alone_needs_no_column_task():
    alone = plain().query("task == 1").drop(columns="task")
    expected = evaluations().query("task == 1").reset_index(drop=True)
    pd.testing.assert_frame_equal(tidy(alone, FOUR, "mine"), expected)


def test_a_column_of_contexts_is_taken_and_must_not_contradict_the_options():
    table = plain().assign(context=lambda rows: 1 + (rows["iteration"] > 4))
    pd.testing.assert_frame_equal(tidy(table, Options(), "mine"), evaluations())
    pd.testing.assert_frame_equal(tidy(table, FOUR, "mine"), evaluations())
    with pytest.raises(UserError, match=r"column context: iteration 4 is in context 1, by --context-length or --switches in 2"):
        tidy(table, Options(context_length=3), "mine")


def tasks_of(length: int, tasks: int, ahead: int = 0) -> pd.DataFrame:
    """Curves whose tasks come every `length` updates, and are evaluated `ahead` updates before, if not from the start."""
    rows = [
        (i, task, 0.5) for i in range(1, length * tasks + 1) for task in range(1, tasks + 1) if i > length * (task - 1) - ahead
    ]
    return pd.DataFrame(rows, columns=["iteration", "task", "accuracy"])


def test_a_switch_that_never_comes_is_refused():
    with pytest.raises(UserError, match="mine: the switch after update 60 never comes, the last evaluation is after update 8"):
        tidy(plain(), Options(switches=[4, 60]), "mine")
    pd.testing.assert_frame_equal(tidy(plain(), Options(switches=[4, 8]), "mine"), evaluations())  # that of the end is no harm


@pytest.mark.parametrize(
    ("table", "options", "words"),
    [
        (tasks_of(20, 2).query("task == 1 or iteration == 40"), Options(), "context 2 holds one evaluation, after update 40"),
        (tasks_of(20, 2).query("iteration < 22"), Options(context_length=20), "context 2 holds one evaluation, after update 21"),
        (tasks_of(20, 3), Options(), ""),
        (tasks_of(20, 3).query("iteration % 20 == 0"), Options(), ""),  # as of all
        (tasks_of(20, 2).query("iteration >= 20"), Options(), ""),  # as before the first switch nothing can fall
    ],
)
def test_a_single_evaluation_beside_contexts_of_many_is_told(table, options, words, caplog):
    tidy(table, options, "mine")
    assert [text for text in caplog.messages if "holds one evaluation" in text] == caplog.messages
    assert words in caplog.text
    assert bool(caplog.messages) == bool(words)


@pytest.mark.parametrize(("tasks", "length", "told"), [(10, 100, 200), (10, 100, 110), (2, 150, 200), (2, 100, 10**9)])
def test_a_context_length_that_contradicts_where_tasks_begin_is_refused(tasks, length, told):
    words = f"mine: task 2 has accuracies from iteration {length + 1} on, but by --context-length {told} .* at {told + 1};"
    with pytest.raises(UserError, match=words):
        tidy(tasks_of(length, tasks), Options(context_length=told), "mine")
    assert tidy(tasks_of(length, tasks), Options(), "mine")["context"].max() == tasks


def test_of_seldom_evaluations_a_task_that_would_vanish_is_noticed():
    """One evaluation per context: by 400 updates each there would be two contexts and no task 3."""
    seldom = tasks_of(200, 3).query("iteration % 200 == 0")
    with pytest.raises(UserError, match="task 3 has accuracies from iteration 600 on"):
        tidy(seldom, Options(context_length=400), "mine")
    assert tidy(seldom, Options(context_length=200), "mine")["context"].max() == 3


@pytest.mark.parametrize(
    "table",
    [
        tasks_of(4, 3),
        tasks_of(4, 3).query("iteration < 11"),  # the last context is shorter
        tasks_of(4, 3).query("iteration % 3 == 0"),  # tasks seem to begin later than they do
        tasks_of(4, 3, ahead=1),  # evaluated once before the first update
        tasks_of(4, 3, ahead=4),  # the next task, always
        tasks_of(4, 3, ahead=99),  # all tasks, always
    ],
)
def test_a_right_context_length_is_taken_whatever_is_evaluated_early(table):
    made = tidy(table, Options(context_length=4), "mine")
    assert (made["context"] == (made["iteration"] - 1) // 4 + 1).all()
    assert made["task"].max() == 3


def test_tasks_that_are_evaluated_a_few_updates_before_their_context_need_switches():
    with pytest.raises(UserError, match="task 2 has accuracies from iteration 4 on"):
        tidy(tasks_of(5, 2, ahead=2), Options(context_length=5), "mine")
    assert tidy(tasks_of(5, 2, ahead=2), Options(switches=[5]), "mine")["task"].tolist() == [1] * 5 + [1, 2] * 5


@pytest.mark.parametrize("options", [Options(context_length=6), Options(switches=[4]), Options()])
def test_tasks_whose_context_never_comes_are_refused(options):
    """Three contexts of four updates, all tasks evaluated always: of two, task 3 would vanish, and the gap be elsewhere."""
    table = tasks_of(4, 3, ahead=99)
    if options == Options():  # contexts written from 1, but the last two as one
        table["context"] = np.minimum((table["iteration"] - 1) // 4 + 1, 2)
    with pytest.raises(UserError, match="mine has accuracies on 3 tasks, but contexts: 2; correct"):
        tidy(table, options, "mine")


def test_an_array_with_exchanged_axes_is_refused():
    with pytest.raises(UserError, match="mine has accuracies on 12 tasks, but contexts: 1;"):
        tidy(from_array(np.full((8, 12), 0.5)), Options(context_length=8), "mine")  # eight seeds of twelve updates


@pytest.mark.parametrize("column", ["context", "task"])
def test_contexts_and_tasks_count_from_one(column):
    table = tasks_of(4, 3, ahead=99).assign(context=lambda rows: (rows["iteration"] - 1) // 4 + 1)
    with pytest.raises(UserError, match=f"mine, column {column}: 0 is below 1; {column}s count from 1"):
        tidy(table.assign(**{column: table[column] - 1}), Options(), "mine")


def test_a_run_that_diverged_before_a_task_began_does_not_tell_its_context():
    gone = tasks_of(4, 3, ahead=99)
    gone.loc[(gone["task"] > (gone["iteration"] + 3) // 4) | (gone["iteration"] > 6), "accuracy"] = np.nan
    with pytest.raises(UserError, match="mine diverged before task 3 began, and has no column context; say where"):
        tidy(gone, Options(), "mine")
    assert tidy(gone, FOUR, "mine")["context"].max() == 3
    beside = pd.concat([gone.assign(seed=1), tasks_of(4, 3).assign(seed=2)])
    assert tidy(beside, Options(), "mine").query("seed == 1")["context"].max() == 3


# --- units and counting ----------------------------------------------------------------------------------------------


def test_percent_is_refused_and_converted_only_when_asked():
    table = plain().assign(accuracy=lambda rows: 100 * rows["accuracy"])
    with pytest.raises(UserError, match=r"column accuracy: 90 looks like percent; say so with --percent"):
        tidy(table, FOUR, "mine")
    percent = Options(context_length=4, percent=True)
    pd.testing.assert_frame_equal(tidy(table, percent, "mine"), evaluations())
    with pytest.raises(UserError, match="101 is above 100 percent"):
        tidy(table.assign(accuracy=101.0), percent, "mine")
    with pytest.raises(UserError, match="none is above 1, so --percent is hard to believe"):
        tidy(plain().assign(accuracy=1.0), percent, "mine")  # all correct, or a network of 100 classes that knows nothing
    assert (tidy(plain().assign(accuracy=0.0), percent, "mine")["accuracy"] == 0).all()


def test_an_iteration_0_must_be_explained():
    from_zero = plain().assign(iteration=lambda rows: rows["iteration"] - 1)
    with pytest.raises(UserError, match=r"column iteration: it begins at 0.*--count-from 0.*--count-from 1"):
        tidy(from_zero, FOUR, "mine")
    counted = Options(context_length=4, count_from=0)
    pd.testing.assert_frame_equal(tidy(from_zero, counted, "mine"), evaluations())
    with pytest.raises(UserError, match="it begins at 1, so --count-from 0 says nothing of it"):
        tidy(plain(), counted, "mine")
    before = pd.concat([pd.DataFrame({"iteration": [0, 0], "task": [1, 2], "accuracy": [0.1, 0.1]}), plain()])
    pd.testing.assert_frame_equal(tidy(before, Options(context_length=4, count_from=1), "mine"), evaluations())
    with pytest.raises(UserError, match="-1 is below 0"):
        tidy(plain().assign(iteration=lambda rows: rows["iteration"] - 2), FOUR, "mine")


def test_evaluations_may_be_sparse_and_seeds_several():
    table = pd.concat([plain().query("iteration % 2 == 0").assign(seed=seed) for seed in (7, 5)])
    made = tidy(table, FOUR, "mine")
    assert made["seed"].unique().tolist() == [5, 7]
    assert made["iteration"].unique().tolist() == [2, 4, 6, 8]


def test_text_that_holds_numbers_is_read_and_losses_are_kept():
    table = plain().assign(loss=1.0).astype({"iteration": str, "task": str, "accuracy": str}).astype(object)
    pd.testing.assert_frame_equal(tidy(table, FOUR, "mine"), evaluations().assign(loss=1.0))


# --- what would be measured wrongly -----------------------------------------------------------------------------------


def test_a_run_that_diverged_is_empty_to_its_end():
    table = plain().assign(accuracy=lambda rows: rows["accuracy"].where(rows["iteration"] < 7))
    assert tidy(table, FOUR, "mine")["accuracy"].isna().sum() == 4


@pytest.mark.parametrize("empty", ["iteration == 3 and task == 1", "iteration >= 7 and task == 1", "iteration == 6"])
def test_holes_are_refused_as_they_would_count_as_divergence(empty):
    table = plain()
    table.loc[table.eval(empty), "accuracy"] = np.nan
    iteration = empty.split()[2]
    with pytest.raises(UserError, match=f"seed 0 has none on task 1 at iteration {iteration}, but has some at that"):
        tidy(table, FOUR, "mine")


ANEW = plain().query("task == 1").assign(iteration=lambda rows: (rows["iteration"] - 1) % 4 + 1)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pd.concat([plain(), plain()]), "iteration 1, task 1 stands twice; rows of several runs need a column seed"),
        (ANEW, "iteration 1, task 1 stands twice; .* count iterations over the whole stream"),
        (ANEW.assign(seed=5), "seed 5, iteration 1, task 1 stands twice; keep one row each, and count iterations over the whole"),
        (ANEW.assign(seed=5, context=[1] * 4 + [2] * 4), ".* stands twice; it is in two contexts, so count"),
    ],
)
def test_rows_that_stand_twice_are_told_what_they_may_be(table, words):
    with pytest.raises(UserError, match=f"^mine: {words}"):
        tidy(table, FOUR if "context" not in table else Options(), "mine")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"iteration": 1.5}, "column iteration: 1.5 is no whole number"),
        ({"iteration": np.nan}, "column iteration: nan is no whole number"),
        ({"task": "first"}, "column task: 'first' is no whole number"),
        ({"seed": 2**40}, "column seed: 1099511627776 is beyond 2147483647"),
        ({"accuracy": 1 + 2j}, r"column accuracy: \(1\+2j\) is no number"),
        ({"accuracy": "0,5"}, "column accuracy: '0,5' is no number; write one with a point"),
        ({"accuracy": -0.5}, "column accuracy: -0.5 is below 0"),
        ({"accuracy": np.inf}, "inf"),
        ({"iteration": 5}, "stands twice"),
    ],
)
def test_bad_values_are_named(change, words):
    with pytest.raises(UserError, match=f"^mine.*{words}"):
        tidy(plain().assign(**change), FOUR, "mine")


def test_an_empty_table_and_a_task_too_few_are_refused():
    with pytest.raises(UserError, match="mine has no rows"):
        tidy(plain().head(0), FOUR, "mine")
    with pytest.raises(UserError, match="mine, column task"):
        tidy(plain(), Options(context_length=2), "mine")


# --- arrays ----------------------------------------------------------------------------------------------------------


def test_arrays_of_one_two_and_three_axes():
    first = np.array(FIRST)
    both = np.column_stack([first, [np.nan] * 4 + SECOND])
    pd.testing.assert_frame_equal(tidy(from_array(both), FOUR, "mine"), evaluations())
    pd.testing.assert_frame_equal(tidy(from_array(both[None], seeds=[3]), FOUR, "mine"), evaluations(3))
    alone = evaluations().query("task == 1").reset_index(drop=True)
    pd.testing.assert_frame_equal(tidy(from_array(first), FOUR, "mine"), alone)


def test_bad_arrays_are_named():
    with pytest.raises(UserError, match=r"have the shape \(1, 1, 1, 1\)"):
        from_array(np.zeros((1, 1, 1, 1)))
    with pytest.raises(UserError, match="the type <U1"):
        from_array(np.array(["a"]))
    with pytest.raises(UserError, match="2 seeds are named for 1 curves"):
        from_array(np.zeros((4, 2)), seeds=[1, 2])
