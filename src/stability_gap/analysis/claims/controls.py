"""Judge what controls and rivals say of the gain (PROTOCOL section 7, claims 8 to 10, 12, 13 and 15)."""

from stability_gap.analysis.claims.accuracy import not_inferior
from stability_gap.analysis.claims.comparisons import PAPER_OPTIMIZERS, REFERENCES, all_smaller, smaller_than
from stability_gap.analysis.claims.engine import Case, claim
from stability_gap.analysis.claims.rules import all_of

FIXED_GAIN = ("ngm_fixed_gain", "msgd_plain_head")
"""One learner by two names: on a CNN a gain fixed at 1 leaves momentum below the head and none on it."""


@claim(
    8,
    "Fixed gain: smaller gap, less learned",
    "ngm_fixed_gain has a smaller average stability gap than ngm_sgd, with less accuracy at the end",
    needs=(FIXED_GAIN, "ngm_sgd"),
    references=REFERENCES,
)
def fixed_gain_learns_less(case: Case) -> tuple[str, str]:
    """Require avg_sg and avg_acc of `FIXED_GAIN` both to be below those of ngm_sgd: `directional`, Holm over the two."""
    fixed = next(name for name in FIXED_GAIN if name in set(case.rows["optimizer"]))
    pairs = {}
    for metric in (f"avg_sg_{case.reference}", "avg_acc"):
        values = case.by_seed(metric, fixed, "ngm_sgd")
        pairs[f"{metric} {fixed} against ngm_sgd"] = (values[fixed], values["ngm_sgd"])
    return all_smaller(case, pairs)


@claim(
    9,
    "Resets reduce the gap, not below NGM-SGD",
    "resetting the optimizer at each switch (an oracle) reduces the gap of msgd and adam, and leaves it above that of ngm_sgd",
    needs=("msgd_reset", "adam_reset", "msgd", "adam", "ngm_sgd"),
    references=REFERENCES,
)
def resets_reduce_part(case: Case) -> tuple[str, str]:
    """Require of both: avg_sg with resets is below that without, and that of ngm_sgd below it. Holm over the four."""
    metric = f"avg_sg_{case.reference}"
    values = case.by_seed(metric, "ngm_sgd", "msgd", "adam", "msgd_reset", "adam_reset")
    orders = [(f"{base}_reset", base) for base in ("msgd", "adam")] + [("ngm_sgd", f"{base}_reset") for base in ("msgd", "adam")]
    return all_smaller(case, {f"{metric} {a} against {b}": (values[a], values[b]) for a, b in orders})


@claim(
    10,
    "Entropy-driven rate has the largest gap",
    "entropy_lr has a larger average stability gap than sgd, msgd, adam and ngm_sgd",
    needs=("entropy_lr", *PAPER_OPTIMIZERS),
    references=REFERENCES,
)
def entropy_rate_is_worst(case: Case) -> tuple[str, str]:
    """Require avg_sg of each of the four to be below that of entropy_lr, each `directional`, Holm over the four."""
    metric = f"avg_sg_{case.reference}"
    values = case.by_seed(metric, "entropy_lr", *PAPER_OPTIMIZERS)
    return all_smaller(case, {f"{metric} {a} against entropy_lr": (values[a], values["entropy_lr"]) for a in PAPER_OPTIMIZERS})


@claim(
    12,
    "Smaller gap under partial replay too",
    "under partial replay too ngm_sgd has a smaller average stability gap than msgd and than adam",
    needs=("ngm_sgd", "msgd", "adam"),
    references=REFERENCES,
    replay=True,
)
def advantage_under_replay(case: Case) -> tuple[str, str]:
    """Judge as claim 1, on streams that draw old images from a reservoir in place of the union."""
    return smaller_than(case, f"avg_sg_{case.reference}", "ngm_sgd", "msgd", "adam")


@claim(
    13,
    "Smaller gap at a matched rate and when tuned",
    "ngm_sgd has a smaller average stability gap at no less accuracy, at its matched effective rate and at equal tuning budgets",
    references=REFERENCES,
    optimizers=("sgd_matched",),
    needs=("ngm_sgd",),
)
def advantage_at_matched_rate(case: Case) -> tuple[str, str]:
    """Require avg_sg below that of sgd_matched (`directional`) and avg_acc `not_inferior` to it."""
    return _smaller_and_not_inferior(case, "ngm_sgd", "sgd_matched")


@claim(
    13,
    "Smaller gap at a matched rate and when tuned",
    "ngm_sgd has a smaller average stability gap at no less accuracy, at its matched effective rate and at equal tuning budgets",
    references=REFERENCES,
    optimizers=("ngm_sgd_tuned_final", "ngm_sgd_tuned_anytime"),
)
def advantage_when_tuned(case: Case) -> tuple[str, str]:
    """Require the same of ngm_sgd against sgd, msgd and adam, each tuned with the same budget for the same criterion.

    avg_sg: each `directional`, Holm over the three.
    """
    own = str(case.optimizer)
    return _smaller_and_not_inferior(case, own, *(own.replace("ngm_sgd", rival) for rival in ("sgd", "msgd", "adam")))


@claim(
    15,
    "Smaller gap than averaged momentum SGD",
    "ngm_sgd has a smaller average stability gap than msgd_ema",
    needs=("ngm_sgd", "msgd_ema"),
    references=REFERENCES,
)
def smaller_than_averaged_momentum(case: Case) -> tuple[str, str]:
    """Judge avg_sg as `directional`, one test."""
    return smaller_than(case, f"avg_sg_{case.reference}", "ngm_sgd", "msgd_ema")


def _smaller_and_not_inferior(case: Case, candidate: str, *rivals: str) -> tuple[str, str]:
    parts = [smaller_than(case, f"avg_sg_{case.reference}", candidate, *rivals), not_inferior(case, candidate, *rivals)]
    return all_of(verdict for verdict, _ in parts), "; ".join(evidence for _, evidence in parts)
