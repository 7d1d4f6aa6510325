from dataclasses import replace

import numpy as np
import pytest
from hand_curves import HAND, NAN, make, trajectories
from hypothesis import given

from stability_gap.analysis.metrics import areas, gap, placebo, recovery
from stability_gap.analysis.metrics.gain import gain_decay, gain_rise, placebo_gain_decay, placebo_gain_rise
from stability_gap.analysis.trajectory import GainTrajectory, Trajectory

REFERENCES = ("previous", "first", "seen")


def test_placebo_gap_by_hand():
    # block 2: halves .4 .6 | .8 .8; block 3: task 1 .2 .5 | .7 .76, task 2 .4 .2 | .4 .6
    assert placebo.placebo_sg(HAND, "first") == pytest.approx([1 - 0.8 / 0.6, 1 - 0.7 / 0.5])
    assert placebo.placebo_sg(HAND, "previous") == pytest.approx([1 - 0.8 / 0.6, 1 - 0.4 / 0.2])
    net = gap.sg(HAND, "first") - placebo.placebo_sg(HAND, "first")  # the lowest is in the first half
    assert placebo.net_sg(HAND, "first") == pytest.approx(net)
    assert placebo.avg_net_sg(HAND, "first") == pytest.approx(net.mean())


@given(trajectories(minimum_tasks=2))
def test_a_constant_curve_has_neither(curve):
    flat = replace(curve, accuracy=np.where(np.isnan(curve.accuracy), NAN, 0.5))
    for reference in REFERENCES:
        for found in (placebo.placebo_sg(flat, reference), placebo.net_sg(flat, reference)):
            assert not np.nan_to_num(found).any()
        assert not gap.depth(flat, reference).any()
    assert not areas.transient_area(flat).any()
    assert not areas.lasting_area(flat).any()


def test_a_slow_loss_is_a_gap_but_no_net_gap():
    falling = [0.9] + [0.9 * 0.99**t for t in range(1, 101)]
    curve = make([1, 100], [falling, [0.5] * 100])
    assert gap.sg(curve, "first")[0] > 0.6
    assert placebo.net_sg(curve, "first") == pytest.approx([0], abs=1e-9)


@pytest.mark.parametrize(
    ("dense", "middle", "offsets"),
    [
        (0, 0, [10, 20]),
        (5, 5, [1, 2, 3, 4, 5, 10, 20]),
        (5, 8, [1, 2, 3, 4, 5, 10, 20]),
        (5, 0, None),  # the minimum over 10 and 20 alone would miss a fall in the first updates
        (5, 4, None),
    ],
)
def test_switch_and_placebo_are_watched_alike_or_the_net_gap_is_undefined(dense, middle, offsets):
    generator = np.random.default_rng(0)
    noisy = 0.8 + 0.1 * generator.standard_normal(41)
    all_of_it = make([1, 40], [noisy.tolist(), [0.5] * 40])
    since = all_of_it.iterations - 1
    kept = (since % 10 == 0) | ((since >= 0) & (since <= dense)) | ((since >= 20) & (since <= 20 + middle))
    thin = Trajectory(all_of_it.iterations[kept], all_of_it.contexts[kept], all_of_it.accuracy[kept])
    curve = all_of_it.accuracy[:, 0]
    if offsets is None:
        expected = NAN
    else:
        expected = (1 - curve[offsets].min() / curve[0]) - (1 - curve[20 + np.array(offsets)].min() / curve[20])
    assert placebo.net_sg(thin, "first") == pytest.approx([expected], nan_ok=True)
    assert placebo.avg_net_sg(thin, "first") == pytest.approx(expected, nan_ok=True)


def test_without_an_evaluation_in_each_half_it_is_undefined():
    curve = make([2, 2, 1], [[0.5, 0.8, 0.2, 0.6, 0.4], [0.1, 0.3, 0.5], [0.2]])
    assert np.isnan(placebo.net_sg(curve, "first")).tolist() == [False, True]


@given(trajectories(minimum_tasks=2))
def test_transient_and_lasting_are_the_whole_area(curve):
    transient, lasting = areas.transient_area(curve), areas.lasting_area(curve)
    np.testing.assert_allclose(transient + lasting, recovery.gap_area(curve), atol=1e-15)
    assert (transient >= 0).all()
    assert (lasting >= -1e-12).all()


def test_transient_and_lasting_by_hand():
    # .8 before; .2, then .6 to the end: the lasting loss is .2 throughout, the transient one .4 at the first of 20 updates
    curve = make([1, 20], [[0.8, 0.2] + [0.6] * 19, [0.5] * 20])
    assert areas.lasting_area(curve) == pytest.approx([0.2])
    assert areas.transient_area(curve) == pytest.approx([0.4 / 20])


def test_depth_by_hand():
    assert gap.depth(HAND, "previous") == pytest.approx([0.4, 0.3])
    assert gap.depth(HAND, "seen") == pytest.approx([0.4, (0.6 + 0.3) / 2])
    assert gap.avg_depth(HAND, "first") == pytest.approx(0.5)


def test_a_noisy_level_gain_rises_and_decays_as_much_at_a_placebo_switch():
    generator = np.random.default_rng(0)
    contexts = np.repeat(np.arange(1, 201), 200)
    curve = GainTrajectory(np.arange(1, len(contexts) + 1), contexts, 2 + 0.05 * generator.standard_normal(len(contexts)))
    for real, fake in ((gain_rise(curve), placebo_gain_rise(curve)), (gain_decay(curve), placebo_gain_decay(curve))):
        assert fake.mean() > 0.05
        assert real.mean() == pytest.approx(fake.mean(), abs=0.01)
