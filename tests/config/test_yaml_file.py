"""YAML files: what cannot be read is told in one sentence, however it is broken."""

import pytest

from stability_gap.config import yaml_file
from stability_gap.errors import UserError


def told(tmp_path, content: bytes) -> str:
    (tmp_path / "c.yaml").write_bytes(content)
    with pytest.raises(UserError) as error:
        yaml_file.read(tmp_path / "c.yaml")
    return str(error.value).removeprefix(str(tmp_path / "c.yaml"))


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
@pytest.mark.parametrize("depth", [yaml_file.DEEPEST + 2, 500, 5000])
def test_blocks_within_blocks_without_end_are_refused(tmp_path, opening, depth):
    message = told(tmp_path, b"suite:\n  " + opening.encode() * depth)
    assert message == f": line 2: more than {yaml_file.DEEPEST} blocks within one another; flatten them."


def test_what_is_nested_less_is_read(tmp_path):
    depth = yaml_file.DEEPEST
    (tmp_path / "c.yaml").write_text("[" * depth + "]" * depth)
    value = yaml_file.read(tmp_path / "c.yaml")
    for _ in range(depth - 1):
        (value,) = value
    assert value == []


@pytest.mark.parametrize("value", ["1" * 5000, "2026-02-31", "!!timestamp 9"])
def test_a_value_that_no_type_holds_is_refused(tmp_path, value):
    message = told(tmp_path, f"suite: {value}\n".encode())
    assert message.startswith(" holds a value that cannot be read: ")
    assert message.endswith("Write a number or quoted text.")


def test_another_encoding_is_named(tmp_path):
    message = told(tmp_path, "suite: Größe\n".encode("latin-1"))
    assert message == " is no UTF-8 text (invalid start byte at byte 9); save it as UTF-8."


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        yaml_file.read(tmp_path)
