"""Read run folders, the same way for metrics, verdicts and figures (docs/data-contracts.md)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from stability_gap.analysis.checks import KEYS, TRAINING_KEYS
from stability_gap.errors import UserError
from stability_gap.files import read_json, read_parquet
from stability_gap.settings import validate
from stability_gap.tasks.settings import Incremental


class Sampling(BaseModel):
    """What minibatches are drawn from."""

    model_config = ConfigDict(strict=True)

    kind: str = "joint"


class CellSettings(BaseModel):
    """What is needed of the settings in run.json."""

    model_config = ConfigDict(strict=True)

    sampling: Sampling = Sampling()


class Facts(BaseModel):
    """What is needed of run.json: names of the run, classes of the single head, what its tasks bring (classes or inputs)."""

    model_config = ConfigDict(strict=True)

    benchmark: str = Field(min_length=1)
    optimizer: str = Field(min_length=1)
    classes: int | None = Field(None, ge=1)
    incremental: Incremental | None = None
    settings: CellSettings = CellSettings()


@dataclass(frozen=True)
class Run:
    """Tables of one run folder, or of one file of evaluations, with its facts."""

    facts: Facts
    evaluations: pd.DataFrame
    training: pd.DataFrame | None
    """keys and gains"""
    source: Path
    """the file of evaluations"""

    @property
    def cell(self) -> tuple[str, str]:
        """Return (benchmark, optimizer)."""
        return self.facts.benchmark, self.facts.optimizer

    @property
    def training_source(self) -> str:
        """Return the name of the training table, for messages."""
        return str(self.source.with_name("training.parquet"))


@dataclass(frozen=True)
class BenchmarkRuns:
    """All runs of one benchmark: the tables of docs/data-contracts.md with a column `optimizer`, and the classes."""

    benchmark: str
    classes: int | None
    evaluations: pd.DataFrame
    training: pd.DataFrame


def read_runs(
    paths: Iterable[Path],
    classes: int | None = None,
    benchmark: str | None = None,
    optimizer: str | None = None,
    values: Sequence[str] = ("accuracy",),
    seeds: Collection[int] | None = None,
) -> list[Run]:
    """Read runs: each path is a run folder or a parquet file of evaluations, anybody's.

    A folder holds evaluations.parquet and maybe run.json and training.parquet; the path of its evaluations.parquet
    means the same. Names and classes come from run.json. Where it does not tell, `classes` counts, and where there is none,
    `benchmark` and `optimizer` too; without them the classes are unknown, the benchmark is `unnamed`, and the optimizer is the
    name of the file without its suffix (of the folder, for a file called evaluations.parquet). values: columns to read beside
    the keys. seeds: those to keep, all by default; a run without any of them is left out. The tables are not checked
    (`checks.check_evaluations`) but for their columns.
    Errors: UserError for no path, unreadable files, and one (benchmark, optimizer, seed) in two of them.
    """
    given = Facts.model_construct(benchmark=benchmark or "unnamed", optimizer=optimizer or "", classes=classes, incremental=None)
    runs = [_read_run(Path(path), given, values) for path in paths]
    if not runs:
        raise UserError("no runs given; name at least one run folder or evaluations.parquet.")
    if seeds is not None:
        runs = [run for run in (_of_seeds(run, seeds) for run in runs) if len(run.evaluations)]
        if not runs:
            raise UserError("none of the runs has any of the seeds that were asked for.")
    _refuse_repeated_seeds(runs)
    return runs


def benchmark_runs(folders: Iterable[Path], seeds: Collection[int] | None = None) -> BenchmarkRuns:
    """Read run folders of one benchmark for its figures: evaluations with loss, and of the training tables the gains.

    seeds: those to keep, all by default. Errors: UserError from `read_runs`, for folders of several benchmarks, or for
    one without a training table.
    """
    runs = read_runs(folders, values=("accuracy", "loss"), seeds=seeds)
    benchmarks = sorted({run.facts.benchmark for run in runs})
    if len(benchmarks) > 1:
        raise UserError(f"the runs are of several benchmarks ({', '.join(benchmarks)}); give the folders of one.")
    for run in runs:
        if run.training is None:
            raise UserError(f"{run.training_source} does not exist; figures show the gain, so train this run again.")
    return behind_one_another(runs)


def behind_one_another(runs: Sequence[Run]) -> BenchmarkRuns:
    """Join runs of one benchmark. Where none has a training table, that of the result is empty."""
    training = [run.training.assign(optimizer=run.facts.optimizer) for run in runs if run.training is not None]
    return BenchmarkRuns(
        runs[0].facts.benchmark,
        next((run.facts.classes for run in runs if run.facts.classes is not None), None),
        pd.concat([run.evaluations.assign(optimizer=run.facts.optimizer) for run in runs], ignore_index=True),
        pd.concat(training, ignore_index=True) if training else pd.DataFrame(columns=[*TRAINING_KEYS, "optimizer"]),
    )


def incremental_kinds(
    benchmarks: Iterable[str], folders: Iterable[Path], given: Mapping[str, Incremental] | None = None
) -> dict[str, Incremental]:
    """Tell for each benchmark whether its tasks bring new classes or new inputs of the same classes.

    From `given`, else from the run.json of the folders. Errors: UserError for a benchmark that neither tells, or for
    two that contradict each other.
    """
    kinds: dict[str, Incremental] = {}
    for folder in folders:
        facts = read_facts(Path(folder) / "run.json")
        if facts.incremental is None:
            continue
        if kinds.setdefault(facts.benchmark, facts.incremental) != facts.incremental:
            raise UserError(f"{folder}/run.json: incremental is {facts.incremental!r}, another run of {facts.benchmark} differs.")
    kinds |= given or {}
    for name in benchmarks:
        if name not in kinds:
            raise UserError(
                f"nothing says whether {name} is class- or domain-incremental: give its run folders (key incremental of "
                f"run.json), or --incremental {name}=class or {name}=domain."
            )
    return kinds


def sampling_kinds(folders: Iterable[Path]) -> dict[str, str]:
    """Tell for each benchmark what its minibatches are drawn from (settings.sampling.kind of run.json; joint by default)."""
    kinds = {}
    for folder in folders:
        facts = read_facts(Path(folder) / "run.json")
        kinds[facts.benchmark] = facts.settings.sampling.kind
    return kinds


def read_facts(path: Path) -> Facts:
    """Read a run.json. Errors: UserError where it is missing, no JSON, or a key is missing or of the wrong type."""
    facts: Facts = validate(Facts, read_json(path), str(path))
    return facts


def read_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read columns of a parquet file, also those that pandas once wrote as an index. Errors: UserError as `read_parquet`."""
    table = read_parquet(path, list(columns))
    return table if list(table.columns) == list(columns) else table.reset_index()[list(columns)]


