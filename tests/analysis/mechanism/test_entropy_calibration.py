import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stability_gap.analysis.mechanism.calibration import expected_calibration_error


def test_by_hand():
    logits = torch.log(torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.3, 0.7]]))
    # bins of width 1/2: all confidences lie in (0.5, 1]; accuracy 3/4, mean confidence 0.775
    assert expected_calibration_error(logits, torch.tensor([0, 1, 0, 1]), bins=2) == pytest.approx(abs(0.75 - 0.775))
    # bins of width 1/10: (0.8, 0.9] holds two, accuracy 1/2; the others one each, right
    expected = (2 * abs(0.5 - 0.9) + (1 - 0.6) + (1 - 0.7)) / 4
    assert expected_calibration_error(logits.double(), torch.tensor([0, 1, 0, 1]), bins=10) == pytest.approx(expected, abs=1e-6)


def test_sure_and_right_is_calibrated_and_sure_and_wrong_is_not():
    logits = torch.tensor([[50.0, 0.0], [0.0, 50.0]])
    assert expected_calibration_error(logits, torch.tensor([0, 1])) == pytest.approx(0)
    assert expected_calibration_error(logits, torch.tensor([1, 0])) == pytest.approx(1)


@given(st.integers(0, 2**16), st.integers(1, 40))
@settings(max_examples=20)
def test_is_the_definition_bin_by_bin(seed, bins):
    random = np.random.default_rng(seed)
    logits, labels = random.normal(size=(30, 4)) * 3, random.integers(0, 4, 30)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    sure, right = p.max(1), p.argmax(1) == labels
    expected = 0.0
    for low in range(bins):
        here = (sure > low / bins) & (sure <= (low + 1) / bins)
        if here.any():
            expected += here.mean() * abs(right[here].mean() - sure[here].mean())
    assert expected_calibration_error(torch.tensor(logits), torch.tensor(labels), bins) == pytest.approx(expected)
