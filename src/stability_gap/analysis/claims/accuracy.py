"""Judge what the paper says of accuracy (PROTOCOL section 7, claim 3)."""

import numpy as np

from stability_gap.analysis.claims.engine import Case, claim
from stability_gap.analysis.claims.rules import INCONCLUSIVE, at_most_worse, seeds_needed
from stability_gap.analysis.statistics import holm, t_interval

RIVALS = ("sgd", "msgd", "adam")


@claim(
    3,
    "Accuracy not behind the best rival",
    "ngm_sgd keeps competitive accuracy: not inferior to the best of sgd, msgd and adam",
    needs=("ngm_sgd", *RIVALS),
)
def competitive_accuracy(case: Case) -> tuple[str, str]:
    """Judge avg_acc against each rival within `Terms.accuracy_margin` (`not_inferior`): not to the one that looks best."""
    return not_inferior(case, "ngm_sgd", *RIVALS)


def not_inferior(case: Case, candidate: str, *rivals: str) -> tuple[str, str]:
    """Judge "avg_acc of `candidate` is at most `Terms.accuracy_margin` below that of each rival" (`at_most_worse`).

    A seed in which any of them has no value is left out.
    """
    values = case.by_seed("avg_acc", candidate, *rivals).replace([np.inf, -np.inf], np.nan).dropna()
    if len(values) < 2:
        return INCONCLUSIVE, f"avg_acc n={len(values)}: no test"
    margin, alpha = case.terms.accuracy_margin, case.terms.alpha
    differences = [(values[candidate] - values[rival]).to_numpy(dtype=np.float64) for rival in rivals]
    verdict, not_worse, worse = at_most_worse(differences, margin, alpha)
    parts = []
    for rival, each, p, p_worse in zip(rivals, differences, not_worse, holm(worse), strict=True):
        low, high = t_interval(each)
        words = (
            f"avg_acc {candidate} {values[candidate].mean():.4g} against {rival} {values[rival].mean():.4g}: difference "
            f"{each.mean():.3g}, 95% t interval [{low:.3g}, {high:.3g}], p of not inferior {p:.3g}, "
            f"Holm p of inferior {p_worse:.3g}"
        )
        needed = seeds_needed(each.mean() + margin, each.std(ddof=1), len(each), 2 * alpha) if min(p, p_worse) >= alpha else ""
        parts.append(f"{words}, {needed}" if needed else words)
    return verdict, f"margin {margin:g}, n {len(values)}; {'; '.join(parts)}"
