"""Describe `config.yaml` as typed settings: every key with its default, range and meaning."""

import os
from collections.abc import Iterable
from keyword import iskeyword
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from stability_gap.analysis.settings import AnalysisSettings
from stability_gap.config.seeds import MOST_SEEDS
from stability_gap.config.sweeps import Seed, Sweep, TuningSweep, members
from stability_gap.experiment.settings import CellSettings, ExperimentSettings
from stability_gap.learners.settings import OptimizerSettings
from stability_gap.settings import Look, Settings
from stability_gap.tasks.settings import DatasetSettings, StreamSettings

SECTIONS = ("datasets", "benchmarks", "optimizers", "sweeps", "suites")  # blocks by id, which `like` may copy

FIGURES = ("zoom", "curves", "gain_per_task", "tradeoff")  # of a suite that names none


class Benchmark(Look, ExperimentSettings):
    """A stream of tasks and how it is trained, but for the optimizer."""

    dataset: str = Field(description="id under datasets")
    stream: StreamSettings = Field(description="how images become tasks")
    gain_eta: float = Field(ge=0, description="η of gain-modulated optimizers on this benchmark, per nat of entropy")
    seeds_per_job: int = Field(10, gt=0, le=MOST_SEEDS, description="seeds that one job trains; on a CPU no result depends on it")
    stands_for: str | None = Field(
        None,
        description="the benchmark whose published numbers it is compared with; trained alike, but for precision and evaluation",
    )

    @model_validator(mode="after")
    def _classes_to_order(self) -> "Benchmark":
        if self.class_order == "by_seed" and self.stream.incremental != "class":
            raise ValueError(f"class_order: by_seed needs tasks of new classes, not a {self.stream.kind} stream; write natural")
        return self


class Suite(Settings):
    """Choose what `snakemake --cores all` makes: every benchmark × optimizer × seed."""

    benchmarks: list[str] = Field(min_length=1, description="ids under benchmarks")
    optimizers: list[str] = Field(
        min_length=1, description="ids under optimizers, or of sweeps, which stand for all that they make"
    )
    seeds: list[Seed] = Field(min_length=1, description="evaluation seeds, at least 0")
    reference: str = Field("ngm_sgd", description="the optimizer that tables mark the others against; may be absent")
    pairs: Literal["all", "reference"] = Field("all", description="which pairs are tested: all, or those with the reference")
    figures: list[str] | None = Field(
        None, min_length=1, description="kinds, the main one first; left out: zoom, curves, gain_per_task, tradeoff and your own"
    )
    publish_runs: bool = Field(False, description="`snakemake publish` copies the curves of all runs too")


class TableSettings(Settings):
    """A table of metrics: one column per metric of the whole stream, or one block per metric of each switch."""

    title: str = Field(min_length=1, description="caption")
    metrics: list[str] = Field(min_length=1, description="names of metrics, all of the whole stream or all of each switch")


class Extensions(Settings):
    """Python modules of your own, found where snakemake is called ([adding](adding.md) has one of each)."""

    metrics: list[str] = Field([], description="modules that register metrics")
    figures: list[str] = Field([], description="modules that draw a figure each, named by the module")
    watchers: list[str] = Field([], description="module:Class of watchers that see every step of every run")

    @field_validator("metrics", "figures")
    @classmethod
    def _modules(cls, paths: list[str]) -> list[str]:
        for path in paths:
            if not _is_module(path):
                raise ValueError(f"{path!r} is no import path; write it with points and without .py, such as my_metrics")
        return paths

    @field_validator("watchers")
    @classmethod
    def _classes(cls, paths: list[str]) -> list[str]:
        for path in paths:
            module, colon, name = path.partition(":")
            if not (colon and _is_module(module) and name.isidentifier()):
                raise ValueError(f"{path!r} is no class; write module:Class, such as my_watchers:WeightRecorder")
        return paths


def _is_module(path: str) -> bool:
    return all(part.isidentifier() and not iskeyword(part) for part in path.split("."))


