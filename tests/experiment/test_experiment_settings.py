"""What may be written of an experiment, and the sentence that a combination gets which cannot be."""

import pytest
from pydantic import ValidationError

from stability_gap.errors import UserError
from stability_gap.experiment.settings import CellSettings, ExperimentSettings
from stability_gap.settings import validate

SGD = {"method": "sgd", "learning_rate": 0.01}
MLP, CNN = {"kind": "mlp"}, {"kind": "slim_resnet18"}
SCREENED = {"arithmetic": "bf16_screened"}
AUGMENTATION = {"padding": 4, "flip": True}
NO_SCREEN = "evaluation.arithmetic: bf16_screened needs an mlp, precision: fp32 and no augment_test; write fp32"


def experiment(**changes: object) -> ExperimentSettings:
    return validate(ExperimentSettings, {"iterations": 4, "batch_size": 2, "model": MLP} | changes, "here")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"augment_test": True}, "augment_test: true needs augmentation, such as {padding: 4, flip: true}"),
        ({"model": CNN, "augment_test": True}, "augment_test: true needs augmentation, such as {padding: 4, flip: true}"),
        ({"model": CNN, "evaluation": SCREENED}, NO_SCREEN),
        ({"precision": "bf16"}, "precision: bf16 is for slim_resnet18; an mlp has evaluation.arithmetic: bf16_screened"),
        ({"precision": "tf32", "evaluation": SCREENED}, NO_SCREEN),
        ({"augment_test": True, "augmentation": AUGMENTATION, "evaluation": SCREENED}, NO_SCREEN),
        ({"precision": "fp16"}, "precision: should be 'fp32', 'tf32' or 'bf16' (is 'fp16')."),
        ({"augmentation": {"padding": 65}}, "augmentation.padding: should be less than or equal to 64 (is 65)."),
        ({"augmentation": {"padding": -1}}, "augmentation.padding: should be greater than or equal to 0 (is -1)."),
        ({"evaluation": {"middle": -1}}, "evaluation.middle: should be greater than or equal to 0 (is -1)."),
        ({"sampling": {"kind": "joint", "blur": 5}}, "sampling.blur: 5 is more than the 4 iterations of a context"),
        ({"sampling": {"kind": "joint", "blur": -1}}, "sampling.blur: should be greater than or equal to 0 (is -1)."),
        ({"sampling": {"kind": "replay", "images": 0}}, "sampling.images: should be greater than 0 (is 0)."),
        ({"sampling": {"kind": "replay"}}, "sampling.images: missing; add this key."),
        ({"sampling": {"kind": "stil"}}, "sampling.kind: no 'stil'. Did you mean 'still'?"),
        ({"sampling": {"images": 5}}, "sampling.kind: missing; add this key."),
        ({"sampling": {"kind": "still", "blur": 5}}, "sampling.blur: unknown key. Known: kind."),
        ({"class_order": "random"}, "class_order: should be 'natural' or 'by_seed' (is 'random')."),
        ({"evaluation": {"images_per_task": 0}}, "evaluation.images_per_task: should be greater than 0 (is 0)."),
        ({"model": CNN | {"filters": 0}}, "model.filters: should be greater than 0 (is 0)."),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(changes, message):
    with pytest.raises(UserError) as error:
        experiment(**changes)
    assert str(error.value) == f"here: {message}"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"optimizer_settings": SGD | {"gain": {}}},
            "optimizer_settings.gain.eta: missing; a cell needs it, such as the benchmark's gain_eta",
        ),
        (
            {"optimizer_settings": SGD | {"learning_rate": 0}},
            "optimizer_settings.learning_rate: should be greater than 0 (is 0).",
        ),
        (
            {"optimizer_settings": SGD | {"learning_rate": {"kind": "run"}}},
            "optimizer_settings.learning_rate.optimizer: missing; add this key.",
        ),
        (
            {"optimizer_settings": SGD | {"learning_rate": {"kind": "run", "optimizer": "x", "gain_powr": 1}}},
            "optimizer_settings.learning_rate.gain_powr: unknown key. Did you mean 'gain_power'?",
        ),
        (
            {"optimizer_settings": SGD | {"learning_rate": {"kind": "cosine"}}},
            "optimizer_settings.learning_rate.kind: no 'cosine'. Known: a number, entropy, linear, rewarm, run.",
        ),
        (
            {"optimizer_settings": SGD | {"learning_rate": {}}},
            "optimizer_settings.learning_rate.kind: missing; add this key.",
        ),
        (
            {"optimizer_settings": SGD | {"learning_rate": {"kind": []}}},
            "optimizer_settings.learning_rate.kind: no '[]'. Known: a number, entropy, linear, rewarm, run.",
        ),
        (
            {"optimizer_settings": SGD | {"learning_rate": "1e-3"}},
            "optimizer_settings.learning_rate: '1e-3' is text to YAML 1.1, not a number; write 0.001 or 1.0e-3 with a point.",
        ),
    ],
)
def test_a_cell_written_by_hand_is_checked_too(changes, message):
    cell = {"iterations": 4, "batch_size": 2, "model": MLP, "benchmark": "b", "optimizer": "o", "optimizer_settings": SGD}
    assert validate(CellSettings, cell, "here").iterations == 4
    with pytest.raises(UserError) as error:
        validate(CellSettings, cell | changes, "here")
    assert str(error.value) == f"here: {message}"


@pytest.mark.parametrize(
    "changes",
    [
        {"evaluation": SCREENED},
        {"evaluation": SCREENED, "augmentation": AUGMENTATION},
        {"augmentation": AUGMENTATION, "augment_test": True},
        {"model": CNN, "precision": "bf16", "augmentation": AUGMENTATION, "augment_test": True},
        {"precision": "tf32", "evaluation": {"images_per_task": 3}},
    ],
)
def test_what_can_be_is_taken(changes):
    dumped = experiment(**changes).model_dump()
    for key, value in changes.items():
        assert value.items() <= dumped[key].items() if isinstance(value, dict) else value == dumped[key]


def test_settings_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        experiment().iterations = 5