def _read_run(path: Path, given: Facts, values: Sequence[str]) -> Run:
    file = path / "evaluations.parquet" if path.is_dir() else path
    in_folder = file.name == "evaluations.parquet"
    described, training = file.with_name("run.json"), file.with_name("training.parquet")
    if in_folder and described.exists():
        facts = read_facts(described)
        if facts.classes is None:
            facts = facts.model_copy(update={"classes": given.classes})
    else:
        name = given.optimizer or (file.resolve().parent.name if in_folder else file.stem)
        facts = given.model_copy(update={"optimizer": name})
    gains = _read_gains(training) if in_folder and training.exists() else None
    return Run(facts, read_table(file, [*KEYS, *values]), gains, file)


def _read_gains(path: Path) -> pd.DataFrame:
    keys = read_table(path, TRAINING_KEYS)
    gains = [name for name in pq.read_schema(path).names if name.startswith("gain_")]
    return keys.join(read_table(path, gains)) if gains else keys


def _of_seeds(run: Run, seeds: Collection[int]) -> Run:
    """Keep the rows of some seeds."""

    def kept(table: pd.DataFrame) -> pd.DataFrame:
        return table[table["seed"].isin(list(seeds))].reset_index(drop=True)

    return replace(run, evaluations=kept(run.evaluations), training=None if run.training is None else kept(run.training))


def _refuse_repeated_seeds(runs: Iterable[Run]) -> None:
    first: dict[tuple[str, str, object], Path] = {}
    for run in runs:
        for seed in dict.fromkeys(run.evaluations["seed"].astype(str)):
            key = (*run.cell, seed)
            if key in first:
                raise UserError(
                    f"seed {seed} of {'/'.join(run.cell)} stands in both {first[key]} and {run.source}; leave one out"
                    " (or, of files without run.json, name them apart with --benchmark and --optimizer)."
                )
            first[key] = run.source
