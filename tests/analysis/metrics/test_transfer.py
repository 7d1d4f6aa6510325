import pytest
from hand_curves import HAND

from stability_gap.analysis.metrics import accuracy, transfer


def test_learning_and_forgetting_by_hand():
    assert accuracy.lca(HAND) == pytest.approx(((0.2 + 0.5 + 0.7 + 0.8) + (0.1 + 0.3 + 0.5 + 0.5) + 2.1) / 4 / 3)
    assert accuracy.lca(HAND, updates=2) == pytest.approx((0.35 + 0.2 + 0.4) / 3)
    assert transfer.forgetting(HAND) == pytest.approx(((0.8 - 0.76) + (0.5 - 0.6)) / 2)
    assert transfer.bwt(HAND) == pytest.approx(0.03)
