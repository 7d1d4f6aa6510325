"""Compare optimizers for a claim: paired tests, Holm over the comparisons that the claim makes, and their words."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from stability_gap.analysis.claims.engine import Case
from stability_gap.analysis.claims.rules import (
    INCONCLUSIVE,
    Comparison,
    adjusted,
    all_of,
    comparison,
    directional,
    in_every_seed,
    seeds_needed,
)
from stability_gap.analysis.statistics import generator_for

PAPER_OPTIMIZERS = ("adam", "msgd", "ngm_sgd", "sgd")
REFERENCES = ("first", "previous")
"""Reference tasks of the stability gap: task 1 (the authors' code), the task before the switch (the paper's text)."""

Pairs = Mapping[str, tuple[pd.Series, pd.Series]]
"""words for a comparison -> two series over seeds, a and b; what is claimed is a < b"""


def compared(case: Case, pairs: Pairs) -> dict[str, Comparison]:
    """Test each of the pairs, Holm-adjusted among themselves (for the authors' own data see `in_every_seed`)."""
    tests = []
    for words, (a, b) in pairs.items():
        both = pd.DataFrame({"a": a, "b": b}).to_numpy(dtype=np.float64)
        names = (case.benchmark, str(case.reference), str(case.optimizer), words)
        tests.append(comparison(both[:, 0], both[:, 1], generator_for(case.terms.random_seed, *names)))
    return dict(zip(pairs, in_every_seed(tests) if case.authors else adjusted(tests), strict=True))


def all_smaller(case: Case, pairs: Pairs) -> tuple[str, str]:
    """Judge "a < b in each of the pairs": each `directional`, together `all_of`."""
    tests = compared(case, pairs)
    verdicts = {words: directional(test, case.terms.alpha) for words, test in tests.items()}
    evidence = [f"{words}: {numbers(test, case.terms.alpha)}: {verdicts[words]}" for words, test in tests.items()]
    return all_of(verdicts.values()), "; ".join(evidence)


def smaller_than(case: Case, metric: str, candidate: str, *rivals: str) -> tuple[str, str]:
    """Judge "`candidate` has a smaller `metric` than each of the rivals" (`all_smaller`)."""
    values = case.by_seed(metric, candidate, *rivals)
    return all_smaller(case, {f"{metric} {candidate} against {rival}": (values[candidate], values[rival]) for rival in rivals})


def numbers(test: Comparison, alpha: float) -> str:
    """Write means, difference, interval, p and n; whether n is too small, and where nothing is decided how many it takes."""
    if test.n < 2:
        return f"n {test.n}, too few defined pairs for a test"
    words = (
        f"{test.mean_a:.3g} and {test.mean_b:.3g}, difference {test.mean_difference + 0.0:.3g}, "
        f"95% t interval [{test.low:.3g}, {test.high:.3g}], Holm p {test.p_holm:.3g}, n {test.n}"
    )
    if test.p_smallest * test.family > alpha:
        words += f" (cannot reach {alpha:g})"
    if directional(test, alpha) != INCONCLUSIVE:
        return words
    needed = seeds_needed(test.mean_difference, test.sd, test.n, alpha / test.family, sign_flips=True)
    return f"{words}, {needed}" if needed else words
