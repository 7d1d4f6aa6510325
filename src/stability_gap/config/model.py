"""Describe `config.yaml` as typed settings: every key with its default, range and meaning."""

from collections.abc import Iterable
from keyword import iskeyword
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from stability_gap.analysis.settings import AnalysisSettings
from stability_gap.config.seeds import MOST_SEEDS, plan_blocks
from stability_gap.experiment.settings import CellSettings, ExperimentSettings
from stability_gap.learners.settings import OptimizerSettings
from stability_gap.settings import Look, Settings
from stability_gap.tasks.settings import DatasetSettings, StreamSettings

SECTIONS = ("datasets", "benchmarks", "optimizers", "suites")  # blocks by id, which `like` may copy


class Benchmark(Look, ExperimentSettings):
    """A stream of tasks and how it is trained, but for the optimizer."""

    dataset: str = Field(description="id under datasets")
    stream: StreamSettings = Field(description="how images become tasks")
    gain_eta: float = Field(ge=0, description="η of gain-modulated optimizers on this benchmark, per nat of entropy")
    seeds_per_job: int = Field(10, gt=0, le=MOST_SEEDS, description="seeds that one job trains; on a CPU no result depends on it")


Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Suite(Settings):
    """Choose what `snakemake --cores all` makes: every benchmark × optimizer × seed."""

    benchmarks: list[str] = Field(min_length=1, description="ids under benchmarks")
    optimizers: list[str] = Field(min_length=1, description="ids under optimizers")
    seeds: list[Seed] = Field(min_length=1, description="evaluation seeds, at least 0")
    reference: str = Field("ngm_sgd", description="the optimizer that tables mark the others against; may be absent")


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
    suites: dict[str, Suite]

    @property
    def chosen_suite(self) -> Suite:
        """Return the suite that `suite` names."""
        return self.suites[self.suite]

    def cell(self, benchmark: str, optimizer: str) -> CellSettings:
        """Resolve the settings of a cell: all that its training depends on, and nothing else."""
        stream, learner = self.benchmarks[benchmark], self.optimizers[optimizer]
        if learner.gain is not None and learner.gain.eta is None:
            gain = learner.gain.model_copy(update={"eta": stream.gain_eta})
            learner = learner.model_copy(update={"gain": gain})
        experiment = {name: getattr(stream, name) for name in ExperimentSettings.model_fields}
        return CellSettings(benchmark=benchmark, optimizer=optimizer, optimizer_settings=learner, **experiment)

    def looks(self) -> dict[str, dict[str, dict[str, str | None]]]:
        """Tell how the chosen suite shows its benchmarks and optimizers, in its order: section -> id -> the fields of Look."""
        suite = self.chosen_suite
        blocks: dict[str, dict[str, Look]] = {
            "benchmarks": {name: self.benchmarks[name] for name in suite.benchmarks},
            "optimizers": {name: self.optimizers[name] for name in suite.optimizers},
        }
        return {
            section: {name: {field: getattr(block, field) for field in Look.model_fields} for name, block in named.items()}
            for section, named in blocks.items()
        }

    def science(self) -> dict[str, Any]:
        """Collect what the chosen suite's results depend on, as plain values: no folders, devices or other suites."""
        datasets = {name: self.datasets[self.benchmarks[name].dataset] for name in self.chosen_suite.benchmarks}
        optimizers = list(self.chosen_suite.optimizers)
        for name in optimizers:  # grows by the optimizers whose runs others read
            donor = self.optimizers[name].donor
            optimizers += [donor] if donor is not None and donor not in optimizers else []
        return {
            "suite": self.suite,
            "seeds": self.chosen_suite.seeds,
            "datasets": {self.benchmarks[name].dataset: each.model_dump(mode="json") for name, each in datasets.items()},
            "benchmarks": {name: self.benchmarks[name].model_dump(mode="json") for name in self.chosen_suite.benchmarks},
            "optimizers": {name: self.optimizers[name].model_dump(mode="json") for name in optimizers},
            "reference": self.chosen_suite.reference,
            "analysis": self.analysis.model_dump(mode="json"),
            "tables": {name: table.model_dump(mode="json") for name, table in self.tables.items()},
            "extensions": self.extensions.model_dump(mode="json"),
        }

    def seed_blocks(self, benchmark: str, present: Iterable[str] = ()) -> list[str]:
        """Name the run folders of a cell that hold the chosen suite's seeds, such as '42-46'; `present`: see `plan_blocks`."""
        return plan_blocks(self.chosen_suite.seeds, self.benchmarks[benchmark].seeds_per_job, set(present))
