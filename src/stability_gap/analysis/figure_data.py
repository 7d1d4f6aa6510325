"""What figures and tables show beyond metrics and statistics: curves, counts, best means. Presentation computes nothing."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from stability_gap.analysis import bands
from stability_gap.analysis.checks import at_chance

DENSE = 60
"""Updates after a switch of which a thinned curve keeps every one."""
CURVE = ["optimizer", "iteration", "mean", "low", "high", "n"]


def context_starts(evaluations: pd.DataFrame) -> dict[int, int]:
    """First iteration of each context, by context: the one after the last evaluation of the context before, whatever ρ is."""
    ends = evaluations.groupby("context")["iteration"].max()
    starts = ends.shift(fill_value=0) + 1
    return {int(context): int(start) for context, start in starts.items()}  # type: ignore[call-overload]


def with_chance(evaluations: pd.DataFrame, classes: int | None) -> pd.DataFrame:
    """Set accuracy to chance where a run diverged, in evaluations of several optimizers. Errors: UserError as `at_chance`."""
    if not evaluations["accuracy"].isna().any():
        return evaluations
    return pd.concat([at_chance(rows, classes) for _, rows in evaluations.groupby("optimizer")], ignore_index=True)


def seed_counts(evaluations: pd.DataFrame) -> pd.DataFrame:
    """Count seeds and diverged seeds (their accuracy ends as NaN): `optimizer, n, diverged`, sorted."""
    last = _last(evaluations)
    gone = last[last["accuracy"].isna()].groupby("optimizer")["seed"].nunique()
    counts = evaluations.groupby("optimizer")["seed"].nunique().rename("n").reset_index()
    return counts.assign(diverged=counts["optimizer"].map(gone).fillna(0).astype(int))


def _last(evaluations: pd.DataFrame) -> pd.DataFrame:
    """Take the last evaluation of every optimizer and seed."""
    return evaluations[evaluations["iteration"] == evaluations.groupby(["optimizer", "seed"])["iteration"].transform("max")]


def curves(evaluations: pd.DataFrame, training: pd.DataFrame, classes: int | None = None) -> dict[str, pd.DataFrame]:
    """Mean curves of one benchmark over seeds with 95 % t intervals, each `optimizer, iteration, mean, low, high, n`.

    `first` and `seen`: accuracy (fraction) on task 1 and the mean over all tasks seen so far, a diverged run at chance
    (1 / `classes`). `loss`: test loss on task 1 in nats, of the runs that have one. `gain`: of the output layer, of every
    optimizer whose gain is not 1 throughout. Where there is nothing, the table is empty.
    evaluations, training: run tables of docs/data-contracts.md with a column `optimizer`. Errors: UserError as `at_chance`.
    """
    evaluations = with_chance(evaluations, classes)
    first = evaluations[evaluations["task"] == 1]
    seen = (
        evaluations.astype({"accuracy": "float64"}).groupby(["optimizer", "seed", "iteration"])["accuracy"].mean().reset_index()
    )
    gain = output_gains(training)
    keys = ["optimizer", "iteration"]
    result = {"first": bands.band(first, keys, "accuracy"), "seen": bands.band(seen, keys, "accuracy")}
    has_loss = "loss" in first and bool(first["loss"].notna().any())
    result["loss"] = bands.band(first, keys, "loss") if has_loss else pd.DataFrame(columns=CURVE)
    result["gain"] = bands.band(gain, keys, "gain") if len(gain) else pd.DataFrame(columns=CURVE)
    return result


def output_gains(training: pd.DataFrame) -> pd.DataFrame:
    """Take the gain of the output layer of every optimizer whose gain is not 1 throughout: `optimizer, seed, iteration, gain`."""
    columns = [column for column in training if str(column).startswith("gain_")]
    if not columns:
        return pd.DataFrame(columns=["optimizer", "seed", "iteration", "gain"])
    output = "gain_output" if "gain_output" in columns else columns[-1]  # other people's layers have other names
    table = training[["optimizer", "seed", "iteration"]].assign(gain=training[output])
    modulated = table.loc[table["gain"].notna() & (table["gain"] != 1), "optimizer"].unique()
    return table[table["optimizer"].isin(modulated)]


def thinned(curve: pd.DataFrame, starts: Sequence[int], most: int = 360) -> pd.DataFrame:
    """Keep about `most` iterations of a mean curve, among them all that its reader measures.

    Kept are, of every context, the first `DENSE` iterations (fewer where there are many contexts), the last one, and those
    of the smallest and largest mean of every optimizer; between them equal steps. `curve`: as from `curves`. `starts`:
    first iteration of each context.
    """
    iterations = np.unique(curve["iteration"])
    if len(iterations) <= most:
        return curve
    context = np.searchsorted(np.asarray(starts), iterations, side="right")
    dense = min(DENSE, most // (2 * len(starts)))
    rank = np.arange(len(iterations)) - np.searchsorted(context, context)
    last = np.append(np.diff(context) > 0, True)
    step = -(-len(iterations) // max(most - dense * len(starts), 1))
    keep = set(iterations[(rank < dense) | last | (rank % step == 0)])
    drawn = curve[curve["mean"].notna()]
    block = np.searchsorted(np.asarray(starts), drawn["iteration"], side="right")
    for _, rows in drawn.groupby(["optimizer", block]):
        keep |= set(rows.loc[[rows["mean"].idxmin(), rows["mean"].idxmax()], "iteration"])
    return curve[curve["iteration"].isin(keep)]


def switch_windows(
    evaluations: pd.DataFrame,
    classes: int | None = None,
    before: int = 10,
    after: int = 50,
    switches: Sequence[int] | None = None,
) -> pd.DataFrame:
    """Accuracy on old tasks around each switch as a fraction of that at the switch: what the stability gap is the fall of.

    Returns `optimizer, seed, switch, panel, since, relative`, sorted: `switch` is the context k ≥ 2 that begins, `since`
    the iterations after the last update of context k−1 (`before` to `after` of them, ending with block k), `relative` the
    accuracy at that iteration over the last one of context k−1. `panel`: `first` (task 1) or `old` (mean over tasks < k), the
    latter only from k = 3 on, as before it is the same. NaN where the accuracy at the switch is 0. A diverged run is at chance.
    evaluations: of one benchmark, with a column `optimizer`. switches: those to take, all by default.
    Errors: UserError as `at_chance`.
    """
    starts = context_starts(evaluations)
    evaluations = with_chance(evaluations, classes).astype({"accuracy": "float64"})
    ends = {k: starts.get(k + 1, int(evaluations["iteration"].max()) + 1) - 1 for k in starts}
    parts = []
    for k in [k for k in starts if k > 1 and (switches is None or k in switches)]:
        at = starts[k] - 1
        inside = evaluations["iteration"].between(max(at - before, starts[k - 1]), min(at + after, ends[k]))
        near = evaluations[inside & (evaluations["task"] < k)]
        switch = _last(evaluations[evaluations["context"] == k - 1])
        for panel, tasks in (("first", [1]), ("old", range(1, k))):
            if panel == "old" and k == 2:
                continue
            rows, zero = (table[table["task"].isin(tasks)] for table in (near, switch))
            mean = rows.groupby(["optimizer", "seed", "iteration"])["accuracy"].mean().reset_index()
            level_of = zero.groupby(["optimizer", "seed"])["accuracy"].mean().rename("level")
            level = mean[["optimizer", "seed"]].merge(level_of, how="left", on=["optimizer", "seed"])["level"]
            relative = mean["accuracy"].to_numpy() / level.where(level > 0).to_numpy()
            parts.append(mean.assign(switch=k, panel=panel, since=mean["iteration"] - at, relative=relative))
    columns = ["optimizer", "seed", "switch", "panel", "since", "relative"]
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat(parts)[columns].sort_values(columns[:-1], ignore_index=True)


def shown_range(values: pd.DataFrame, means: pd.DataFrame) -> tuple[float, float]:
    """Range that holds every fall and every mean: what an axis should show. Of the rises of single seeds it holds nearly all.

    values: column `relative` of single seeds; means: column `mean`.
    """
    return float(values["relative"].min()), float(max(values["relative"].quantile(0.975), means["mean"].max()))


def modulated_gains(metrics: pd.DataFrame) -> pd.DataFrame:
    """Take the mean gain per context where a gain is not 1 throughout: `benchmark, optimizer, seed, context, value`."""
    gains = metrics[(metrics["metric"] == "mean_gain") & metrics["value"].notna()]
    gains = gains.assign(context=gains["context"].astype(int))
    modulated = gains.loc[gains["value"] != 1, ["benchmark", "optimizer"]].drop_duplicates()
    columns = ["benchmark", "optimizer", "seed", "context", "value"]
    return gains.merge(modulated, on=["benchmark", "optimizer"])[columns].sort_values(columns[:-1], ignore_index=True)


def whole_stream(metrics: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Put metrics of the whole stream side by side: `benchmark, optimizer, seed` and one column each of `names` that is there."""
    whole = metrics[metrics["context"].isna() & metrics["metric"].isin(list(names))]
    cells = whole.set_index(["benchmark", "optimizer", "seed", "metric"])["value"]
    return cells.unstack("metric").rename_axis(columns=None).reset_index()  # noqa: PD010 - refuses a double row


def best_means(means: pd.Series, digits: int, better: str | None) -> pd.Series:
    """Mark the best of several means, and all that are printed the same with `digits` decimals; none without a direction."""
    rounded: pd.Series = means.map(lambda mean: float(f"{mean:.{digits}f}"))
    if better is None or rounded.isna().all():
        return pd.Series(False, index=means.index)
    return rounded.eq(rounded.max() if better == "higher" else rounded.min())


def t_interval(values: Sequence[float]) -> tuple[float, float]:
    """Give the 95 % t interval of a mean, in the form that seaborn's `errorbar` takes; NaN for one value."""
    table = pd.DataFrame({"value": np.asarray(values, dtype=float)}).assign(all=0)
    row = bands.band(table, ["all"], "value").iloc[0]
    return float(row["low"]), float(row["high"])
