"""Judge the gap at equal accuracy, over learning rates (PROTOCOL section 7, claim 14; section 12)."""

import math
from collections.abc import Mapping
from typing import Any

from scipy import stats

from stability_gap.analysis.claims.engine import Case, claim
from stability_gap.analysis.claims.rules import (
    CONFIDENCE,
    FEWEST,
    INCONCLUSIVE,
    NOT_REPRODUCED,
    NOT_TESTED,
    REPRODUCED,
    all_of,
    seeds_needed,
)

CANDIDATE, RIVALS = "ngm_sgd", ("sgd", "msgd", "adam")
REACHED = 0.95
"""Share of the bootstrap samples in which a curve must reach the accuracy for its interval to count."""


@claim(
    14,
    "Rivals have a larger gap at equal accuracy",
    "at the final accuracy of ngm_sgd, sgd, msgd and adam have a larger average stability gap",
    references=("first", "previous"),
    files=("frontier_gap.csv",),
)
def larger_gap_at_equal_accuracy(case: Case) -> tuple[str, str]:
    """Judge the 95 % bootstrap interval of (gap of the rival at the accuracy of ngm_sgd) − (gap of ngm_sgd), rival by rival.

    A rival speaks for the claim where its interval is above zero, against it where it is below; else it decides nothing. Nor
    does any with fewer than `FEWEST` seeds, nor one that reaches the accuracy in fewer than `REACHED` of the samples; nor one
    whose smallest rate lies beyond the accuracy in more than 1 − `REACHED` of them, but where its gap there is below that of
    ngm_sgd all the same, which is against the claim. All three must speak for it.
    """
    table = case.evidence["frontier_gap.csv"]
    here = table[(table["benchmark"] == case.benchmark) & (table["reference"] == case.reference)]
    rows = {row["optimizer"]: row for row in here.to_dict("records")}
    if CANDIDATE in rows:  # what gaps are compared with has no row
        return NOT_TESTED, f"the reference of this suite is no member of a sweep of {CANDIDATE}"
    if missing := [rival for rival in RIVALS if rival not in rows]:
        return NOT_TESTED, f"missing in frontier_gap.csv of this benchmark: {', '.join(missing)}"
    verdicts = [verdict_of(rows[rival]) for rival in RIVALS]
    parts = [
        f"{rival}: {_words(rows[rival])}{_more_seeds(rows[rival], verdict)}: {verdict}"
        for rival, verdict in zip(RIVALS, verdicts, strict=True)
    ]
    return all_of(verdicts), "; ".join(parts)


def verdict_of(row: Mapping[Any, Any]) -> str:
    """Judge what one rival says of the claim: a row of frontier_gap.csv."""
    if row["n"] < FEWEST or row["reached"] < REACHED or math.isnan(row["difference"]):
        return INCONCLUSIVE
    if row["difference_high"] < 0:
        return NOT_REPRODUCED
    return REPRODUCED if row["difference_low"] > 0 and row["beyond"] <= 1 - REACHED else INCONCLUSIVE


def _words(row: Mapping[Any, Any]) -> str:
    at = f"final accuracy {row['accuracy']:.4g}"
    if math.isnan(row["difference"]):
        return f"never reaches {at} (in {row['reached']:.0%} of the bootstrap samples)"
    words = (
        f"gap {row['gap']:.3g} at {at}, ngm_sgd {row['gap_reference']:.3g}, difference {row['difference']:.3g}, "
        f"95% interval [{row['difference_low']:.3g}, {row['difference_high']:.3g}], n {row['n']:.0f}"
    )
    words += f", reached in {row['reached']:.0%} of the samples" if row["reached"] < 1 else ""
    return words + (", its smallest rate is more accurate already" if row["beyond"] > 1 - REACHED else "")


def _more_seeds(row: Mapping[Any, Any], verdict: str) -> str:
    """How many seeds a rival needs that decides nothing because its interval holds zero; empty where more seeds are no help.

    As for a paired t test, with the standard deviation of which the interval would be the t interval.
    """
    told = row["n"] >= FEWEST and row["reached"] >= REACHED and row["beyond"] <= 1 - REACHED
    if verdict != INCONCLUSIVE or not told:
        return ""
    half_width = (row["difference_high"] - row["difference_low"]) / 2
    sd = half_width * math.sqrt(row["n"]) / float(stats.t.ppf((1 + CONFIDENCE) / 2, row["n"] - 1))
    needed = seeds_needed(row["difference"], sd, int(row["n"]), 1 - CONFIDENCE)
    return f", {needed}" if needed else ""
