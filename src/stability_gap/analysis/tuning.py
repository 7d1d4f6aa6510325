"""Select settings on images held out from training (PROTOCOL §8): runs of a sweep -> all configurations, and the best of them.

The criteria are the mean over tuning seeds of the final accuracy and of the anytime accuracy, both on the held-out images. A
diverged run counts as chance, as in every metric.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from stability_gap.analysis import figure_data
from stability_gap.analysis.settings import CRITERIA
from stability_gap.errors import UserError

GAPS = ("avg_sg_first", "avg_sg_previous")
"""Shown of every configuration beside the criteria; nothing is selected by them."""


def refuse_test_images(records: Sequence[Mapping[str, Any]], benchmark: str) -> None:
    """Refuse runs (the content of their run.json) that were tested on the very stream that is tuned for.

    Errors: UserError, also where the runs are of several benchmarks.
    """
    names = sorted({str(record["benchmark"]) for record in records})
    if benchmark in names:
        raise UserError(f"runs of {benchmark} itself were tested on its test images; select from runs of its held-out twin.")
    if len(names) != 1:
        raise UserError(f"select from runs of one benchmark; these are of {', '.join(names) or 'none'}.")


def tuning_grid(metrics: pd.DataFrame, members: Mapping[str, Mapping[str, Any]], benchmark: str) -> pd.DataFrame:
    """Arrange every configuration with what it is selected by.

    Args:
        metrics: long table of the runs of all members on the held-out twin. members: see `Config.members`. benchmark: that is
            tuned for.

    Returns:
        benchmark, holdout, sweep, optimizer, member, number, one column per key that a member sets, n, diverged, `CRITERIA` and
        `GAPS` (means over tuning seeds), and `selected_{criterion}`. Of equal means the smallest number is selected.

    Errors: UserError where a member has no runs, fewer seeds than another, or a criterion that is undefined.
    """
    per_seed = figure_data.whole_stream(metrics, ["diverged", *CRITERIA.values(), *GAPS])
    if missing := sorted(set(members) - set(per_seed["optimizer"])):
        raise UserError(f"{missing[0]} has no run to select from; train all configurations of the sweep first.")
    seeds = per_seed.groupby("optimizer")["seed"].nunique()
    if seeds.min() < seeds.max():
        raise UserError(
            f"{seeds.idxmin()} has {seeds.min()} tuning seeds, {seeds.idxmax()} has {seeds.max()}; train all of them."
        )
    keys = dict.fromkeys(key for each in members.values() for key in each["values"])
    rows = []
    for name, each in members.items():
        mine = per_seed[per_seed["optimizer"] == name]
        rows.append(
            {
                "benchmark": benchmark,
                "holdout": mine["benchmark"].iloc[0],
                **{key: each[key] for key in ("sweep", "optimizer")},
                "member": name,
                "number": each["number"],
                **{key: each["values"].get(key) for key in keys},
                "n": len(mine),
                "diverged": int(mine["diverged"].sum()),
                **{criterion: mine[metric].mean() for criterion, metric in CRITERIA.items()},
                **{gap: mine[gap].mean() for gap in GAPS},
            }
        )
    grid = pd.DataFrame(rows).sort_values(["optimizer", "number"], kind="stable", ignore_index=True)
    for criterion, metric in CRITERIA.items():
        if (undefined := grid[criterion].isna()).any():
            raise UserError(
                f"{metric} of {grid.loc[undefined, 'member'].iloc[0]} is undefined, so nothing can be selected by it; give the "
                f"benchmark {grid['holdout'].iloc[0]} evaluation: {{tasks: seen}}."
            )
        best = grid.groupby("optimizer")[criterion].idxmax()  # of equal means the first, so the smallest number
        grid[f"selected_{criterion}"] = grid.index.isin(best)
    return grid


def selection(grid: pd.DataFrame, records: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Tell the settings of every winner: `{optimizer}_tuned_{criterion}` -> member, settings.

    Args:
        grid: from `tuning_grid`. records: run.json of the runs, which hold the settings that were trained.
    """
    trained = {record["optimizer"]: record["settings"]["optimizer_settings"] for record in records}
    return {
        f"{row['optimizer']}_tuned_{criterion}": {"member": row["member"], "settings": trained[row["member"]]}
        for criterion in CRITERIA
        for row in grid[grid[f"selected_{criterion}"]].to_dict("records")
    }
