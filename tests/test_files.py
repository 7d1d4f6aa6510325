"""Files: atomic, byte for byte the same, and one clear message where something is wrong."""

import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stability_gap import files
from stability_gap.errors import UserError
from stability_gap.tasks.arrays import read_arrays

TABLE = pd.DataFrame(
    {
        "seed": np.array([1, 2, 3], np.int32),
        "accuracy": np.array([0.1, np.nan, 0.3], np.float32),
        "value": [1 / 3, 2e-300, -0.0],
        "metric": ["a", "b", "é"],
    }
)
ARRAYS = {"x": np.arange(6, dtype=np.uint8).reshape(2, 3), "names": np.array(["a", "bc"]), "y": np.array([np.pi])}

WRITERS = {
    "table.parquet": lambda path: files.write_parquet(path, TABLE),
    "table.csv": lambda path: files.write_csv(path, TABLE),
    "facts.json": lambda path: files.write_json(path, {"b": 1, "a": [1.5, None, "é"]}),
    "arrays.npz": lambda path: files.write_npz(path, ARRAYS),
    "words.txt": lambda path: files.write_text(path, "Größe: 1 é\n"),
}

READERS = {
    "table.parquet": lambda path: files.read_parquet(path, ["seed"]),
    "table.csv": files.read_csv,
    "facts.json": files.read_json,
    "arrays.npz": read_arrays,
}


# --- atomic ---------------------------------------------------------------------------------------------------------


def half_written(error: BaseException):
    def write(temporary):
        temporary.write_text("half of the new")
        raise error

    return write


@pytest.mark.parametrize("error", [ValueError("bug"), KeyboardInterrupt()])
def test_a_failed_write_leaves_no_file(tmp_path, error):
    with pytest.raises(type(error)):
        files.write_atomically(tmp_path / "new.txt", half_written(error))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [ValueError("bug"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_old_file_as_it_was(tmp_path, error):
    path = tmp_path / "kept.txt"
    path.write_text("old")
    with pytest.raises(type(error)):
        files.write_atomically(path, half_written(error))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "replaced.csv"
    path.write_text("old")
    seen = []

    def write(temporary):
        temporary.write_text("new")
        seen.append((path.read_text(), temporary.parent, temporary.suffix))

    files.write_atomically(path, write)
    assert seen == [("old", tmp_path, ".csv")]
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path):
    with pytest.raises(UserError, match=r"cannot write .*table\.csv: No space left on device"):
        files.write_atomically(tmp_path / "table.csv", half_written(OSError(28, os.strerror(28))))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "fix"),
    [(28, "Free some space"), (122, "Free some space"), (30, "can only be read"), (13, "the right to write"), (5, "Check")],
)
def test_a_refusal_of_the_system_is_told_with_its_fix(tmp_path, number, fix):
    with pytest.raises(UserError, match=rf"table\.csv: {os.strerror(number)}\. .*{fix}"):
        files.write_atomically(tmp_path / "table.csv", half_written(OSError(number, "whatever a library says of it")))


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_where_a_folder_should_be_is_told(tmp_path, name):
    (tmp_path / "taken").write_text("a file")
    for folder in (tmp_path / "taken", tmp_path / "taken" / "deeper"):
        with pytest.raises(UserError) as error:
            WRITERS[name](folder / name)
        assert str(error.value).startswith(f"cannot write {folder / name}: ")
    assert (tmp_path / "taken").read_text() == "a file"


def test_a_folder_where_the_file_should_be_is_told(tmp_path):
    (tmp_path / "facts.json").mkdir()
    with pytest.raises(UserError, match=r"cannot write .*facts\.json"):
        files.write_json(tmp_path / "facts.json", {})
    assert [path.name for path in tmp_path.iterdir()] == ["facts.json"]


# --- the same bytes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WRITERS)
def test_the_same_content_gives_the_same_bytes_and_makes_its_folder(tmp_path, name):
    WRITERS[name](tmp_path / "one" / name)
    WRITERS[name](tmp_path / "two" / "deeper" / name)
    assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / "deeper" / name).read_bytes()
    assert files.digest(tmp_path / "one" / name) == files.digest(tmp_path / "two" / "deeper" / name)


