"""The base of all settings models, and how a refusal is put into words."""

from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError, field_validator

from stability_gap.analysis.settings import AnalysisSettings
from stability_gap.config import Suite
from stability_gap.errors import UserError
from stability_gap.settings import Settings, keys_at, nearest, validate


class Cat(Settings):
    kind: Literal["cat"]
    lives: int = Field(9, gt=0)


class Dog(Settings):
    kind: Literal["dog"]
    weight: float = Field(gt=0)
    name: str = "Rex"

    @field_validator("name")
    @classmethod
    def _short(cls, name: str) -> str:
        if len(name) > 5:
            raise ValueError("a name has at most 5 letters")
        return name


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


class Home(Settings):
    rooms: int = Field(gt=0)
    pets: dict[str, Pet] = Field({})
    doors: list[int] = Field([])


def message(annotation, values) -> str:
    with pytest.raises(UserError) as error:
        validate(annotation, values, "home.yaml")
    return str(error.value)


def test_good_values_become_the_model():
    home = validate(Home, {"rooms": 2, "pets": {"tom": {"kind": "cat"}}}, "home.yaml")
    assert home == Home(rooms=2, pets={"tom": Cat(kind="cat", lives=9)})


def test_settings_cannot_be_changed():
    home = Home(rooms=2)
    with pytest.raises(ValidationError, match="frozen"):
        home.rooms = 3


@pytest.mark.parametrize(
    ("annotation", "values", "expected"),
    [
        (Home, {"rooms": 2, "dors": []}, "home.yaml: dors: unknown key. Did you mean 'doors'?"),
        (Home, {"rooms": 2, "zzz": 1}, "home.yaml: zzz: unknown key. Known: doors, pets, rooms."),
        (Home, {}, "home.yaml: rooms: missing; add this key."),
        (Home, {"rooms": "2e1"}, "home.yaml: rooms: '2e1' is text to YAML 1.1, not a number; write 20 or 1.0e-3 with a point."),
        (
            Home,
            {"rooms": "2"},
            "home.yaml: rooms: '2' is text; write 2 without quotes (on the command line, what stands within a block is text, "
            "so put the block into a file (--configfile)).",
        ),
        (
            AnalysisSettings,
            {"alpha": "0.01"},
            "home.yaml: alpha: '0.01' is text; write 0.01 without quotes (on the command line, what stands within a block is "
            "text, so put the block into a file (--configfile)).",
        ),
        (
            Suite,
            {"benchmarks": ["a"], "optimizers": ["b"], "seeds": [1], "publish_runs": "true"},
            "home.yaml: publish_runs: 'true' is text; write true without quotes (on the command line, what stands within a block "
            "is text, so put the block into a file (--configfile)).",
        ),
        (Home, {"rooms": "two"}, "home.yaml: rooms: should be a valid integer (is 'two')."),
        (Home, {"rooms": True}, "home.yaml: rooms: should be a valid integer (is True)."),
        (Home, {"rooms": 0}, "home.yaml: rooms: should be greater than 0 (is 0)."),
        (Home, {"rooms": 1, "doors": [1, "a"]}, "home.yaml: doors.1: should be a valid integer (is 'a')."),
        (Home, {"rooms": 1, "pets": []}, "home.yaml: pets: should be a valid dictionary (is [])."),
        (Home, {"rooms": 1, "pets": {"t": {"kind": "dog"}}}, "home.yaml: pets.t.weight: missing; add this key."),
        (Pet, {"kind": "cat", "lives": -1}, "home.yaml: lives: should be greater than 0 (is -1)."),
        (Pet, {"kind": "dog", "weight": float("inf")}, "home.yaml: weight: should be a finite number (is inf)."),
        (Pet, {"kind": "dog", "weight": 1.0, "name": "Bartholomew"}, "home.yaml: name: a name has at most 5 letters"),
    ],
)
def test_each_refusal_is_one_line_with_the_written_key_and_the_fix(annotation, values, expected):
    assert message(annotation, values) == expected


def test_the_member_of_a_union_is_no_key_even_where_it_has_the_name_of_a_block():
    assert message(Home, {"rooms": 1, "pets": {"dog": {"kind": "dog", "weight": 0}}}) == (
        "home.yaml: pets.dog.weight: should be greater than 0 (is 0)."
    )


def test_a_mapping_in_the_wrong_place_is_not_printed_in_full():
    assert message(Home, {"rooms": {"many": 1}}) == "home.yaml: rooms: should be a valid integer."


def test_all_problems_are_told_in_their_order():
    assert message(Home, {"rooms": 0, "doors": "none"}).splitlines() == [
        "home.yaml: rooms: should be greater than 0 (is 0).",
        "home.yaml: doors: should be a valid list (is 'none').",
    ]


def test_a_problem_copied_from_block_to_block_is_told_once_where_it_first_stands():
    values = {"rooms": 1, "pets": {name: {"kind": "cat", "lives": 0} for name in ("tom", "tim")}}
    assert message(Home, values) == "home.yaml: pets.tom.lives: should be greater than 0 (is 0)."


def test_independent_problems_are_all_told():
    values = {"rooms": 1, "pets": {"tom": {"kind": "cat", "lives": 0}, "rex": {"kind": "cat", "lives": -1}}, "x": 1, "yy": 1}
    assert [line.split(":")[1].strip() for line in message(Home, values).splitlines()] == [
        "pets.tom.lives",
        "pets.rex.lives",
        "x",
        "yy",
    ]


def test_keys_are_those_of_the_model_at_the_location():
    assert keys_at(Home, ()) == {"rooms", "pets", "doors"}
    assert keys_at(Home, ("pets", "tom", "cat")) == {"kind", "lives"}
    assert keys_at(Pet, ("dog",)) == {"kind", "weight", "name"}
    assert keys_at(int, ()) == set()


def test_a_key_of_another_member_of_the_union_is_not_suggested():
    told = message(Home, {"rooms": 1, "pets": {"tom": {"kind": "cat", "weight": 3.0}}})
    assert told == "home.yaml: pets.tom.weight: unknown key. Known: kind, lives."


def test_nearest_names_the_closest_word_or_else_all():
    assert nearest("lernin_rate", {"learning_rate", "momentum"}) == " Did you mean 'learning_rate'?"
    assert nearest("x", {"momentum", "learning_rate"}) == " Known: learning_rate, momentum."
