import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from synthetic_results import LOOKS

from stability_gap.errors import UserError
from stability_gap.presentation.looks import COLOURS, Look, Looks, looks_from

PRESENTATION = Path(__file__).parents[2] / "src" / "stability_gap" / "presentation"


def test_order_labels_and_colours_come_from_the_configuration():
    looks = looks_from(LOOKS, "ngm_sgd")
    shown = looks.of(["ngm_sgd", "adam", "sgd"])
    assert list(shown) == ["sgd", "adam", "ngm_sgd"]
    assert [look.label for look in shown.values()] == ["SGD", "Adam", "NGM-SGD"]
    assert shown["ngm_sgd"].colour == "#D55E00"
    assert looks.benchmark_order(["aaa", "split_mnist", "split_digits"]) == ["split_digits", "split_mnist", "aaa"]
    assert looks.benchmark("split_mnist") == "Split MNIST"


def test_an_id_without_a_look_shows_as_itself_with_the_next_colour_and_marker():
    among = looks_from(LOOKS, "ngm_sgd").of(["zzz", "aaa", "sgd"])
    assert list(among) == ["sgd", "aaa", "zzz"]
    assert (among["aaa"].label, among["aaa"].colour, among["aaa"].marker) == ("aaa", "#E69F00", "v")
    assert (among["zzz"].colour, among["zzz"].marker) == ("#56B4E9", "P")
    assert looks_from({}).benchmark("my_own") == "my_own"


def test_an_optimizer_looks_the_same_whichever_others_are_shown():
    given = {"optimizers": {"a": {"label": None}, "b": {"label": "B", "colour": None, "marker": None}, "c": {}}}
    looks = looks_from(given, "a")
    assert looks.of(["b"])["b"] == looks.of(["a", "b", "c"])["b"]


def test_the_reference_alone_is_solid_and_wide():
    shown = looks_from(LOOKS, "adam").of(LOOKS["optimizers"])
    assert [name for name, look in shown.items() if look.dashes[1] == 0] == ["adam"]
    assert shown["adam"].width > max(look.width for name, look in shown.items() if name != "adam")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"optimizers": {"a": {"marker": "zz"}}}, "looks: optimizers.a.marker"),
        ({"optimizers": {"a": {"colour": "red"}}}, "looks: optimizers.a.colour"),
        ({"optimizer": {}}, "looks: optimizer: unknown key"),
        ({"optimizers": {"a": {"lable": "A"}}}, "Did you mean 'label'"),
    ],
)
def test_bad_looks_are_told(values, words):
    with pytest.raises(UserError, match=re.escape(words)):
        looks_from(values)


def test_no_module_of_presentation_knows_an_optimizer_or_a_benchmark():
    known = re.compile(r"ngm_?sgd|NGM-?SGD|\bmsgd\b|\badam\b|split_|rotated_|permuted_|MNIST|digits_")
    for path in PRESENTATION.rglob("*.py"):
        assert not known.search(path.read_text(encoding="utf-8")), path


# Simulation of colour blindness: Machado, Oliveira, Fernandes 2009, severity 1, on linear RGB.
MACHADO = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "grey": [[0.2126, 0.7152, 0.0722]] * 3,
}


def lab(colour: str, sight: str) -> np.ndarray:
    """CIELAB of a colour as somebody with this sight sees it (D65)."""
    rgb = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(MACHADO[sight]) @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ seen
    scaled = xyz / np.array([0.9505, 1.0, 1.089])
    cube = np.where(scaled > 0.008856, np.cbrt(scaled), 7.787 * scaled + 16 / 116)
    return np.array([116 * cube[1] - 16, 500 * (cube[0] - cube[1]), 200 * (cube[1] - cube[2])])


def told_apart(one: Look, other: Look, sight: str) -> int:
    """How many of colour, dashes and marker tell two optimizers apart; a colour does from a distance of 15 on."""
    colour = np.linalg.norm(lab(one.colour, sight) - lab(other.colour, sight)) >= 15
    return int(colour) + (one.dashes != other.dashes) + (one.marker != other.marker)


@pytest.mark.parametrize("sight", MACHADO)
def test_optimizers_are_told_apart_without_colour(sight):
    looks = looks_from(LOOKS, "ngm_sgd")
    shown = looks.of([*LOOKS["optimizers"], "fifth", "sixth", "seventh"])
    for one, other in itertools.combinations(shown.values(), 2):
        assert told_apart(one, other, sight) >= 2, (one, other)
    if sight != "grey":  # the four of every suite differ in colour as well
        four = [shown[name] for name in LOOKS["optimizers"]]
        assert all(told_apart(one, other, sight) == 3 for one, other in itertools.combinations(four, 2))


def test_fixed_colours_are_different():
    assert len(set(COLOURS)) == len(COLOURS) == len(Looks().of([f"o{number:02}" for number in range(len(COLOURS))]))
