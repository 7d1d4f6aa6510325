"""Check that a rebuilt suite agrees with the published one: files, runs, and means within the noise of seeds."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from stability_gap import files
from stability_gap.analysis.summary import CELL, KEYS, summarise
from stability_gap.errors import UserError

log = logging.getLogger(__name__)

LEVEL = 0.05
"""How often a rebuild that differs by its seeds alone may be said to disagree."""

RUN = ["benchmark", "optimizer", "seed"]
ROUNDING = 5e-7
"""What two means, or the values of seeds, may differ by and count as the same."""

UNTOLD = "unknown noise"
"""Kind of a mean that differs where the published seeds do not, or there is one: nothing tells what seeds explain."""

COLUMNS = ["name", "kind", "benchmark", "agrees", "difference"]


def verify(suite: Path, published: Path) -> pd.DataFrame:
    """Compare a rebuilt suite, or some runs of it, with the published one: file by file, run by run, mean by mean.

    On the machine type that published, all has the same bytes. Elsewhere rounding differs and training amplifies it, in
    the extreme (Adam) until a seed says as little of its twin as of another seed. There two means agree when they are no further
    apart than the means of two sets of seeds may be: a t interval of their difference, 95 % for all means together (Bonferroni).

    Where the rebuilt suite has fewer seeds or optimizers, it is compared with the published runs of these; the noise is then that
    of all published seeds. Files hang on all runs, so none is compared.

    Returns: `name, kind (file | run | mean | unknown noise), benchmark, agrees, difference` (of two means, in standard errors of
    it). A run agrees where each of its metrics is the published one to the last bit; that none does is no error. Nor is a mean of
    unknown noise (`UNTOLD`), which differs.

    Errors: UserError where no MANIFEST, file or row is there, a run was not published, or a mean disagrees.
    """
    manifest = files.read_json(published / "MANIFEST.json")
    ours, theirs = (files.read_parquet(folder / "metrics.parquet") for folder in (suite, published))
    rebuilt, all_runs = (table[RUN].drop_duplicates() for table in (ours, theirs))
    if rebuilt.empty:
        raise UserError(f"{suite}/metrics.parquet has no rows, so there is nothing to compare; rebuild the suite.")
    foreign = rebuilt.merge(all_runs, how="left", indicator=True).query("_merge == 'left_only'")
    if len(foreign):
        run = " ".join(map(str, foreign.iloc[0][RUN]))
        raise UserError(f"{run} is not among the runs of {published}; rebuild the suite as published, or some of its seeds.")
    same = theirs.merge(rebuilt)
    whole = len(rebuilt) == len(all_runs)
    parts = [_runs(ours, same), _means(ours, same, theirs)]
    table = pd.concat([_files(suite, manifest["files"]), *parts] if whole else parts, ignore_index=True)
    log.info("%d of the %d published runs were rebuilt", len(rebuilt), len(all_runs))
    failed = table[(table["kind"] == "mean") & ~table["agrees"]]
    if len(failed):
        raise UserError(f"{len(failed)} means differ from {published} by more than seeds explain: {failed['name'].iloc[0]}, …")
    return table


def _files(suite: Path, digests: dict[str, str]) -> pd.DataFrame:
    rows = [
        {"name": name, "agrees": (suite / name).is_file() and files.digest(suite / name) == digest}
        for name, digest in sorted(digests.items())
    ]
    return pd.DataFrame(rows).assign(kind="file", benchmark="", difference=np.nan)[COLUMNS]


def _runs(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """Compare the published metrics of each run; both tables hold the same runs. Code of today may measure more."""
    both = theirs.merge(ours, how="left", on=[*RUN, "metric", "context"], suffixes=("_published", ""), indicator=True)
    equal = (both["value"] == both["value_published"]) | (both["value"].isna() & both["value_published"].isna())
    agrees = (equal & (both["_merge"] == "both")).groupby([both[key] for key in RUN]).all().rename("agrees").reset_index()
    return agrees.assign(name=_names(agrees, RUN), kind="run", difference=np.nan)[COLUMNS]


def _means(ours: pd.DataFrame, theirs: pd.DataFrame, all_theirs: pd.DataFrame) -> pd.DataFrame:
    """Compare the means over the same seeds; where these are some of a cell's, by the noise of all that were published.

    A metric that some published seeds leave undefined, such as a recovery that did not come, may be so in others here. Where one
    seed alone defines it, or all have the same value, nothing tells its noise: the same mean agrees, another one is `UNTOLD`.
    """
    noise = summarise(all_theirs)[[*KEYS, "n", "sd"]].rename(columns={"n": "n_all", "sd": "sd_all"})
    both = summarise(theirs).merge(summarise(ours), on=KEYS, how="left", suffixes=("_published", "")).merge(noise, on=KEYS)
    present, published = (both[CELL].merge(_seeds(table), how="left")["seeds"] for table in (ours, all_theirs))
    some, partly = present < published, both["n_all"] < published
    errors = [
        both[f"sd{side}"].where(~some, both["sd_all"]).fillna(0) / np.sqrt(both[f"n{side}"].clip(lower=1))
        for side in ("_published", "")
    ]
    difference = (both["mean"] - both["mean_published"]).abs() / (np.hypot(*errors) + ROUNDING)
    told = both["sd_all"] > ROUNDING
    missing = both[["mean_published", "mean"]].isna()
    measured = both["n"].notna()
    undefined = measured & (missing.all(axis=1) | (partly & missing.any(axis=1)))
    freedom = (both["n_published"] + both["n"] - 2).where(~some, both["n_all"] - 1).clip(lower=1)
    comparisons = max(int((told & ~undefined).sum()), 1)
    agrees = undefined | (difference <= stats.t.ppf(1 - LEVEL / 2 / comparisons, freedom))
    untold = measured & ~told & ~agrees
    kind, difference = np.where(untold, UNTOLD, "mean"), difference.mask(untold)
    return both.assign(name=_names(both, KEYS), kind=kind, agrees=agrees, difference=difference)[COLUMNS]


def _seeds(metrics: pd.DataFrame) -> pd.DataFrame:
    return metrics.groupby(CELL)["seed"].nunique().rename("seeds").reset_index()


def _names(table: pd.DataFrame, keys: list[str]) -> pd.Series:
    return table[keys].astype(object).fillna("").astype(str).agg(" ".join, axis=1).str.strip()


def summary(table: pd.DataFrame) -> str:
    """Put what `verify` found into a few lines of Markdown: files, runs and means of each benchmark."""
    words = {"file": "files, byte by byte", "run": "runs of {}, each metric to the last bit", "mean": "means of {}"}
    words[UNTOLD] = "means of {} that differ where published seeds do not, by noise that is unknown"
    lines = ["| compared | agree | of | largest difference |", "|---|--:|--:|--:|"]
    for (kind, benchmark), rows in table.groupby(["kind", "benchmark"], sort=False):
        most = f"{rows['difference'].max():.2g} standard errors" if rows["difference"].notna().any() else ""
        lines.append(f"| {words[str(kind)].format(benchmark)} | {rows['agrees'].sum()} | {len(rows)} | {most} |")
    if "file" not in set(table["kind"]):
        lines.append("| files: not compared, as they hang on all runs | | | |")
    return "\n".join(lines)
