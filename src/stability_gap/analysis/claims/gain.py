"""Judge what the paper says of the gain (PROTOCOL section 7, claims 5 and 6)."""

import numpy as np

from stability_gap.analysis.claims.comparisons import all_smaller
from stability_gap.analysis.claims.engine import Case, NotTested, claim
from stability_gap.analysis.claims.rules import INCONCLUSIVE, NOT_REPRODUCED, REPRODUCED, trend


@claim(
    5,
    "Gain rises at each switch, then decays",
    "the gain of ngm_sgd rises after each switch, then decays, more than at a placebo switch",
    needs=("ngm_sgd",),
)
def gain_bursts(case: Case) -> tuple[str, str]:
    """Require rise and decay at every switch to exceed those at the placebo switch by more than `Terms.burst_margin`.

    The peak is a maximum, which noise alone lifts above what is before and after; at the placebo switch it does so as much,
    over as many updates. Each difference is `directional`, Holm over all rises and decays; all must hold.
    """
    margin = case.terms.burst_margin
    names = ("rise", "decay")
    real, placebo = ({name: case.by_context(f"{of}_{name}", "ngm_sgd") for name in names} for of in ("gain", "placebo_gain"))
    missing = [f"gain_{name}" for name in names if real[name].empty]
    missing += [f"placebo_gain_{name}" for name in names if placebo[name].empty]
    if missing:
        raise NotTested(f"missing: {', '.join(missing)}")
    pairs = {
        f"switch to {k}, placebo {name} + {margin:g} against {name}": (placebo[name][k] + margin, real[name][k])
        for k in real["rise"]
        for name in names
    }
    return all_smaller(case, pairs)


@claim(
    6,
    "Mean gain rises with new classes, else stays level",
    "the mean gain per task rises over tasks (class-incremental) or stays level (domain-incremental)",
    needs=("ngm_sgd",),
)
def mean_gain_over_tasks(case: Case) -> tuple[str, str]:
    """Judge the slope, per seed, of the least-squares line through the mean gain per task (gain per task) by `trend`.

    One margin serves both kinds of stream: rising is a slope above `Terms.slope_margin`, level one within it, falling one below
    its negative. Reproduced where the claimed one of the three holds, not reproduced where another does. Seeds without a
    mean gain in every task are left out; n tells.
    """
    gains = case.by_context("mean_gain", "ngm_sgd").dropna()
    if gains.empty or gains.shape[1] < 2:
        raise NotTested("missing: mean_gain of two tasks")
    centred = gains.columns.to_numpy(dtype=np.float64) - gains.columns.to_numpy(dtype=np.float64).mean()
    slopes = gains.to_numpy(dtype=np.float64) @ centred / (centred @ centred)
    claimed = "rises" if case.terms.incremental[case.benchmark] == "class" else "level"
    found, interval = trend(slopes, case.terms.slope_margin)
    verdict = INCONCLUSIVE if not found else REPRODUCED if found == claimed else NOT_REPRODUCED
    means = f"mean gain per task {' '.join(f'{mean:.3g}' for mean in gains.mean())}, slope {slopes.mean():.3g}"
    return verdict, f"{means}: {interval}, n {len(slopes)}: {found or 'undecided'}"
