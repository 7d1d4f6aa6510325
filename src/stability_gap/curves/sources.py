"""Read what a comparison is made of, run folders and anybody's files, as runs with names and seeds."""

import itertools
import logging
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from stability_gap.analysis.runs import Facts, Run, read_runs
from stability_gap.curves.content import Content, named_columns, read_content
from stability_gap.curves.options import Options
from stability_gap.curves.registry import read
from stability_gap.curves.tidy import from_array, tidy
from stability_gap.errors import UserError
from stability_gap.files import read_parquet

LOG = logging.getLogger(__name__)

_SEED = re.compile(r"[_\-. ]?seed[_\-=]?(\d+)", re.IGNORECASE)
UNNAMED = "unnamed"

Source = str | Path | pd.DataFrame | np.ndarray
"""Where curves come from: a run folder, a folder above some, a file of any format, a table long or wide, an array."""


@dataclass(frozen=True)
class _Curves:
    """Curves of one source. `named`: by the user, not by the file; `has_seed`: the source or its name tells the seeds."""

    name: str
    named: bool
    origin: Path
    table: pd.DataFrame
    has_seed: bool


def read_sources(
    sources: Sequence[str | Path | tuple[str, Source]],
    options: Options | None = None,
    format_name: str | None = None,
    benchmark: str | None = None,
    classes: int | None = None,
) -> list[Run]:
    """Read run folders, files and tables of curves, in the order given, folders first.

    sources: each a path, NAME=path, or (name, source). Without a name a file is called by its own, less suffix and seed. Its seed
    comes from its column, its name (`mine_seed42.csv`), or `options`; one that nothing tells becomes a number that no other curve
    has, so that it is paired with none. benchmark and classes: of what has no run.json; by default those of the runs, where these
    are of one benchmark. Sources of one name are seeds of one curve. Logs the seeds and contexts of every curve.
    Errors: UserError for no source, unreadable files, names that could be meant to be two, one seed twice, and seeds of one curve
    that were not evaluated at the same iterations.
    """
    given = options or Options()
    split = [each if isinstance(each, tuple) else _split(str(each)) for each in sources]
    if not split:
        raise UserError("no runs given; name run folders or files of curves.")
    folders = {number: folder for number, (_, each) in enumerate(split) if (folder := _folder(each)) is not None}
    runs = [run for number, folder in folders.items() for run in _folder_runs(split[number][0], folder, benchmark, classes)]
    curves = [_read(name, each, given, format_name) for number, (name, each) in enumerate(split) if number not in folders]
    if curves:
        _refuse_shared_names(curves, {run.facts.optimizer for run in runs})
        facts = _facts_of_curves([run.facts for run in runs], benchmark, classes)
        taken = {int(seed) for run in runs for seed in run.evaluations["seed"].unique()}
        taken |= {int(seed) for each in curves if each.has_seed for seed in each.table["seed"].unique()}
        for each in curves:
            table = each.table if each.has_seed else each.table.assign(seed=np.int32(_free(taken)))
            runs.append(Run(facts.model_copy(update={"optimizer": each.name}), table, None, each.origin))
    refuse_repeated_seeds(runs)
    refuse_other_evaluations(runs)
    of_files = runs[len(runs) - len(curves) :]
    for name in dict.fromkeys(run.facts.optimizer for run in of_files):
        LOG.info(_told([run.evaluations for run in of_files if run.facts.optimizer == name], name, given))
    return runs


def refuse_repeated_seeds(runs: Iterable[Run]) -> None:
    """Refuse a seed of a (benchmark, optimizer) that stands in two runs. Errors: UserError naming both."""
    first: dict[tuple[str, str, int], Path] = {}
    for run in runs:
        for seed in run.evaluations["seed"].unique():
            key = (run.facts.benchmark, run.facts.optimizer, int(seed))
            if key in first:
                raise UserError(
                    f"seed {seed} of {run.facts.optimizer} stands in both {first[key]} and {run.source}; leave one out, or name "
                    f"them apart: NAME={run.source}."
                )
            first[key] = run.source


