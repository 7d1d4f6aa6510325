"""`like`: chains of any length, ids that YAML reads as numbers."""

import pytest

from stability_gap.config.likes import expand_likes
from stability_gap.errors import UserError


def test_a_chain_of_thousands_is_followed():
    blocks = {f"b{number}": {"like": f"b{number - 1}", "y": number} for number in range(5000, 0, -1)} | {"b0": {"x": 1}}
    assert expand_likes(blocks, "c: b")["b5000"] == {"x": 1, "y": 5000}


def test_a_circle_of_thousands_is_told_in_short():
    blocks = {f"b{number}": {"like": f"b{(number + 1) % 3000}"} for number in range(3000)}
    with pytest.raises(UserError) as error:
        expand_likes(blocks, "c: b")
    assert str(error.value) == "c: b.b2999.like: b0 -> b1 -> b2 -> b3 -> … -> b2997 -> b2998 -> b2999 -> b0 is a circle."


def test_ids_that_are_numbers_to_yaml_are_text():
    assert expand_likes({1: {"x": 1}, 2: {"like": 1, "y": 2}, 3: {"like": "1"}}, "c: b") == {
        "1": {"x": 1},
        "2": {"x": 1, "y": 2},
        "3": {"x": 1},
    }


@pytest.mark.parametrize("parent", [7, 1.5, None, ["a"], {"a": 1}, True])
def test_a_parent_that_is_none_is_named(parent):
    with pytest.raises(UserError, match=r"c: b\.2\.like: no block .* Known: 1, 2\."):
        expand_likes({1: {"x": 1}, 2: {"like": parent}}, "c: b")


def test_a_look_is_not_copied():
    blocks = {
        "a": {"label": "A", "colour": "#000000", "marker": "o", "x": 1},
        "b": {"like": "a"},
        "c": {"like": "b", "label": "C"},
    }
    assert expand_likes(blocks, "c: b") == {"a": blocks["a"], "b": {"x": 1}, "c": {"x": 1, "label": "C"}}
