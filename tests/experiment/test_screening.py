"""What counts as a close call, and as too much rounding. The screen in use: test_evaluator.py."""

import pytest
import torch

from stability_gap.experiment.screening import CLOSE_CALL, close_calls, is_rounded_too_much


def test_close_calls_are_narrow_margins_ties_and_what_is_not_finite():
    spread = 10.0
    logits = torch.tensor(
        [
            [spread, 0.0, 0.0],  # clear
            [spread, spread, 0.0],  # a tie
            [spread, spread * (1 - 0.5 * CLOSE_CALL), 0.0],  # close
            [0.0, spread * (1 - 1.5 * CLOSE_CALL), spread],  # not quite
            [0.0, 0.0, 0.0],  # all the same
        ]
    )
    assert close_calls(logits).tolist() == [1, 2, 4]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_an_image_whose_logits_are_not_finite_is_a_close_call(bad):
    logits = torch.tensor([[10.0, 0.0, 0.0], [10.0, 0.0, bad], [bad, bad, bad]])
    assert {1, 2} <= set(close_calls(logits).tolist())


def test_rounding_is_too_much_where_it_moves_a_margin_by_more_than_half_a_close_call():
    rounded = torch.tensor([[10.0, 9.95, 0.0], [0.0, 9.9, 10.0], [10.0, 0.0, 0.0]])
    close = torch.tensor([0, 1])
    limit = CLOSE_CALL / 2 * 10.0
    for share, expected in ((0.9, False), (1.1, True), (-0.9, False), (-1.1, True)):
        exact = rounded[close].clone()
        exact[1, 2] += share * limit
        assert is_rounded_too_much(rounded, exact, close) is expected
    assert not is_rounded_too_much(rounded, rounded[close] + 5.0, close)  # all moved together: no margin did