def test_the_order_of_keys_does_not_reach_json(tmp_path):
    files.write_json(tmp_path / "1.json", {"a": 1, "b": {"x": 1, "y": 2}})
    files.write_json(tmp_path / "2.json", {"b": {"y": 2, "x": 1}, "a": 1})
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()


def test_the_index_of_a_table_reaches_no_file(tmp_path):
    shuffled = TABLE.set_axis([7, 8, 9])
    files.write_parquet(tmp_path / "1.parquet", TABLE)
    files.write_parquet(tmp_path / "2.parquet", shuffled)
    files.write_csv(tmp_path / "1.csv", TABLE)
    files.write_csv(tmp_path / "2.csv", shuffled)
    assert files.digest(tmp_path / "1.parquet") == files.digest(tmp_path / "2.parquet")
    assert files.digest(tmp_path / "1.csv") == files.digest(tmp_path / "2.csv")


def test_digest_is_sha256(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert files.digest(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


# --- read what was written ------------------------------------------------------------------------------------------


def test_parquet_keeps_values_and_types(tmp_path):
    files.write_parquet(tmp_path / "t.parquet", TABLE)
    pd.testing.assert_frame_equal(files.read_parquet(tmp_path / "t.parquet", list(TABLE)), TABLE)


def test_parquet_columns_come_in_the_order_asked_for(tmp_path):
    files.write_parquet(tmp_path / "t.parquet", TABLE)
    assert list(files.read_parquet(tmp_path / "t.parquet", ["metric", "seed"])) == ["metric", "seed"]


def test_json_keeps_its_content(tmp_path):
    content = {"list": [1, 2.5, None, True], "text": "é\n"}
    files.write_json(tmp_path / "c.json", content)
    assert files.read_json(tmp_path / "c.json") == content
    assert (tmp_path / "c.json").read_text(encoding="utf-8").endswith("}\n")


def test_npz_keeps_values_types_and_shapes(tmp_path):
    files.write_npz(tmp_path / "a.npz", ARRAYS)
    back = read_arrays(tmp_path / "a.npz")
    assert back.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert back[name].dtype == array.dtype
        np.testing.assert_array_equal(back[name], array)


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=5))
def test_csv_writes_floats_exactly(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "floats.csv"
    files.write_csv(path, pd.DataFrame({"x": values}))
    assert [float(line) for line in path.read_text().splitlines()[1:]] == values


# --- missing and damaged --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", READERS)
def test_a_missing_file_is_named_with_the_step_to_run(tmp_path, name):
    with pytest.raises(UserError) as error:
        READERS[name](tmp_path / name)
    assert str(error.value).startswith(f"{tmp_path / name} does not exist; run the step that makes it")


@pytest.mark.parametrize("name", ["table.parquet", "facts.json", "arrays.npz"])
def test_a_file_cut_short_is_named(tmp_path, name):
    WRITERS[name](tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    for size in (0, len(whole) // 2, len(whole) - 3):
        (tmp_path / name).write_bytes(whole[:size])
        with pytest.raises(UserError) as error:
            READERS[name](tmp_path / name)
        assert str(error.value).startswith(str(tmp_path / name))


@pytest.mark.parametrize("name", READERS)
def test_a_file_of_another_kind_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"\xff\xfe\x00 nothing of the kind")
    with pytest.raises(UserError) as error:
        READERS[name](tmp_path / name)
    assert str(error.value).startswith(str(tmp_path / name))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' * 100_000, "1" * 5000, "{1: 2}"])
def test_json_that_cannot_be_read_is_named(tmp_path, text):
    (tmp_path / "facts.json").write_text(text)
    with pytest.raises(UserError, match=r"facts\.json is not valid JSON"):
        files.read_json(tmp_path / "facts.json")


@pytest.fixture
def evaluations(tmp_path):
    """A file such as runs leave, and its table."""
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {"seed": np.repeat(np.arange(3, dtype=np.int32), 100), "iteration": np.tile(np.arange(100, dtype=np.int32), 3)}
    )
    table["accuracy"] = random.random(300).astype(np.float32)
    table["context"] = pd.array([None, *range(299)], "Int16")
    table["metric"] = "avg_acc"
    files.write_parquet(tmp_path / "evaluations.parquet", table)
    return tmp_path / "evaluations.parquet", table


def test_single_flipped_bits_give_an_error_or_the_same_numbers(evaluations):
    path, table = evaluations
    content = path.read_bytes()
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    assert len(content) - footer > 1000
    random = np.random.default_rng(1)
    seal = content.index(files.SEAL)
    bits = [*random.integers(0, 8 * len(content), 60), *random.integers(8 * footer, 8 * len(content), 60), 8 * seal + 3]
    refused = 0
    for bit in bits:
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            read = files.read_parquet(path, list(table))
        except UserError as error:
            refused += str(error).startswith(f"{path} cannot be read as parquet (")
        else:
            pd.testing.assert_frame_equal(read, table)
    assert refused >= len(bits) - 3


def test_checksums_of_pages_are_verified_in_files_of_others(tmp_path):
    path = tmp_path / "t.parquet"
    table = pa.table({"x": np.zeros(1000)})
    pq.write_table(table, path, write_page_checksum=True, compression="none", use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[500] ^= 1
    path.write_bytes(content)
    assert pq.read_table(path).num_rows == 1000  # nobody else would notice
    with pytest.raises(UserError, match=r"t\.parquet cannot be read as parquet .*CRC"):
        files.read_parquet(path, ["x"])


def test_pages_of_ours_carry_checksums_and_any_program_reads_them(evaluations):
    path, table = evaluations
    pd.testing.assert_frame_equal(pd.read_parquet(path), table)
    content = path.read_bytes()
    place, bare = content.index(files.SEAL), path.with_name("bare.parquet")
    damaged = bytearray(content[:place] + content[place + len(files.SEAL) + 32 :])
    bare.write_bytes(damaged)
    column = pq.ParquetFile(bare).metadata.row_group(0).column(2)
    damaged[column.dictionary_page_offset + column.total_compressed_size - 5] ^= 1  # the end of its last page
    bare.write_bytes(damaged)
    with pytest.raises(UserError, match="CRC"):
        files.read_parquet(bare)


def test_somebodys_index_is_a_column_here(tmp_path):
    table = TABLE.assign(seed=[7, 1, 4])
    table.set_index("seed").to_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(files.read_parquet(tmp_path / "t.parquet", ["accuracy", "seed"]), table[["accuracy", "seed"]])


def test_a_changed_byte_in_npz_is_noticed(tmp_path):
    files.write_npz(tmp_path / "a.npz", {"x": np.zeros(1000, np.uint8)})
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[600] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.npz is damaged"):
        read_arrays(tmp_path / "a.npz")


def test_a_changed_value_in_json_is_noticed_and_an_edit_can_be_kept(tmp_path):
    path = tmp_path / "facts.json"
    files.write_json(path, {"classes": 10, 2: "a", 10: [0.1, float("nan")]})
    whole = path.read_text()
    assert list(files.read_json(path)) == ["10", "2", "classes"]
    path.write_text(whole.replace('"classes": 10', '"classes": 12'))
    with pytest.raises(
        UserError, match=r"facts\.json does not match its checksum: .* Delete it and run again; to keep an edit, "
    ):
        files.read_json(path)
    path.write_text("".join(line for line in path.read_text().splitlines() if '"checksum"' not in line))
    assert files.read_json(path)["classes"] == 12


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n1,2,3\n"])
def test_a_csv_file_without_a_table_is_named(tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(UserError, match=r"t\.csv cannot be read as CSV"):
        files.read_csv(tmp_path / "t.csv")


def test_missing_columns_are_named_beside_those_that_are_there(tmp_path):
    files.write_parquet(tmp_path / "t.parquet", TABLE)
    with pytest.raises(UserError, match=r"t\.parquet lacks the column\(s\) task, loss; it has seed, accuracy, value, metric"):
        files.read_parquet(tmp_path / "t.parquet", ["seed", "task", "loss"])


# --- no pickle ------------------------------------------------------------------------------------------------------


def test_object_arrays_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="allow_pickle=False"):
        files.write_npz(tmp_path / "a.npz", {"x": np.array([{}, None])})
    assert list(tmp_path.iterdir()) == []


def test_object_arrays_are_not_read(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{}, None]))
    with pytest.raises(UserError, match=r"a\.npz: array 'x' cannot be read .*allow_pickle=False"):
        read_arrays(tmp_path / "a.npz")
