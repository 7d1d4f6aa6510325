import pandas as pd
import pytest
from curve_truth import EXAMPLES, evaluations, wide

from stability_gap.curves.content import Content, read_content
from stability_gap.curves.formats.long import read as read_long
from stability_gap.curves.formats.wide import read as read_wide
from stability_gap.curves.options import Options
from stability_gap.errors import UserError

FOUR = Options(context_length=4)


def test_long_example():
    table = read_long(read_content(EXAMPLES / "long.csv"), Options())
    pd.testing.assert_frame_equal(table, evaluations(3, loss=True))


def test_long_leaves_other_columns_aside():
    content = Content("mine", table=evaluations().assign(comment="fine"))
    pd.testing.assert_frame_equal(read_long(content, Options()), evaluations())


@pytest.mark.parametrize("read", [read_long, read_wide])
@pytest.mark.parametrize("seeds", [[1, 2, 3, 4], [1, 2, 1, 2], [None, None]])
def test_methods_in_a_column_are_not_pooled(read, seeds):
    """Two methods in one file, of seeds of their own, of the same, of none."""
    one = wide() if read is read_wide else evaluations().drop(columns="seed")
    parts = [
        one.assign(method=("mine", "sgd")[2 * number // len(seeds)], **({} if seed is None else {"seed": seed}))
        for number, seed in enumerate(seeds)
    ]
    with pytest.raises(UserError, match="many, column method: it has the values mine, sgd; give one file each"):
        read(Content("many", table=pd.concat(parts)), FOUR)


@pytest.mark.parametrize("read", [read_long, read_wide])
def test_text_that_changes_along_a_seed_tells_no_methods_apart(read):
    """Such as the time of an evaluation, or the name of a task."""
    one = wide() if read is read_wide else evaluations().drop(columns="seed")
    table = pd.concat([one.assign(seed=seed, time=[f"10:{minute}" for minute in range(len(one))]) for seed in (1, 2)])
    expected = pd.concat([evaluations(1), evaluations(2)], ignore_index=True)
    pd.testing.assert_frame_equal(read(Content("mine", table=table), FOUR), expected)


def test_wide_example():
    content = read_content(EXAMPLES / "wide.csv")
    pd.testing.assert_frame_equal(read_wide(content, FOUR), evaluations())
    pd.testing.assert_frame_equal(read_wide(content, Options(seed=9)), evaluations(9))  # contexts by what is empty


@pytest.mark.parametrize("names", ["accuracy_task_{}", "acc_{}", "task{}", "{}", "accuracy {}", "acc task {}"])
def test_wide_understands_other_names(names):
    table = wide().set_axis(["iteration", names.format(1), names.format(2)], axis="columns")
    pd.testing.assert_frame_equal(read_wide(Content("mine", table=table), FOUR), evaluations())


def test_wide_takes_seeds_and_losses():
    losses = evaluations(loss=True).pivot_table(index="iteration", columns="task", values="loss").reset_index(drop=True)
    table = wide().assign(loss_task1=losses[1], loss_task2=losses[2], seed=5)
    pd.testing.assert_frame_equal(read_wide(Content("mine", table=table), FOUR), evaluations(5, loss=True))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (["iteration", "acc_task1", "acc_task3"], "the columns are of the tasks 1, 3; number them from 1"),
        (["iteration", "acc_task0", "acc_task1"], "the columns are of the tasks 0, 1"),
        (["iteration", "acc_task1", "acc_1"], "acc_task1 and acc_1 are both of task 1"),
    ],
)
def test_wide_refuses_tasks_that_are_not_1_to_k(columns, words):
    with pytest.raises(UserError, match=words):
        read_wide(Content("mine", table=wide().set_axis(columns, axis="columns")), FOUR)
