"""Snapshots are copies of the model at the updates that were asked for, and change nothing."""

import torch
from cells import SEED, assert_same_run, small_cell

from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.seed_trainer import SeedTrainer
from stability_gap.experiment.snapshots import snapshots_into, switch_iterations


def test_iterations_around_switches(digits):
    timeline = SeedTrainer(small_cell("sgd"), DeviceStream(digits, small_cell("sgd"), torch.device("cpu"))).timeline
    assert timeline.iterations == 6
    assert switch_iterations(timeline, (-1, 0, 2)) == [5, 6, 8, 11, 12, 14, 17, 18, 20, 23, 24, 26]
    assert switch_iterations(timeline, (-4, 0, 6, 7)) == [6, 12, 18, 24, 30]  # none beyond half a context back, or its end


def test_a_watched_run_is_the_same_run_and_the_last_snapshot_its_model(digits):
    settings = small_cell("ngm_sgd")
    stream, made, models = DeviceStream(digits, settings, torch.device("cpu")), [], []

    def keep(learner, timeline, seeds):
        models.append(learner.model)
        return snapshots_into(made, (1, 30))(learner, timeline, seeds)

    watched = SeedTrainer(settings, stream, watchers=(keep,)).one(SEED)
    assert_same_run(watched, SeedTrainer(settings, stream).one(SEED))
    first, last = made[0].kept[1], made[0].kept[30]
    assert set(made[0].kept) == {1, 30}
    end = models[0].state_dict()
    assert {name for name in end if name.endswith("gain")} == {
        f"{layer}.parametrizations.weight.0.gain" for layer in ("hidden1", "hidden2", "output")
    }
    assert all(torch.equal(last[name], value) for name, value in end.items())
    assert not any(torch.equal(first[name], value) for name, value in end.items())
