"""Check what no single key can tell: references between blocks, and ids."""

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from stability_gap.config.model import SECTIONS, Benchmark, Config, Suite
from stability_gap.config.seeds import format_seeds
from stability_gap.config.sweeps import TuningSweep
from stability_gap.errors import UserError
from stability_gap.settings import Look, nearest

# Folders in the results folder that all suites share, so no suite may have their names.
SHARED_FOLDERS = ("data", "streams", "runs", "selections", "logs")

MAY_DIFFER = {*Look.model_fields, "stands_for", "seeds_per_job", "evaluation"}  # between benchmarks that are trained alike

PAPER_COMPARISON = "paper_comparison"  # a table of every suite that no block describes

LONGEST_NAME = 200  # of a run folder, which its seeds name; file systems allow 255 bytes

T = TypeVar("T")
Tell = Callable[[str, str, str], None]


def check_references(config: Config, where: str = "config.yaml") -> None:
    """Refuse blocks that name what is not there, and names that cannot be. Errors: UserError, one line per problem."""
    problems: dict[str, str] = {}

    def tell(section: str, name: str, problem: str) -> None:
        """Tell of a block and its copies once, where it first stands."""
        problems.setdefault(f"{section} {problem}", f"{where}: {section}.{name}{problem}")

    _check_ids(config, tell)
    for name, benchmark in config.benchmarks.items():
        if problem := _unknown(config, benchmark.dataset, "datasets"):
            tell("benchmarks", name, f".dataset: {problem}")
        _check_stand_in(config, name, benchmark, tell)
    _check_donors(config, tell)
    for name, sweep in config.tunings.items():
        _check_holdout(config, name, sweep, tell)
    for name, suite in config.suites.items():
        _check_suite(config, name, suite, tell)
        _check_tuned(config, name, suite, tell)
    if problem := _unknown(config, config.suite, "suites"):
        problems["suite"] = f"{where}: suite: {problem}"
    if problems:
        raise UserError("\n".join(problems.values()))


def _check_ids(config: Config, tell: Tell) -> None:
    for section in (*SECTIONS, "tables"):
        for name in getattr(config, section):
            if not name.replace("_", "").isalnum() or not name.isascii():
                tell(section, name, ": an id holds letters, digits and underscores only.")
            elif len(name) > 100:
                tell(section, name, ": an id has at most 100 letters, as it names files.")
    for name in config.suites:
        if name in SHARED_FOLDERS:
            tell("suites", name, f": {config.results}/{name} holds what all suites share; choose another id.")
    for name, table in config.tables.items():
        if name == PAPER_COMPARISON:
            tell("tables", name, ": every suite has this table already; choose another id.")
        for metric in _repeated(table.metrics):
            tell("tables", name, f".metrics: {metric} stands there twice; every metric once.")


def _differences(one: Benchmark, other: Benchmark, *but: str) -> list[str]:
    """Keys, but for `but`, in which two benchmarks are not trained alike."""
    return [key for key in sorted(set(Benchmark.model_fields) - MAY_DIFFER - {*but}) if getattr(one, key) != getattr(other, key)]


def _check_stand_in(config: Config, name: str, benchmark: Benchmark, tell: Tell) -> None:
    """Check that a benchmark that is compared with another one's published numbers is trained as that one is."""
    if benchmark.stands_for is None:
        return
    if problem := _unknown(config, benchmark.stands_for, "benchmarks"):
        tell("benchmarks", name, f".stands_for: {problem}")
        return
    original = config.benchmarks[benchmark.stands_for]
    for key in _differences(benchmark, original, "precision"):
        tell("benchmarks", name, f".stands_for: {benchmark.stands_for} has another {key}; let it be like {benchmark.stands_for}.")


def _check_donors(config: Config, tell: Tell) -> None:
    """Check that the optimizer whose run another one reads (its donor) is there, and does not in the end read the other's."""
    donors: dict[str, str | None] = {name: each.donor for name, each in config.optimizers.items()}
    for name, donor in donors.items():
        if donor is None:
            continue
        if problem := _unknown(config, donor, "optimizers"):
            tell("optimizers", name, f": reads the run of another optimizer, but there is {problem}")
            continue
        chain = [name]
        while donor is not None and donor not in chain:
            chain.append(donor)
            donor = donors.get(donor)
        if donor == name:
            tell("optimizers", name, f": reads its own run: {' -> '.join([*chain, name])} is a circle.")


