"""Blocks of seeds: names, and which run folders hold a list of seeds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stability_gap.config.seeds import format_seeds, parse_seeds, plan_blocks

LISTS = st.lists(st.integers(0, 30), min_size=1, max_size=12, unique=True)
FOLDERS = st.lists(LISTS.map(format_seeds), max_size=5)


@pytest.mark.parametrize(
    ("seeds", "size", "present", "expected"),
    [
        ([1, 2, 3, 4, 5], 2, [], ["1-2", "3-4", "5"]),
        ([1, 2, 3], 2, ["1-2", "3"], ["1-2", "3"]),
        ([42, 43, 44], 10, ["42-51"], ["42-51"]),
        ([42, 43, 44], 10, ["42-44", "42-51"], ["42-44"]),  # its own block first
        ([1, 2, 3, 4], 4, ["1-2"], ["1-2", "3-4"]),
        ([42, 43, 44], 2, ["44"], ["42-43", "44"]),  # in the order of the list, whichever was made first
        ([1, 2, 3, 4], 4, ["1-2", "2-3"], ["1-2", "3-4"]),  # no seed twice
        ([1, 2, 3], 3, ["7-9"], ["1-3"]),  # nothing of use
        ([3, 1, 2], 3, ["1-3"], ["1-3"]),
    ],
)
def test_folders_that_are_there_are_used_and_the_rest_is_cut_into_blocks(seeds, size, present, expected):
    assert plan_blocks(seeds, size, present) == expected


@given(LISTS, st.integers(1, 12), FOLDERS)
def test_every_seed_is_in_one_folder_and_what_is_missing_in_new_blocks_of_the_size(seeds, size, present):
    planned = plan_blocks(seeds, size, present)
    held = [seed for name in planned for seed in parse_seeds(name) if seed in seeds]
    assert sorted(held) == sorted(seeds)
    for name in set(planned) - set(present):
        assert set(parse_seeds(name)) <= set(seeds)
        assert len(parse_seeds(name)) <= size


@given(LISTS, st.integers(1, 12), FOLDERS, st.randoms(use_true_random=False))
def test_the_plan_stays_the_same_while_its_blocks_are_made(seeds, size, present, random):
    """Jobs on a cluster read the configuration again while others run."""
    planned = plan_blocks(seeds, size, present)
    missing = [name for name in planned if name not in present]
    done = random.sample(missing, random.randint(0, len(missing)))
    assert plan_blocks(seeds, size, [*present, *done]) == planned


@given(LISTS)
def test_a_name_says_which_seeds(seeds):
    assert parse_seeds(format_seeds(seeds)) == seeds
