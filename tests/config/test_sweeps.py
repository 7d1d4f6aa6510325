"""Sweeps: members and winners as optimizers, equal budgets, and that tuning meets no test image."""

import copy
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from stability_gap import config
from stability_gap.config.sweeps import DECAYS, TuningSweep, members
from stability_gap.errors import UserError
from stability_gap.settings import validate
from stability_gap.tasks.datasets import load

VALUES = yaml.safe_load("""
suite: quick
datasets:
  digits: {source: sklearn_digits}
  held: {like: digits, holdout: {fraction: 0.1, seed: 0}}
benchmarks:
  split:
    dataset: digits
    stream: {kind: split, classes_per_task: 2}
    iterations: 20
    batch_size: 8
    model: {kind: mlp}
    gain_eta: 0.4
  twin: {like: split, dataset: held}
optimizers:
  sgd: {label: SGD, colour: "#009E73", method: sgd, learning_rate: 0.1}
  ngm: {like: sgd, gain: {gamma: 0.9}}
sweeps:
  rates: {kind: rates, optimizers: [sgd, ngm], learning_rate: [0.01, 0.1, 1.0]}
  tuning:
    kind: tuning
    budget: 4
    seeds: [1, 2, 3]
    holdout: {split: twin}
    spaces:
      sgd: {learning_rate: [0.001, 1.0]}
      ngm: {learning_rate: [0.001, 1.0], gain.gamma: [0.5, 0.98], gain.eta: [0.1, 1.0]}
suites:
  quick: {benchmarks: [split], optimizers: [rates, tuning], seeds: [42, 43], reference: sgd_rates_2}
""")


def resolved(**change) -> config.Config:
    """The configuration above; `section__block__key=value` sets a key, `section__block=None` takes a block out."""
    values = copy.deepcopy(VALUES)
    for path, value in change.items():
        *way, last = path.split("__")
        block = values
        for part in way:
            block = block[part]
        block[last] = value
    return config.resolve(values, "c")


def test_a_suite_has_all_members_of_rates_and_the_winners_of_tuning():
    suite = resolved().chosen_suite
    assert suite.optimizers == [
        *(f"{base}_rates_{number}" for base in ("sgd", "ngm") for number in (1, 2, 3)),
        *(f"{base}_tuned_{criterion}" for base in ("sgd", "ngm") for criterion in ("final", "anytime")),
    ]


def test_a_member_is_its_optimizer_but_for_what_it_varies():
    made = resolved()
    member = made.optimizers["ngm_rates_3"]
    assert member.model_dump() == made.optimizers["ngm"].model_dump() | {"learning_rate": 1.0}
    assert (made.optimizers["sgd_rates_1"].label, made.optimizers["sgd_rates_1"].colour) == ("SGD, 0.01", "#009E73")
    assert made.members()["ngm_rates_3"] == {"sweep": "rates", "optimizer": "ngm", "number": 3, "values": {"learning_rate": 1.0}}
    drawn = made.members()["ngm_tuning_2"]["values"]
    cell = made.cell("split", "ngm_tuning_2").optimizer_settings
    assert (cell.learning_rate, cell.gain.gamma, cell.gain.eta) == (
        drawn["learning_rate"],
        drawn["gain.gamma"],
        drawn["gain.eta"],
    )
    assert (made.winner_of("ngm_tuned_final"), made.winner_of("ngm_tuning_2"), made.winner_of("sgd")) == ("tuning", None, None)


def test_every_optimizer_has_the_same_number_of_configurations_and_every_range_is_covered_evenly():
    sweep = validate(TuningSweep, VALUES["sweeps"]["tuning"] | {"budget": 12, "seed": 3}, "sweep")
    for base, space in sweep.spaces.items():
        drawn = sweep.configurations(base)
        assert len(drawn) == 12
        for key, bounds in space.items():
            values = np.array([each[key] for each in drawn])
            decay = key.rpartition(".")[2] in DECAYS
            scale = [np.log(1 - each if decay else each) for each in (values, np.array(bounds))]
            places = (scale[0] - scale[1].min()) / np.ptp(scale[1])
            np.testing.assert_allclose(
                np.sort(places * 12), np.arange(12) + 0.5, atol=0.52
            )  # one in each twelfth, up to rounding
    alone = sweep.model_copy(update={"spaces": {"ngm": sweep.spaces["ngm"]}})
    assert [each.values for each in members("x", alone)] == sweep.configurations("ngm")
    assert sweep.configurations("ngm") != sweep.model_copy(update={"seed": 4}).configurations("ngm")


FOLLOWS = {"like": "sgd", "gain": {"mean_of": "ngm_tuned_final"}}

