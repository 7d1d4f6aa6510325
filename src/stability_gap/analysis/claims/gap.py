"""Judge what the paper says of the stability gap itself (PROTOCOL section 7, claims 1, 2, 4) and that it is one (16)."""

import numpy as np

from stability_gap.analysis.claims.comparisons import PAPER_OPTIMIZERS, REFERENCES, all_smaller, smaller_than
from stability_gap.analysis.claims.engine import Case, NotTested, claim
from stability_gap.analysis.claims.rules import NOT_ASSESSABLE, level
from stability_gap.analysis.statistics import t_interval

EQUAL_GAP_BENCHMARKS = ("rotated_mnist",)
"""Claim 2: where the paper has ngm_sgd and sgd equal."""


@claim(
    1,
    "Smaller gap than momentum SGD and Adam",
    "ngm_sgd has a smaller average stability gap than msgd and than adam",
    needs=("ngm_sgd", "msgd", "adam"),
    references=REFERENCES,
)
def smaller_than_momentum_and_adam(case: Case) -> tuple[str, str]:
    """Require both differences to be `directional`, Holm over the two."""
    return smaller_than(case, f"avg_sg_{case.reference}", "ngm_sgd", "msgd", "adam")


@claim(
    2,
    "Smaller gap than plain SGD",
    "ngm_sgd has a smaller average stability gap than sgd (equal to it on rotated_mnist)",
    needs=("ngm_sgd", "sgd"),
    references=REFERENCES,
)
def smaller_than_sgd(case: Case) -> tuple[str, str]:
    """Judge as `directional`; on `EQUAL_GAP_BENCHMARKS` the claim is equality: `level` within `Terms.gap_margin`.

    Not assessable where the gap of either is not told from its placebo: where the 95 % t interval of avg_net_sg is not
    wholly above zero. Without the placebo (other evaluations, or the authors' data) it is judged as it stands.
    """
    metric = f"avg_sg_{case.reference}"
    verdict, evidence = smaller_than(case, metric, "ngm_sgd", "sgd")
    if case.benchmark in EQUAL_GAP_BENCHMARKS:
        values = case.by_seed(metric, "ngm_sgd", "sgd").dropna()
        verdict, interval = level((values["ngm_sgd"] - values["sgd"]).to_numpy(dtype=np.float64), case.terms.gap_margin)
        evidence = f"the paper has them equal here: {interval}: {verdict}; read as smaller: {evidence}"
    drifts = [words for optimizer in ("ngm_sgd", "sgd") if (words := _drift(case, optimizer))]
    return (NOT_ASSESSABLE, "; ".join([*drifts, evidence])) if drifts else (verdict, evidence)


@claim(
    4,
    "Largest gap at the first switch",
    "the largest stability gap is at the first switch (class-incremental)",
    references=REFERENCES,
    optimizers=PAPER_OPTIMIZERS,
    kind="class",
)
def largest_gap_first(case: Case) -> tuple[str, str]:
    """Require of one optimizer each later sg_k to be below sg_2 of the same seed, each `directional`, Holm over the switches."""
    gaps = case.by_context(f"sg_{case.reference}", str(case.optimizer))
    if gaps.shape[1] < 2:
        raise NotTested(f"fewer than two switches: {case.optimizer}")
    first, *later = gaps.columns
    return all_smaller(case, {f"sg_{case.reference} at switch {k} against {first}": (gaps[k], gaps[first]) for k in later})


@claim(
    16,
    "The gap exceeds its placebo",
    "the stability gap exceeds its placebo gap",
    references=REFERENCES,
    optimizers=PAPER_OPTIMIZERS,
)
def gap_exceeds_placebo(case: Case) -> tuple[str, str]:
    """Require avg_net_sg of one optimizer to be above zero: "0 - avg_net_sg < 0" is `directional`, one test."""
    net = case.by_seed(f"avg_net_sg_{case.reference}", str(case.optimizer))[str(case.optimizer)]
    if net.isna().all():
        raise NotTested(f"missing: avg_net_sg_{case.reference} of {case.optimizer}, undefined where no middle is watched")
    return all_smaller(case, {f"0 against avg_net_sg_{case.reference}": (0.0 * net, net)})


def _drift(case: Case, optimizer: str) -> str:
    """Say that a gap is not shown to be above its placebo; empty where it is, or where that was not measured."""
    try:
        net = case.by_seed(f"avg_net_sg_{case.reference}", optimizer)[optimizer].dropna().to_numpy(dtype=np.float64)
    except NotTested:
        return ""
    if len(net) < 2:
        return ""
    low, high = t_interval(net)
    words = f"net {net.mean():.3g}, 95% t interval [{low:.3g}, {high:.3g}]"
    return "" if low > 0 else f"{optimizer} has a gap that is not told from its placebo: {words}"
