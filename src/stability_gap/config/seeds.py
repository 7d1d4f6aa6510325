"""Cut seeds into blocks and name them, as run folders and the command line do."""

import itertools
from collections.abc import Iterable

from stability_gap.errors import UserError

MOST_SEEDS = 10_000  # of one job


def format_seeds(seeds: list[int]) -> str:
    """Name a block of seeds: [42, 43, 44] -> '42-44', [1, 5] -> '1_5'."""
    if len(seeds) > 1 and all(later == seed + 1 for seed, later in itertools.pairwise(seeds)):
        return f"{seeds[0]}-{seeds[-1]}"
    return "_".join(map(str, seeds))


def parse_seeds(text: str) -> list[int]:
    """List the seeds of a block's name: '42-44' -> [42, 43, 44]. Errors: UserError."""
    try:
        if "-" in text:
            first, last = map(int, text.split("-"))
            seeds = list(range(first, min(last, first + MOST_SEEDS) + 1))
        else:
            seeds = [int(part) for part in text.split("_")]
    except ValueError as error:
        raise UserError(f"seeds: {text[:100]!r} is neither a range such as 42-51 nor a list such as 42_45_47.") from error
    if not seeds or len(seeds) > MOST_SEEDS or max(seeds) >= 2**31 or len(set(seeds)) < len(seeds):
        raise UserError(f"seeds: {text[:100]!r} must hold 1 to {MOST_SEEDS} different seeds from 0 to 2147483647.")
    return seeds


def plan_blocks(seeds: list[int], size: int, present: Iterable[str] = ()) -> list[str]:
    """Name the run folders of a cell that together hold `seeds`, each seed in one of them.

    Folders that are there are used, whatever their size and whatever other seeds they hold, so that a list that grows or shrinks
    trains only what is missing. What is missing is cut into blocks of `size`. The order is that of the list, by the first seed
    that a block gives. While missing blocks are made, the plan stays the same, order included: each is one of the folders that
    are there as soon as it is finished.

    Args:
        present: names of the finished run folders of this cell.
    """
    wanted, covered, used = set(seeds), set[int](), list[str]()
    own = [format_seeds(seeds[start : start + size]) for start in range(0, len(seeds), size)]
    for name in [*own, *sorted(set(present) - set(own))]:
        held = wanted & set(parse_seeds(name)) if name in present else set()
        if held and not held & covered:
            used.append(name)
            covered |= held
    missing = [seed for seed in seeds if seed not in covered]
    planned = used + [format_seeds(missing[start : start + size]) for start in range(0, len(missing), size)]
    return sorted(planned, key=lambda name: min(seeds.index(seed) for seed in wanted & set(parse_seeds(name))))
