"""The typed model of config.yaml: every default, unit and message that a bad configuration gets."""

import itertools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field

from stability_gap.errors import UserError
from stability_gap.experiment.settings import CellSettings, ExperimentSettings
from stability_gap.learners.settings import OptimizerSettings
from stability_gap.settings import Settings, nearest, validate
from stability_gap.tasks.settings import DatasetSettings, StreamSettings


class Benchmark(ExperimentSettings):
    """A stream of tasks and how it is trained, but for the optimizer."""

    dataset: str = Field(description="id under datasets")
    stream: StreamSettings = Field(description="how images become tasks")
    gain_eta: float = Field(ge=0, description="η of gain-modulated optimizers on this benchmark, per nat of entropy")
    seeds_per_job: int = Field(10, gt=0, description="seeds that one job trains; on a CPU no result depends on it")


Seed = Annotated[int, Field(ge=0, lt=2**31)]
MOST_SEEDS = 10_000  # of one job


class Suite(Settings):
    """What `snakemake --cores all` makes: every benchmark × optimizer × seed."""

    benchmarks: list[str] = Field(min_length=1, description="ids under benchmarks")
    optimizers: list[str] = Field(min_length=1, description="ids under optimizers")
    seeds: list[Seed] = Field(min_length=1, description="evaluation seeds, at least 0")


class Analysis(Settings):
    """Statistics (PROTOCOL §6)."""

    resamples: int = Field(10_000, gt=0, description="bootstrap resamples")
    random_seed: int = Field(0, ge=0, description="of bootstrap and Monte Carlo permutations")
    alpha: float = Field(0.05, gt=0, lt=1, description="level of tests and claims")
    accuracy_margin: float = Field(0.02, gt=0, lt=1, description="claim 3: non-inferiority margin of avg_acc, a fraction")
    gap_margin: float = Field(0.02, gt=0, lt=1, description="claim 2: gaps no further apart are equal")
    slope_margin: float = Field(0.1, gt=0, description="claim 6: a mean gain that changes by no more per task is level")
    burst_margin: float = Field(0.05, ge=0, description="claim 5: a rise or decay of the gain below this is no burst")


class Config(Settings):
    """The whole of config.yaml."""

    suite: str = Field("digits", description="which suite to make; snakemake --config suite=mnist")
    results: str = Field("results", pattern=r"^[\w./-]+$", description="folder of everything that is made; no spaces")
    data_root: str = Field("data", min_length=1, description="folder of raw data sets; read only where they are there")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where runs train")
    threads: int = Field(1, gt=0, description="threads of a training job; 1 and jobs in parallel is fastest")
    analysis: Analysis = Analysis()
    datasets: dict[str, DatasetSettings]
    benchmarks: dict[str, Benchmark]
    optimizers: dict[str, OptimizerSettings]
    suites: dict[str, Suite]

    @property
    def chosen(self) -> Suite:
        """The suite that `suite` names."""
        return self.suites[self.suite]

    def cell(self, benchmark: str, optimizer: str) -> CellSettings:
        """The resolved settings of a cell: all that its training depends on, and nothing else."""
        chosen, training = self.benchmarks[benchmark], self.optimizers[optimizer]
        if training.gain is not None and training.gain.eta is None:
            gain = training.gain.model_copy(update={"eta": chosen.gain_eta})
            training = training.model_copy(update={"gain": gain})
        experiment = {name: getattr(chosen, name) for name in ExperimentSettings.model_fields}
        return CellSettings(benchmark=benchmark, optimizer=optimizer, training=training, **experiment)

    def science(self) -> dict[str, Any]:
        """What the chosen suite's results depend on, as plain values: no folders, devices or other suites."""
        datasets = {name: self.datasets[self.benchmarks[name].dataset] for name in self.chosen.benchmarks}
        return {
            "suite": self.suite,
            "seeds": self.chosen.seeds,
            "datasets": {self.benchmarks[name].dataset: each.model_dump(mode="json") for name, each in datasets.items()},
            "benchmarks": {name: self.benchmarks[name].model_dump(mode="json") for name in self.chosen.benchmarks},
            "optimizers": {name: self.optimizers[name].model_dump(mode="json") for name in self.chosen.optimizers},
            "analysis": self.analysis.model_dump(mode="json"),
        }

    def is_class_incremental(self, benchmark: str) -> bool:
        """Whether tasks bring new classes (class-incremental) or new inputs for the same ones (domain-incremental)."""
        return self.benchmarks[benchmark].stream.kind in ("split", "cumulative_superclasses")

    def seed_blocks(self, benchmark: str) -> list[str]:
        """The chosen suite's seeds in blocks of seeds_per_job, as folder names such as '42-46'."""
        size = self.benchmarks[benchmark].seeds_per_job
        seeds = self.chosen.seeds
        return [format_seeds(seeds[start : start + size]) for start in range(0, len(seeds), size)]


def format_seeds(seeds: list[int]) -> str:
    """Folder name of a block of seeds: [42, 43, 44] -> '42-44', [1, 5] -> '1_5'."""
    if len(seeds) > 1 and all(later == seed + 1 for seed, later in itertools.pairwise(seeds)):
        return f"{seeds[0]}-{seeds[-1]}"
    return "_".join(map(str, seeds))


