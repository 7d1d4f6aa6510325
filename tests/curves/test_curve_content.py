import pandas as pd
import pytest
import torch

from stability_gap import files
from stability_gap.curves.content import Content, read_content
from stability_gap.errors import UserError


@pytest.mark.parametrize("delimiter", [",", ";", "\t", ", "])
def test_csv_of_any_delimiter_and_of_loose_names(tmp_path, delimiter):
    lines = [" Iteration", "acc_task1 ", "ACC_TASK2"], ["1", "0.5", ""], ["2", "0.25", "0.75"]
    (tmp_path / "a.dat").write_text("\ufeff" + "\r\n".join(delimiter.join(line) for line in lines) + "\r\n", encoding="utf-8")
    table = read_content(tmp_path / "a.dat").rows()
    assert list(table.columns) == ["iteration", "acc_task1", "acc_task2"]
    assert table["acc_task1"].tolist() == [0.5, 0.25]
    assert table["acc_task2"].isna().tolist() == [True, False]


def test_an_index_of_a_parquet_file_is_a_column(tmp_path):
    pd.DataFrame({"acc_task1": [0.5]}, index=pd.Index([1], name="iteration")).to_parquet(tmp_path / "a.parquet")
    assert read_content(tmp_path / "a.parquet").rows().to_dict("list") == {"iteration": [1], "acc_task1": [0.5]}


@pytest.mark.parametrize("make", [lambda path: torch.save({"acc": [1]}, path), lambda path: pd.to_pickle([1], path)])
def test_pickles_are_refused_unread(tmp_path, make):
    make(tmp_path / "a.csv")
    with pytest.raises(UserError, match=r"a\.csv is a packed Python file .*save the curves as JSON or CSV"):
        read_content(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "is empty"),
        (b"  \n ", "is empty"),
        (b"\xff\xfe\x00a", "is neither parquet nor text in UTF-8"),
        (b"PAR1 and no more", "cannot be read as parquet"),
        (b"[1, 2]", r"is a JSON list; it must be an object"),
        (b'{"a": ', "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
        (b"a,b\n1,2\n1,2,3\n", r"cannot be read as CSV .*equal rows"),
        (b"a,A\n1,2\n", "has the column a twice"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, raw, words):
    (tmp_path / "mine").write_bytes(raw)
    with pytest.raises(UserError, match=f"mine {words}"):
        read_content(tmp_path / "mine")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(UserError, match=r"nothing\.csv does not exist"):
        read_content(tmp_path / "nothing.csv")
    with pytest.raises(UserError, match="cannot be read"):
        read_content(tmp_path)


def test_a_table_has_no_keys_and_a_document_no_columns():
    table, document = Content("t", table=pd.DataFrame({"a": [1]})), Content("d", document={"b": 1})
    assert (table.columns, table.keys, document.columns, document.keys) == (["a"], [], [], ["b"])
    with pytest.raises(UserError, match="d is JSON"):
        document.rows()
    with pytest.raises(UserError, match="t is a table"):
        table.fields()


def test_a_damaged_parquet_of_ours_is_refused(tmp_path):
    files.write_parquet(tmp_path / "a.parquet", pd.DataFrame({"iteration": [1, 2], "accuracy": [0.5, 0.6]}))
    raw = bytearray((tmp_path / "a.parquet").read_bytes())
    raw[len(raw) // 2] ^= 1
    (tmp_path / "a.parquet").write_bytes(raw)
    with pytest.raises(UserError, match="cannot be read as parquet"):
        read_content(tmp_path / "a.parquet")