def refuse_other_evaluations(runs: Iterable[Run]) -> None:
    """Refuse runs of one (benchmark, optimizer) that were evaluated at other iterations. Errors: UserError naming two."""
    first: dict[tuple[str, str], tuple[Run, pd.MultiIndex]] = {}
    for run in runs:
        rows = pd.MultiIndex.from_frame(run.evaluations[["iteration", "task"]].drop_duplicates())
        known, expected = first.setdefault(run.cell, (run, rows))
        for whole, part, lacking in ((known, run, expected[~expected.isin(rows)]), (run, known, rows[~rows.isin(expected)])):
            if len(lacking):
                raise UserError(
                    f"{part.source}, column iteration: seed {part.evaluations['seed'].iloc[0]} lacks rows at iteration "
                    f"{lacking[0][0]}, which {whole.source} has; all seeds of one curve need every task seen so far at the same "
                    "iterations (NaN from where a run diverged). Leave one out, or name them apart: NAME=path."
                )


def refuse_other_contexts(runs: Iterable[Run]) -> None:
    """Refuse runs of one benchmark whose contexts cannot be the same: other numbers of them, or one that ends after another's
    next began. Warns where their last evaluations are after other updates. Errors: UserError naming two.
    """
    runs = list(runs)
    first: dict[str, tuple[Run, pd.DataFrame]] = {}
    for run in runs:
        other = run.evaluations.groupby("context")["iteration"].agg(["min", "max"])
        known, span = first.setdefault(run.facts.benchmark, (run, other))
        where = f"{run.source} and {known.source}"
        if len(other) != len(span):
            raise UserError(
                f"{where} have {len(other)} and {len(span)} contexts; runs of one benchmark have the same. Compare them apart, "
                "or correct --context-length or --switches."
            )
        for k in span.index[1:]:
            if other.loc[k - 1, "max"] >= span.loc[k, "min"] or span.loc[k - 1, "max"] >= other.loc[k, "min"]:
                raise UserError(
                    f"{where} begin context {k} at updates {other.loc[k, 'min']} and {span.loc[k, 'min']}; runs of one benchmark "
                    "change at the same. Compare them apart, or correct --context-length or --switches."
                )
    for benchmark in first:
        ends = {run.facts.optimizer: run.evaluations["iteration"].max() for run in runs if run.facts.benchmark == benchmark}
        if len(set(ends.values())) > 1:
            LOG.warning(
                "%s: the last evaluations are after other updates (%s), so what is measured at the end of the stream is of other "
                "lengths of training. Was a run cut off?",
                benchmark,
                ", ".join(f"{name}: {end}" for name, end in ends.items()),
            )


def _told(tables: Sequence[pd.DataFrame], name: str, options: Options) -> str:
    """Say in one line which seeds a curve has and what its contexts are taken to be."""
    seeds = sorted(int(seed) for table in tables for seed in table["seed"].unique())
    in_turn = len(seeds) > 2 and all(later == seed + 1 for seed, later in itertools.pairwise(seeds))
    ends = tables[0].groupby("context")["iteration"].max()
    given = options.context_length is not None or options.switches is not None
    words = [
        f"seed{'s' * (len(seeds) > 1)} {f'{seeds[0]}–{seeds[-1]}' if in_turn else ', '.join(map(str, seeds))}",
        f"{len(ends)} context{'s' * (len(ends) > 1)}",
        f"last evaluated after update{'s' * (len(ends) > 1)} {', '.join(map(str, ends))}",
    ]
    return f"{name}: {', '.join(words)} ({'as given' if given else 'by the column context, or from where tasks begin'})"


def _split(text: str) -> tuple[str | None, Path]:
    """Take NAME=path apart; a path that exists as it stands has no name, whatever it holds."""
    name, equals, path = text.partition("=")
    if os.path.exists(text) or not equals or not name or "/" in name:
        return None, Path(text)
    return name, Path(path)


