"""Judge what the paper says of the mechanism: curvature, and the toy model (PROTOCOL section 7, claims 7 and 11)."""

import numpy as np
import pandas as pd

from stability_gap.analysis.claims.comparisons import all_smaller
from stability_gap.analysis.claims.engine import Case, NotTested, claim
from stability_gap.analysis.claims.rules import NOT_REPRODUCED, REPRODUCED, all_of

CANDIDATE = "ngm_sgd"
IDENTITY_MARGIN = 0.01
"""Relative: ten times the tolerance of the eigenvalues, and far below any change of curvature that is spoken of."""
BEFORE, SAME_DATA, BURST = -1, 0, (5, 10, 20)
"""Updates since the switch: before it; before it, but on the data after it; while the gain is high."""


@claim(
    7,
    "Curvature follows the gain",
    "in ngm_sgd λ_eff is λ_W/g² along the run, and falls when the gain bursts",
    needs=(CANDIDATE,),
    files=("mechanism.csv",),
)
def effective_curvature_falls(case: Case) -> tuple[str, str]:
    """Require both of: (a) λ_W/(g²·λ_eff) within `IDENTITY_MARGIN` of 1 at every snapshot; (b) a λ_eff that falls.

    λ: top eigenvalue of the Hessian of the loss on the data then trained on. (b) is `directional`, paired by seed: the mean of
    ln λ_eff over the switches, 5 to 20 updates after them against the update before the last one of the old context. As the
    data change at the switch too, the evidence holds the same comparison on the new data throughout; it does not decide.
    """
    rows = case.evidence["mechanism.csv"]
    rows = rows[(rows["benchmark"] == case.benchmark) & (rows["optimizer"] == CANDIDATE)]
    table = rows[rows["quantity"].isin(["lambda_eff", "lambda_ratio", "gain_squared"])].pivot_table(
        index=["seed", "context", "since"], columns="quantity", values="value"
    )
    if not len(table := table.dropna()):
        raise NotTested(f"missing: mechanism.csv of {CANDIDATE} on this benchmark")
    errors = (table["lambda_ratio"] / table["gain_squared"] - 1).abs()
    identity = REPRODUCED if errors.max() <= IDENTITY_MARGIN else NOT_REPRODUCED
    words = (
        f"λ_W/(g²·λ_eff) is off 1 by {errors.max():.2g} at most, margin {IDENTITY_MARGIN:g}, {len(errors)} snapshots: {identity}"
    )
    logarithms = np.log(table["lambda_eff"].where(table["lambda_eff"] > 0)).unstack("since")  # noqa: PD010 (nothing to average)
    if missing := [since for since in (BEFORE, SAME_DATA, *BURST) if since not in logarithms]:
        raise NotTested(f"missing: λ_eff at {missing[0]} updates since a switch")
    falls, fall = all_smaller(case, {"ln λ_eff in the burst against before": _pair(logarithms, BEFORE)})
    _, same_data = all_smaller(case, {"on the new data throughout, in the burst against before": _pair(logarithms, SAME_DATA)})
    return all_of([identity, falls]), f"{words}; {fall}; {same_data}, which does not decide"


def _pair(logarithms: pd.DataFrame, before: int) -> tuple[pd.Series, pd.Series]:
    """Average ln λ_eff over the switches of each seed: in the burst, and before. logarithms: (seed, context) × since."""
    means = logarithms.groupby("seed").mean()
    return means[list(BURST)].mean(axis=1), means[before]


@claim(
    11,
    "Linear model: gain follows fast–slow weights",
    "in the linear model the gain's weight follows explicit fast–slow weights, and slow weights alone lag",
    files=("toy.csv",),
    apart="toy",
)
def gain_follows_fast_slow_weights(case: Case) -> tuple[str, str]:
    """Compare the three in simulation 1, by the mean absolute distance over all steps; there is no chance in it.

    Required: the gain's effective weight is nearer to the fast–slow weight than the slow weight is, and the slow weight is
    farther from the target than either of the two.
    """
    table = case.evidence["toy.csv"]
    rows = table[(table["simulation"] == "target_flip") & (table["quantity"] == "weight")]
    weights = rows.pivot_table(index="step", columns="model", values="value")
    if missing := sorted({"target", "slow", "fast_slow", "gain"} - set(weights.columns)):
        raise NotTested(f"missing: {missing[0]} of simulation target_flip in toy.csv")
    gain, slow = ((weights[name] - weights["fast_slow"]).abs().mean() for name in ("gain", "slow"))
    lags = {name: (weights[name] - weights["target"]).abs().mean() for name in ("slow", "fast_slow", "gain")}
    follows = REPRODUCED if gain < slow else NOT_REPRODUCED
    lag = REPRODUCED if lags["slow"] > max(lags["fast_slow"], lags["gain"]) else NOT_REPRODUCED
    return all_of([follows, lag]), (
        f"mean distance from the fast–slow weight: gain {gain:.3g}, slow {slow:.3g}: {follows}; "
        f"mean distance from the target: slow {lags['slow']:.3g}, fast–slow {lags['fast_slow']:.3g}, "
        f"gain {lags['gain']:.3g}: {lag}; "
        f"targets are ±1, the gain's weight reaches {weights['gain'].max():.3g} and {weights['gain'].min():.3g}"
    )
