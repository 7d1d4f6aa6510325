"""What optimizers of the configuration say of themselves, and which combinations are refused."""

import pytest

from stability_gap.errors import UserError
from stability_gap.learners.settings import OptimizerSettings
from stability_gap.settings import validate

SGD = {"method": "sgd", "learning_rate": 0.1}
ENTROPY = {"kind": "entropy", "base": 0.1}
RUN = {"kind": "run", "optimizer": "ngm_sgd"}
REWARM = {"kind": "rewarm", "base": 0.1, "fraction": 0.1, "updates": 5}


def optimizer(**changes):
    return validate(OptimizerSettings, SGD | changes, "config.yaml: optimizers.mine")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": ENTROPY, "gain": {}}, "puts the trace of the entropy in place of a gain; leave out gain"),
        ({"gain": {"mean_of": "a", "eta": 0.1}}, "mean_of makes the gain constant; leave out g0, gamma and eta"),
        ({"gain": {"mean_of": "a", "g0": 2.0}}, "mean_of makes the gain constant; leave out g0, gamma and eta"),
        ({"learning_rate": RUN, "gain": {"mean_of": "a"}}, "both read the run of another optimizer; one of them may"),
        ({"learning_rate": {"kind": "entrpy", "base": 0.1}}, "no 'entrpy'. Did you mean 'entropy'"),
        ({"learning_rate": REWARM | {"fraction": 2.0}}, r"learning_rate.fraction: should be less than or equal to 1 \(is 2.0\)"),
        ({"ramp": -1}, r"ramp: should be greater than or equal to 0 \(is -1\)"),
        ({"average": {"decay": 1.0}}, r"average.decay: should be less than 1"),
        ({"average": {}}, "average.decay: missing"),
        ({"proximal": {"omega": 1.0, "evry": 5}}, "proximal.evry: unknown key. Did you mean 'every'"),
        ({"method": "fast_slow"}, "fast_rate: missing"),
        ({"fast_rate": 0.1}, "fast_rate: unknown key"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(changes, message):
    with pytest.raises(UserError, match=message) as caught:
        optimizer(**changes)
    assert str(caught.value).startswith("config.yaml: optimizers.mine")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "donor"),
    [({}, None), ({"gain": {}}, None), ({"learning_rate": RUN}, "ngm_sgd"), ({"gain": {"mean_of": "other"}}, "other")],
)
def test_the_donor_is_what_the_rate_or_the_gain_is_read_from(changes, donor):
    assert optimizer(**changes).donor == donor


@pytest.mark.parametrize(
    ("changes", "oracle"),
    [
        ({}, False),
        ({"ramp": 0}, False),
        ({"learning_rate": ENTROPY}, False),
        ({"reset_at_switch": True}, True),
        ({"ramp": 1}, True),
        ({"learning_rate": REWARM}, True),
    ],
)
def test_who_is_told_of_the_switch_is_an_oracle(changes, oracle):
    assert optimizer(**changes).oracle is oracle


def test_eta_is_filled_in_where_the_entropy_drives_something_and_none_is_given():
    assert optimizer(gain={}).with_eta(0.3).gain.eta == 0.3
    assert optimizer(gain={"eta": 0.0}).with_eta(0.3).gain.eta == 0.0
    assert optimizer(learning_rate=ENTROPY).with_eta(0.3).learning_rate.eta == 0.3
    constant = optimizer(gain={"mean_of": "ngm_sgd"})
    assert constant.with_eta(0.3) == constant
    assert constant.traces == {}
    assert optimizer().with_eta(0.3) == optimizer()


@pytest.mark.parametrize(
    "changes",
    [{"learning_rate": ENTROPY}, {"neuronal_decay": 0.1}, {"proximal": {"omega": 1.0}}, {"method": "import", "target": "a:B"}],
)
def test_some_optimizers_train_seed_by_seed(changes):
    assert optimizer(**changes).alone
    assert not optimizer(average={"decay": 0.9}, ramp=3, reset_at_switch=True, gain={}).alone


def test_settings_of_every_kind_survive_json():
    for changes in (
        {"learning_rate": ENTROPY},
        {"learning_rate": REWARM},
        {"gain": {"mean_of": "a"}},
        {"average": {"decay": 0.9}},
    ):
        one = optimizer(**changes)
        assert validate(OptimizerSettings, one.model_dump(mode="json"), "run.json") == one