def _folder(source: Source) -> Path | None:
    """Give the folder that a source is, or whose evaluations.parquet it is."""
    if isinstance(source, pd.DataFrame | np.ndarray):
        return None
    path = Path(source)
    if path.name == "evaluations.parquet" and os.path.exists(path.with_name("run.json")):
        return path.parent
    return path if os.path.isdir(path) else None


def _folder_runs(name: str | None, folder: Path, benchmark: str | None, classes: int | None) -> list[Run]:
    found = sorted(path.parent for path in folder.rglob("evaluations.parquet"))
    if not found:
        raise UserError(f"{folder} holds no run: there is no evaluations.parquet in it or below it.")
    runs = []
    for each in found:
        values = [column for column in ("accuracy", "loss") if column in read_parquet(each / "evaluations.parquet")]
        runs += read_runs([each], classes, benchmark, values=values or ["accuracy"])
    if name is None:
        return runs
    if len({run.facts.optimizer for run in runs}) > 1:
        raise UserError(f"{folder} holds runs of several optimizers; one name, {name}, does not fit them all.")
    return [replace(run, facts=run.facts.model_copy(update={"optimizer": name})) for run in runs]


def _read(name: str | None, source: Source, options: Options, format_name: str | None) -> _Curves:
    if isinstance(source, np.ndarray):
        origin = Path(name or "array")
        seeds = None if options.seed is None or source.ndim == 3 else [options.seed]
        table = tidy(from_array(source, seeds), replace(options, seed=None), str(origin))
        return _Curves(str(origin), True, origin, table, source.ndim == 3 or seeds is not None)
    if isinstance(source, pd.DataFrame):
        origin, content = Path(name or "table"), Content(name or "table", table=named_columns(source, name or "table"))
    else:
        origin, content = Path(source), read_content(Path(source))
        if in_name := _SEED.search(origin.stem):
            options = replace(options, seed=int(in_name[1]))
    has_seed = "seed" in content.columns or options.seed is not None
    return _Curves(name or _stem(origin), name is not None, origin, read(content, options, format_name), has_seed)


def _stem(path: Path) -> str:
    """Name a file by its stem without a seed, or its folder where nothing is left."""
    return _SEED.sub("", path.stem).strip(" _-.") or path.resolve().parent.name


def _refuse_shared_names(found: Sequence[_Curves], of_runs: set[str]) -> None:
    """Refuse that files are taken together, or with runs, that nobody said belong together."""
    first: dict[str, _Curves] = {}
    for each in found:
        if each.name in of_runs and not each.named:
            raise UserError(f"{each.origin} has the name of runs, {each.name}; name it apart: NAME={each.origin}.")
        other = first.setdefault(each.name, each)
        together = (each.named and other.named) or (
            each.has_seed and other.has_seed and each.origin.resolve().parent == other.origin.resolve().parent
        )
        if other is not each and not together:
            raise UserError(
                f"{other.origin} and {each.origin} are both called {each.name}; name them: A={other.origin} B={each.origin} (one "
                "name for both if they are seeds of one curve)."
            )


def _facts_of_curves(runs: Sequence[Facts], benchmark: str | None, classes: int | None) -> Facts:
    known = {each.benchmark: each for each in runs}
    if benchmark is None and len(known) > 1:
        raise UserError(
            f"the runs are of several benchmarks ({', '.join(sorted(known))}); say of which the files are: --benchmark."
        )
    name = benchmark or next(iter(known), UNNAMED)
    of_runs = known.get(name)
    return Facts.model_construct(
        benchmark=name,
        optimizer="",
        classes=classes if classes is not None else (of_runs.classes if of_runs else None),
        incremental=of_runs.incremental if of_runs else None,
    )


def _free(taken: set[int]) -> int:
    """Take the smallest number from 1 on that is no seed yet."""
    number = next(number for number in range(1, len(taken) + 2) if number not in taken)
    taken.add(number)
    return number
