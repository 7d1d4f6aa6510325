"""Benchmarks that stand for published ones."""

import pandas as pd

from stability_gap.analysis.published import with_stand_ins


def test_a_stand_in_has_the_rows_of_its_original_and_all_others_stay():
    reference = pd.DataFrame({"benchmark": ["rotated", "split", "split"], "value": [1.0, 2.0, 3.0]})
    both = with_stand_ins(reference, {"split_few": "split", "permuted_few": "permuted"})
    assert both["benchmark"].tolist() == ["rotated", "split", "split", "split_few", "split_few"]
    assert both["value"].tolist() == [1, 2, 3, 2, 3]
    assert with_stand_ins(reference, {}).equals(reference)