BAD = {
    "unknown optimizer": (
        {"sweeps__rates__optimizers": ["sgd", "ngn"]},
        "c: sweeps.rates: no 'ngn' under optimizers. Did you mean 'ngm'?",
    ),
    "a budget of its own": (
        {"sweeps__tuning__spaces__sgd": {"learning_rate": [0.1, 1.0], "budget": 24}},
        "c: sweeps.tuning.spaces: sgd has a budget of its own; all have the same one, written once beside spaces",
    ),
    "a list of values": (
        {"sweeps__tuning__spaces__sgd": {"learning_rate": [0.1, 0.2, 1.0]}},
        "sgd.learning_rate must be [low, high]: a list of values would give sgd a budget of its own",
    ),
    "text for a number": (
        {"sweeps__tuning__spaces__sgd": {"learning_rate": ["1e-4", 1.0]}},
        "sgd.learning_rate: '1e-4' is text, not a number; write it without quotes and with a point, such as 1.0e-3",
    ),
    "an optimizer that two sweeps tune": (
        {"sweeps__second": {"like": "tuning"}},
        "c: sweeps.second: ngm is tuned by sweeps.tuning already, and what wins is named by its optimizer; change sweeps.tuning "
        "instead, or take a copy of the optimizer: mine: {like: ngm}.",
    ),
    "a range upside down": (
        {"sweeps__tuning__spaces__sgd": {"learning_rate": [1.0, 0.1]}},
        "sgd.learning_rate must be [low, high] with 0 < low < high",
    ),
    "a key that is none": (
        {"sweeps__tuning__spaces__sgd": {"learning_rat": [0.1, 1.0]}},
        "c: sweeps.tuning.spaces.sgd: unknown key 'learning_rat'. Did you mean 'learning_rate'?",
    ),
    "rates that fall": ({"sweeps__rates__learning_rate": [0.1, 0.01]}, "c: sweeps.rates.learning_rate: the rates must rise"),
    "tuning seeds among the evaluation seeds": (
        {"suites__quick__seeds": [3, 42]},
        "c: suites.quick.seeds: [3] are tuning seeds of sweeps.tuning; evaluate with others.",
    ),
    "a benchmark without a twin": (
        {"sweeps__tuning__holdout": {}},
        "c: suites.quick.benchmarks: sweeps.tuning.holdout names no twin of split to tune on; add it there.",
    ),
    "tuning seeds of a run that is followed": (
        {"optimizers__const": FOLLOWS, "suites__quick__optimizers": ["rates", "const"], "suites__quick__seeds": [3, 42]},
        "c: suites.quick.seeds: [3] are tuning seeds of sweeps.tuning; evaluate with others.",
    ),
    "a benchmark without a twin for a run that is followed": (
        {
            "optimizers__const": FOLLOWS,
            "suites__quick__optimizers": ["rates", "const"],
            "suites__quick__benchmarks": ["split", "twin"],
        },
        "c: suites.quick.benchmarks: sweeps.tuning.holdout names no twin of twin to tune on; add it there.",
    ),
    "tuning what follows a tuned run": (
        {"optimizers__const": FOLLOWS, "sweeps__tuning__spaces__const": {"learning_rate": [0.001, 1.0]}},
        "c: sweeps.tuning.spaces: const follows the runs of ngm_tuned_final, which is tuned itself; tune another.",
    ),
    "a twin with test images": (
        {"benchmarks__twin__dataset": "digits"},
        "c: sweeps.tuning.holdout.split: the data set digits of twin holds no training images out, so tuning would see test",
    ),
    "a twin that trains otherwise": (
        {"benchmarks__twin__iterations": 30},
        "c: sweeps.tuning.holdout.split: twin has another iterations; let it be like split.",
    ),
    "a twin that samples otherwise": (
        {"benchmarks__twin__sampling": {"kind": "replay", "images": 10}},
        "c: sweeps.tuning.holdout.split: twin has another sampling; let it be like split.",
    ),
    "a twin of other data": (
        {"datasets__held": {"source": "torchvision", "name": "MNIST", "mean": [0.1], "std": [0.3], "holdout": {"fraction": 0.1}}},
        "c: sweeps.tuning.holdout.split: the data set of twin is another; let it be like digits.",
    ),
    "a member with the id of an optimizer": (
        {"optimizers__sgd_rates_1": {"like": "sgd"}},
        "c: sweeps.rates: there is an optimizer 'sgd_rates_1' already; name the sweep otherwise.",
    ),
}


@pytest.mark.parametrize("fault", BAD)
def test_what_would_not_be_fair_is_refused_with_one_message(fault):
    change, message = BAD[fault]
    with pytest.raises(UserError, match=re.escape(message)) as error:
        resolved(**change)
    assert len(str(error.value).splitlines()) == 1


def test_what_is_published_of_a_winner_is_what_it_is_selected_by():
    """Its settings are those of its base until they are selected, for each benchmark anew: they would be untrue."""
    optimizers = resolved().science()["optimizers"]
    assert optimizers["sgd_rates_2"]["learning_rate"] == 0.1
    assert optimizers["sgd_tuned_final"] == {"optimizer": "sgd", "sweep": "tuning", "selected_by": "final"}


def test_no_image_that_the_evaluation_tests_on_is_tested_or_trained_on_in_tuning():
    made = resolved()
    tested, held = (load(made.datasets[name], Path("nowhere"), download=False) for name in ("digits", "held"))
    images = {image.tobytes() for image in tested.test_images} - {image.tobytes() for image in tested.train_images}
    assert images
    seen = {image.tobytes() for part in (held.train_images, held.test_images) for image in part}
    assert not images & seen