def parse_seeds(text: str) -> list[int]:
    """The seeds of a folder name: '42-44' -> [42, 43, 44]. Errors: UserError."""
    try:
        if "-" in text:
            first, last = map(int, text.split("-"))
            seeds = list(range(first, min(last, first + MOST_SEEDS) + 1))
        else:
            seeds = [int(part) for part in text.split("_")]
    except ValueError as error:
        raise UserError(f"seeds: {text!r} is neither a range such as 42-51 nor a list such as 42_45_47.") from error
    if not seeds or len(seeds) > MOST_SEEDS or max(seeds) >= 2**31 or len(set(seeds)) < len(seeds):
        raise UserError(f"seeds: {text!r} must hold 1 to {MOST_SEEDS} different seeds from 0 to 2147483647.")
    return seeds


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key that a mapping holds twice: YAML would silently take the last value."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            line = key.start_mark.line + 1
            if key.value in lines:
                first = lines[key.value]
                raise UserError(
                    f"{key.start_mark.name}: line {line}: {key.value}: already given in line {first}; keep one of the two."
                )
            lines[key.value] = line
        return node


def read(path: Path | str) -> Any:
    """The plain values of a YAML file, none of its keys repeated. Errors: UserError naming the file, and line and key."""
    try:
        with open(path, encoding="utf-8") as file:
            return yaml.load(file, Loader=_UniqueKeys)
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist; call from the folder of config.yaml or name it with --config.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as UTF-8 text: {error}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {error}") from error


def load(path: Path) -> Config:
    """Config of a YAML file. Errors: UserError naming the key and the fix."""
    return resolve(read(path), str(path))


def resolve(values: Any, where: str = "config.yaml") -> Config:
    """Config of a parsed YAML mapping: expands `like:`, checks every key and every reference between blocks.

    Errors: UserError, one line per problem.
    """
    if not isinstance(values, Mapping):
        raise UserError(f"{where}: must be a mapping of keys to values.")
    values = {str(key): value for key, value in values.items()}
    for section in ("datasets", "benchmarks", "optimizers", "suites"):
        if isinstance(values.get(section), Mapping):
            values[section] = _expand_likes(values[section], f"{where}: {section}")
    config: Config = validate(Config, values, where)
    _check_references(config, where)
    return config


def check_results_folder(config: Config, where: str = "config.yaml") -> None:
    """Errors: UserError where no file can be made in the results folder. Makes nothing."""
    folder = Path(config.results)
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise UserError(
            f"{where}: results: cannot write to {folder}: {existing} is no folder, or may not be written to; name another folder."
        )


def _expand_likes(blocks: Mapping[str, Any], where: str) -> dict[str, Any]:
    """`{b: {like: a, x: 1}}` -> b is a copy of a with x replaced; chains are followed."""

    def expand(name: str, seen: tuple[str, ...]) -> Any:
        block = blocks[name]
        if not isinstance(block, Mapping) or "like" not in block:
            return block
        parent = block["like"]
        if not isinstance(parent, str) or not isinstance(blocks.get(parent), Mapping):
            raise UserError(f"{where}.{name}.like: no block {parent!r}.{nearest(str(parent), blocks)}")
        if parent in (*seen, name):
            raise UserError(f"{where}.{name}.like: {' -> '.join((*seen, name, parent))} is a circle.")
        own = {key: value for key, value in block.items() if key != "like"}
        return {**expand(parent, (*seen, name)), **own}

    return {str(name): expand(name, ()) for name in blocks}


def _check_references(config: Config, where: str) -> None:
    problems: dict[str, str] = {}

    def tell(section: str, name: str, problem: str) -> None:
        """Once for a block and its copies, where it first stands."""
        problems.setdefault(f"{section} {problem}", f"{where}: {section}.{name}{problem}")

    def unknown(name: str, section: str) -> str:
        names = getattr(config, section)
        return "" if name in names else f"no {name!r} under {section}.{nearest(name, names)}"

    for section in ("datasets", "benchmarks", "optimizers", "suites"):
        for name in getattr(config, section):
            if not name.replace("_", "").isalnum() or not name.isascii():
                tell(section, name, ": an id holds letters, digits and underscores only.")
    for name, benchmark in config.benchmarks.items():
        if problem := unknown(benchmark.dataset, "datasets"):
            tell("benchmarks", name, f".dataset: {problem}")
        if benchmark.iterations % benchmark.evaluation.every:
            tell(
                "benchmarks",
                name,
                f".evaluation.every: {benchmark.evaluation.every} does not divide iterations ({benchmark.iterations}), so the "
                "last update of a context would not be evaluated.",
            )
    for name, suite in config.suites.items():
        for section, names in (("benchmarks", suite.benchmarks), ("optimizers", suite.optimizers)):
            for entry in names:
                if problem := unknown(entry, section):
                    tell("suites", name, f".{section}: {problem}")
            if len(set(names)) < len(names):
                tell("suites", name, f".{section}: an id stands there twice; every id once.")
        repeated = sorted({seed for seed in suite.seeds if suite.seeds.count(seed) > 1})
        if repeated:
            tell("suites", name, f".seeds: {repeated} repeated; every seed once, n counts runs.")
    if problem := unknown(config.suite, "suites"):
        problems["suite"] = f"{where}: suite: {problem}"
    if problems:
        raise UserError("\n".join(problems.values()))