def _check_suite(config: Config, name: str, suite: Suite, tell: Tell) -> None:
    for section, names in (("benchmarks", suite.benchmarks), ("optimizers", suite.optimizers)):
        for entry in names:
            if problem := _unknown(config, entry, section):
                tell("suites", name, f".{section}: {problem}")
        if len(set(names)) < len(names):
            tell("suites", name, f".{section}: an id stands there twice; every id once.")
        blocks = getattr(config, section)
        shown = [blocks[entry].label or entry for entry in dict.fromkeys(names) if entry in blocks]
        for label in _repeated(shown):
            tell("suites", name, f".{section}: two are shown as {label!r}; give each a label of its own.")
    chosen = {each: config.optimizers[each] for each in suite.optimizers if each in config.optimizers}
    of_mlps = [each for each, block in chosen.items() if block.neuronal_decay > 0 or block.proximal is not None]
    others = [each for each in suite.benchmarks if each in config.benchmarks and config.benchmarks[each].model.kind != "mlp"]
    if of_mlps and others:
        tell(
            "suites", name, f".optimizers: {of_mlps[0]} is defined for an mlp, and {others[0]} has another model; leave one out."
        )
    # The default reference may be missing from a configuration that has other optimizers.
    if "reference" in suite.model_fields_set and (problem := _unknown(config, suite.reference, "optimizers")):
        tell("suites", name, f".reference: {problem}")
    elif suite.pairs == "reference" and suite.reference not in suite.optimizers:
        tell(
            "suites",
            name,
            f".reference: pairs are those with {suite.reference}, which is none of the suite's optimizers; add it.",
        )
    if "frontier" in (suite.figures or ()) and suite.reference not in set(suite.optimizers) & _rates(config):
        tell(
            "suites",
            name,
            ".reference: figure frontier compares gaps at the accuracy of one rate of a sweep of kind rates, such as"
            f" ngm_sgd_rates_4, which the suite trains; {suite.reference} is none.",
        )
    if repeated := sorted(_repeated(suite.seeds)):
        tell("suites", name, f".seeds: {repeated} repeated; every seed once, n counts runs.")
    for benchmark in (each for each in suite.benchmarks if each in config.benchmarks):
        size = config.benchmarks[benchmark].seeds_per_job
        if any(len(format_seeds(suite.seeds[at : at + size])) > LONGEST_NAME for at in range(0, len(suite.seeds), size)):
            tell(
                "suites",
                name,
                f".seeds: a job of {benchmark} would have {min(size, len(suite.seeds))} scattered seeds, too many for the name of"
                " a folder; give a smaller seeds_per_job, or a range of seeds.",
            )


def _rates(config: Config) -> set[str]:
    """Members of sweeps over learning rates."""
    return {name for name, member in config.members().items() if member["sweep"] not in config.tunings}


def _check_holdout(config: Config, name: str, sweep: TuningSweep, tell: Tell) -> None:
    """Check that tuning sees what the evaluation will, but for the images held out: same task, same training, no test image."""
    for base in sweep.bases:
        if tuned := [each for each in config.with_donors([base]) if config.winner_of(each) is not None]:
            tell("sweeps", name, f".spaces: {base} follows the runs of {tuned[0]}, which is tuned itself; tune another.")
    if repeated := sorted(_repeated(sweep.seeds)):
        tell("sweeps", name, f".seeds: {repeated} repeated; every seed once, n counts runs.")
    for benchmark, twin in sweep.holdout.items():
        problems = [problem for each in (benchmark, twin) if (problem := _unknown(config, each, "benchmarks"))]
        if problems:
            tell("sweeps", name, f".holdout: {problems[0]}")
            continue
        ours, theirs = config.benchmarks[benchmark], config.benchmarks[twin]
        if theirs.dataset in config.datasets and config.datasets[theirs.dataset].holdout is None:
            tell(
                "sweeps",
                name,
                f".holdout.{benchmark}: the data set {theirs.dataset} of {twin} holds no training images out, so tuning would see"
                " test images; give it holdout: {fraction: 0.1}.",
            )
        for key in _differences(ours, theirs, "dataset"):
            tell("sweeps", name, f".holdout.{benchmark}: {twin} has another {key}; let it be like {benchmark}.")
        data = [config.datasets.get(each.dataset) for each in (ours, theirs)]
        if None not in data and len({each.model_copy(update={"holdout": None}).model_dump_json() for each in data if each}) > 1:
            tell("sweeps", name, f".holdout.{benchmark}: the data set of {twin} is another; let it be like {ours.dataset}.")


def _check_tuned(config: Config, name: str, suite: Suite, tell: Tell) -> None:
    """Check that what a suite takes from a selection, for runs that its own follow too, can be selected by other runs."""
    for chosen in dict.fromkeys(map(config.winner_of, config.with_donors(suite.optimizers))):
        if chosen is None:
            continue
        sweep = config.tunings[chosen]
        if shared := sorted(set(suite.seeds) & set(sweep.seeds)):
            tell("suites", name, f".seeds: {shared} are tuning seeds of sweeps.{chosen}; evaluate with others.")
        for benchmark in suite.benchmarks:
            if benchmark not in sweep.holdout:
                tell(
                    "suites", name, f".benchmarks: sweeps.{chosen}.holdout names no twin of {benchmark} to tune on; add it there."
                )


def _unknown(config: Config, name: str, section: str) -> str:
    names = getattr(config, section)
    return "" if name in names else f"no {name!r} under {section}.{nearest(name, names)}"


def _repeated(entries: list[T]) -> list[T]:
    return [entry for entry, count in Counter(entries).items() if count > 1]
