import shutil

import pandas as pd
import pytest
from curve_truth import EXAMPLES, evaluations, wide

from stability_gap import files
from stability_gap.curves.content import Content, read_content
from stability_gap.curves.options import Options
from stability_gap.curves.registry import formats, guess, read
from stability_gap.errors import UserError

FOUR = Options(context_length=4)


@pytest.mark.parametrize("name", sorted(formats()))
def test_every_format_has_an_example_that_is_known_by_its_content(name, tmp_path):
    (example,) = EXAMPLES.glob(f"{name}.*")
    copied = shutil.copy(example, tmp_path / "curves.txt")  # the name of the file tells nothing
    content = read_content(copied)
    assert guess(content).name == name
    pd.testing.assert_frame_equal(read(content, FOUR), read(content, FOUR, format_name=name))


def test_a_long_parquet_and_a_wide_one_read_like_their_csv(tmp_path):
    files.write_parquet(tmp_path / "a", evaluations(3, loss=True))
    files.write_parquet(tmp_path / "b", wide())
    pd.testing.assert_frame_equal(read(read_content(tmp_path / "a"), Options()), evaluations(3, loss=True))
    pd.testing.assert_frame_equal(read(read_content(tmp_path / "b"), FOUR), evaluations())


def test_what_no_format_knows_is_told_what_to_write():
    content = Content("mine.csv", table=pd.DataFrame({"epoch": [1], "top1": [0.5]}))
    with pytest.raises(UserError, match=r"mine\.csv has the columns epoch, top1, which is no .*Write iteration, acc_task1"):
        guess(content)
    with pytest.raises(UserError, match=r"mine\.json has the keys a"):
        guess(Content("mine.json", document={"a": 1}))


def test_what_two_formats_know_needs_a_name():
    both = pd.DataFrame({"iteration": [1, 2], "accuracy": [0.5, 0.6], "task1": [0.1, 0.2]})
    content = Content("mine.csv", table=both)
    with pytest.raises(UserError, match="could be long or wide; say which with --format"):
        guess(content)
    assert read(content, Options(context_length=1), "wide")["accuracy"].tolist() == [0.1, 0.2]
    assert read(content, Options(context_length=1), "long")["accuracy"].tolist() == [0.5, 0.6]


def test_a_format_that_does_not_fit_or_exist_is_refused():
    content = Content("mine.csv", table=wide())
    with pytest.raises(UserError, match=r"mine\.csv is no avalanche_metrics: it has iteration, acc_task1"):
        read(content, FOUR, "avalanche_metrics")
    with pytest.raises(UserError, match=r"there is no format 'exotic'; known: avalanche_csv, "):
        read(content, FOUR, "exotic")
