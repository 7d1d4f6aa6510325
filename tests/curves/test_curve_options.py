import numpy as np
import pytest

from stability_gap.curves.options import Options
from stability_gap.errors import UserError

UPDATES = np.array([1, 4, 5, 8, 9, 100])


@pytest.mark.parametrize("length", [4, 4.0, np.int32(4)])
def test_contexts_of_one_length(length):
    assert Options(context_length=length).contexts(UPDATES).tolist() == [1, 1, 2, 2, 3, 25]
    assert Options(context_length=length).contexts(UPDATES).dtype == np.int64


def test_contexts_between_switches():
    assert Options(switches=[4, 9]).contexts(UPDATES).tolist() == [1, 1, 2, 2, 2, 3]
    assert Options(switches=()).contexts(UPDATES).tolist() == [1] * 6
    assert Options().contexts(UPDATES) is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"context_length": 4, "switches": [4]}, "give one of the two"),
        ({"context_length": 0}, "context length is 0"),
        ({"switches": [4, 4]}, r"switches are \[4, 4\]; give whole numbers of updates in ascending order"),
        ({"switches": [0, 4]}, "ascending order"),
        ({"switches": np.array([10, 5])}, r"switches are .*10.*5.*ascending order"),
        ({"switches": [9.7]}, "whole numbers"),
        ({"switches": 200}, "switches are 200; give whole numbers"),
        ({"switches": "200,400"}, "switches are '200,400'; give whole numbers"),
        ({"switches": [[1], [1, 2]]}, "whole numbers"),
        ({"switches": [10**30]}, "whole numbers"),
        ({"context_length": 3.5}, "it must be a whole number"),
        ({"context_length": "200"}, "the context length is '200'; it must be a whole number"),
        ({"context_length": [200]}, "it must be a whole number"),
        ({"context_length": float("nan")}, "it must be a whole number"),
        ({"context_length": 10**30}, "it must be a whole number"),
    ],
)
def test_options_that_contradict_are_refused(values, words):
    with pytest.raises(UserError, match=words):
        Options(**values)