class Config(Settings):
    """The whole of config.yaml."""

    suite: str = Field("digits", description="which suite to make; snakemake --config suite=mnist")
    results: str = Field("results", pattern=r"^[\w./-]+$", description="folder of everything that is made; no spaces")
    data_root: str = Field("data", min_length=1, description="folder of raw data sets; read only where they are there")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where runs train")
    threads: int = Field(1, gt=0, le=1024, description="threads of a training job; 1 and jobs in parallel is fastest")
    analysis: AnalysisSettings = AnalysisSettings()
    tables: dict[str, TableSettings] = Field({}, description="tables of every suite, by file name")
    extensions: Extensions = Extensions()
    datasets: dict[str, DatasetSettings]
    benchmarks: dict[str, Benchmark]
    optimizers: dict[str, OptimizerSettings]
    sweeps: dict[str, Sweep] = Field({}, description="variations of optimizers, by id")
    suites: dict[str, Suite]

    @field_validator("results")
    @classmethod
    def _plain(cls, folder: str) -> str:
        return os.path.normpath(folder)  # out/ -> out: snakemake takes paths as text

    @field_validator("data_root")
    @classmethod
    def _home(cls, folder: str) -> str:
        return os.path.expanduser(folder)  # no shell does it in a configuration

    @property
    def chosen_suite(self) -> Suite:
        """Return the suite that `suite` names."""
        return self.suites[self.suite]

    def cell(self, benchmark: str, optimizer: str) -> CellSettings:
        """Resolve the settings of a cell: all that its training depends on, and nothing else."""
        stream = self.benchmarks[benchmark]
        learner = self.optimizers[optimizer].with_eta(stream.gain_eta)
        experiment = {name: getattr(stream, name) for name in ExperimentSettings.model_fields}
        return CellSettings(benchmark=benchmark, optimizer=optimizer, optimizer_settings=learner, **experiment)

    @property
    def figures(self) -> list[str]:
        """The kinds of figures of the chosen suite, the main one first."""
        own = [module.rpartition(".")[2] for module in self.extensions.figures]
        return self.chosen_suite.figures or [*FIGURES, *own]

    def with_donors(self, optimizers: Iterable[str]) -> list[str]:
        """List optimizers and, behind them, those whose runs they follow, each once; ids that are unknown follow none."""
        found = list(dict.fromkeys(optimizers))
        for name in found:  # grows
            donor = self.optimizers[name].donor if name in self.optimizers else None
            found += [donor] if donor is not None and donor not in found else []
        return found

    def winner_of(self, optimizer: str) -> str | None:
        """Name the sweep whose selection an optimizer takes its settings from; none where they stand in its block."""
        return next((name for name, each in self.tunings.items() if optimizer in each.winners()), None)

    @property
    def tunings(self) -> dict[str, TuningSweep]:
        """The sweeps that something is selected from, by id."""
        return {name: sweep for name, sweep in self.sweeps.items() if isinstance(sweep, TuningSweep)}

    def members(self) -> dict[str, dict[str, Any]]:
        """Tell of every member of a sweep, as plain values: `sweep, optimizer` (that is varied), `number, values`."""
        return {
            each.id: {"sweep": name, "optimizer": each.base, "number": each.number, "values": each.values}
            for name, sweep in self.sweeps.items()
            for each in members(name, sweep)
        }

    def looks(self) -> dict[str, dict[str, dict[str, str | None]]]:
        """Tell how the chosen suite shows its benchmarks and optimizers, in its order: section -> id -> the fields of Look.

        Before what a sweep made stand the optimizers that it varies.
        """
        suite, found = self.chosen_suite, self.members()
        shown = {id: each["optimizer"] for id, each in found.items()} | {
            id: base for each in self.tunings.values() for id, (base, _) in each.winners().items()
        }
        varied = [shown[name] for name in suite.optimizers if name in shown]
        blocks: dict[str, dict[str, Look]] = {
            "benchmarks": {name: self.benchmarks[name] for name in suite.benchmarks},
            "optimizers": {name: self.optimizers[name] for name in dict.fromkeys([*varied, *suite.optimizers])},
        }
        return {
            section: {name: {field: getattr(block, field) for field in Look.model_fields} for name, block in named.items()}
            for section, named in blocks.items()
        }

    def _science_of(self, optimizer: str) -> dict[str, Any]:
        """The block of an optimizer; of a winner, whose settings are selected for each benchmark, by what."""
        sweep = self.winner_of(optimizer)
        if sweep is None:
            return self.optimizers[optimizer].model_dump(mode="json")
        base, criterion = self.tunings[sweep].winners()[optimizer]
        return {"optimizer": base, "sweep": sweep, "selected_by": criterion}

    def science(self) -> dict[str, Any]:
        """Collect what the chosen suite's results depend on, as plain values: no folders, devices or other suites."""
        datasets = {name: self.datasets[self.benchmarks[name].dataset] for name in self.chosen_suite.benchmarks}
        optimizers = self.with_donors(self.chosen_suite.optimizers)
        sweeps = [name for name, each in self.tunings.items() if set(each.winners()) & set(optimizers)]
        return {
            "suite": self.suite,
            "seeds": self.chosen_suite.seeds,
            "datasets": {self.benchmarks[name].dataset: each.model_dump(mode="json") for name, each in datasets.items()},
            "benchmarks": {name: self.benchmarks[name].model_dump(mode="json") for name in self.chosen_suite.benchmarks},
            "optimizers": {name: self._science_of(name) for name in optimizers},
            **({"sweeps": {name: self.sweeps[name].model_dump(mode="json") for name in sweeps}} if sweeps else {}),
            "reference": self.chosen_suite.reference,
            "figures": self.figures,
            "analysis": self.analysis.model_dump(mode="json"),
            "tables": {name: table.model_dump(mode="json") for name, table in self.tables.items()},
            "extensions": self.extensions.model_dump(mode="json"),
        }
