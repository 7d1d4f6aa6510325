"""The published artifact: final tables and figures of a suite with a MANIFEST, and the check that a rebuild agrees with it."""

import logging
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stability_gap import files
from stability_gap.errors import UserError

log = logging.getLogger(__name__)

FOLDERS = ("tables", "figures")
TABLES = ("metrics.parquet", "summary.csv", "paper_metrics.csv", "statistics.csv", "ranks.csv", "claims.csv")


def publish(suite: Path, runs: list[Path], config: Mapping[str, Any], output: Path) -> None:
    """Copy the final tables and figures of `suite` to `output` and write MANIFEST.json last.

    The MANIFEST holds the sha256 of each file, the resolved configuration, the versions, devices and data digests that the
    runs recorded, and which runs diverged. What `output` held before is replaced.

    Args:
        suite: results/{suite}. runs: all run folders of the suite. config: the resolved configuration.
    Errors: UserError where a file is missing or runs come from different code, versions or data.
    """
    ours = {*FOLDERS, *TABLES, "MANIFEST.json"}
    foreign = sorted(path.name for path in output.iterdir() if path.name not in ours) if output.is_dir() else []
    if foreign:
        raise UserError(f"{output} holds {foreign[0]}, so it is no published suite; name another folder.")
    facts = [files.read_json(run / "run.json") for run in runs]
    names = published_files(suite)
    diverged = {
        f"{fact['benchmark']} {fact['optimizer']} {seed}": status["diverged_at"]
        for fact in facts
        for seed, status in fact["seeds"].items()
        if status["status"] == "diverged"
    }
    manifest = {
        "files": {name: files.digest(suite / name) for name in names},
        "config": config,
        "runs": sum(len(fact["seeds"]) for fact in facts),
        "diverged": diverged,
        "code": _the_one("code", [fact["code"] for fact in facts]),
        "versions": _the_one("versions", [fact["versions"] for fact in facts]),
        "python": platform.python_version(),
        "device": sorted({fact["device"] for fact in facts}),
        "streams": {fact["benchmark"]: {"digest": fact["stream_digest"], "official": fact["official"]} for fact in facts},
    }
    shutil.rmtree(output, ignore_errors=True)
    for name in names:
        files.write_atomically(output / name, lambda temporary, name=name: shutil.copyfile(suite / name, temporary))  # type: ignore[misc]
    files.write_json(output / "MANIFEST.json", manifest)
    log.info("published %d files to %s", len(names), output)


def verify(suite: Path, published: Path) -> pd.DataFrame:
    """Compare a rebuilt suite with the published one, file by file and number by number.

    On the machine type that published, every file has the same bytes. Elsewhere rounding differs and training amplifies it:
    there a mean agrees when it lies within two standard errors of the published one (sd over seeds / √n).

    Returns: `name, kind (file | mean), agrees`. Errors: UserError where no MANIFEST or file is there, or a mean disagrees.
    """
    manifest = files.read_json(published / "MANIFEST.json")
    rows = [
        {"name": name, "kind": "file", "agrees": (suite / name).is_file() and files.digest(suite / name) == digest}
        for name, digest in sorted(manifest["files"].items())
    ]
    ours, theirs = (files.read_csv(folder / "summary.csv") for folder in (suite, published))
    keys = ["benchmark", "optimizer", "metric", "context"]
    both = theirs.merge(ours, on=keys, how="left", suffixes=("_published", ""))
    # a metric that one seed alone defines has no sd
    tolerance = 2 * both["sd_published"].fillna(0.0) / np.sqrt(both["n_published"].clip(lower=1)) + 1e-6
    undefined = both["mean_published"].isna() & both["mean"].isna()
    agrees = undefined | ((both["mean"] - both["mean_published"]).abs() <= tolerance)
    named = both[keys].astype(object).fillna("").astype(str).agg(" ".join, axis=1).str.strip()
    rows += [{"name": name, "kind": "mean", "agrees": bool(agree)} for name, agree in zip(named, agrees, strict=True)]
    table = pd.DataFrame(rows)
    same = table.groupby("kind")["agrees"].agg(["sum", "count"])
    log.info("same bytes: %d of %d files; means within 2 standard errors: %d of %d", *same.loc["file"], *same.loc["mean"])
    failed = table[(table["kind"] == "mean") & ~table["agrees"]]
    if len(failed):
        raise UserError(
            f"{len(failed)} means differ from {published} by more than two standard errors: {failed['name'].iloc[0]}, …"
        )
    return table


def published_files(suite: Path) -> list[str]:
    """Names of the files to publish, relative to `suite`, sorted. Errors: UserError where there are none of a kind."""
    found = [str(path.relative_to(suite)) for folder in FOLDERS for path in suite.glob(f"{folder}/*") if path.is_file()]
    missing = [name for name in TABLES if not (suite / name).is_file()]
    if missing or not found:
        raise UserError(f"{suite} lacks {', '.join(missing) or 'tables and figures'}; run snakemake for this suite first.")
    return sorted([*found, *TABLES])


def _the_one(what: str, values: list[Any]) -> Any:
    if any(value != values[0] for value in values):
        raise UserError(f"the runs of this suite differ in {what}; delete results/runs and run again before publishing.")
    return values[0]
