# What the rules share: the typed configuration, folder names, digests of each stage's code.
import getpass
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from stability_gap import config as configuration
from stability_gap.errors import UserError
from stability_gap.files import digest
from stability_gap.provenance import PACKAGE, code_digest, data_digest, module_digest

# Modules of the caller's own: optimizers, metrics, figures, watchers. Last, so that they hide none of ours.
sys.path.append(os.getcwd())

# Snakemake asks for the user's name, which nobody knows in a container that runs under a bare number.
try:
    getpass.getuser()
except (KeyError, OSError):
    os.environ.update(USER=str(os.getuid()))
# Nor need such a user have a home folder, into which bokeh looks for settings.
if os.path.expanduser("~") == "~":
    os.environ.update(HOME=os.path.abspath(".snakemake"))

try:
    # Refuses what snakemake does not see, such as repeated keys, or what it fails on.
    for file in filter(os.path.exists, ["config.yaml", *workflow.configfiles]):
        configuration.read(file)
except UserError as error:
    sys.exit(f"error: {error}")


configfile: "config.yaml"


try:
    CONFIG = configuration.resolve(config)
    configuration.check_results_folder(CONFIG, PACKAGE.parents[1])
except UserError as error:
    sys.exit(f"error: {error}")

CHOSEN = CONFIG.chosen_suite
FOLLOWED = CONFIG.with_donors(CHOSEN.optimizers)[len(CHOSEN.optimizers) :]
SEEDS = configuration.format_seeds(CHOSEN.seeds)
RESULTS = CONFIG.results
SUITE = f"{RESULTS}/{CONFIG.suite}"
FORMATS = ["svg", "pdf", "png"]  # of every figure
BLOCK = r"\d+(-\d+|(_\d+)*)"  # names a run folder by its seeds
RUN = f"{RESULTS}/runs/{{benchmark}}/{{optimizer}}/{{seeds}}"

# For --software-deployment-method conda; without it, jobs run in the environment that snakemake runs in.
ENVIRONMENT = workflow.source_path("../../envs/stability-gap.yaml")

# Jobs run the very package that digests are taken from, in the interpreter that snakemake runs in. With a software deployment method
# they run in the python of their environment; there snakemake takes PYTHONPATH away, so the command brings it along.
SOURCES = os.pathsep.join(
    filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")])
)
os.environ.update(PYTHONPATH=SOURCES)
INTERPRETER = (
    f"PYTHONPATH={shlex.quote(SOURCES)} python"
    if workflow.deployment_settings.deployment_method
    else shlex.quote(sys.executable)
)
INTERPRETER = INTERPRETER.replace("{", "{{").replace("}", "}}")
# -P: what lies in the caller's folder hides no module of python's own. --quiet: messages go to the job's log, which is shown where
# the job fails.
shell.prefix(
    f'stability-gap() {{{{ {INTERPRETER} -P -m stability_gap.cli --quiet "$@"; }}}}; '
)

# Where raw data lies changes no result, so it is no param: jobs find it in the environment.
os.environ.update(STABILITY_GAP_DATA_ROOT=CONFIG.data_root)


def lists_a_gpu():
    """Whether the driver works and has a GPU that CUDA_VISIBLE_DEVICES does not hide; torch is not asked, it takes seconds."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "0") in ("", "-1")
    if hidden or shutil.which("nvidia-smi") is None:
        return False
    return b"GPU " in subprocess.run(["nvidia-smi", "-L"], capture_output=True).stdout


# A GPU is asked for where runs will use one: profiles say how many there are.
USES_GPU = CONFIG.device == "cuda" or (CONFIG.device == "auto" and lists_a_gpu())


wildcard_constraints:
    dataset="|".join(CONFIG.datasets),
    benchmark="|".join(CONFIG.benchmarks),
    optimizer="|".join(CONFIG.optimizers),
    seeds=BLOCK,


def as_json(settings):
    """A settings model as one line of JSON, the form in which a job gets it."""
    return json.dumps(settings.model_dump(mode="json"), sort_keys=True)


@cache
def present(benchmark, optimizer):
    """Names of the finished run folders of a cell."""
    folder = Path(RESULTS, "runs", benchmark, optimizer)
    found = [path.parent.name for path in folder.glob("*/run.json")]
    return [name for name in found if re.fullmatch(BLOCK, name)]  # not a copy


@cache
def blocks(benchmark, optimizer, seeds=tuple(CHOSEN.seeds)):
    """Names of the run folders that hold these seeds of a cell: those that are there, and what is missing."""
    size = CONFIG.benchmarks[benchmark].seeds_per_job
    return configuration.plan_blocks(
        list(seeds), size, set(present(benchmark, optimizer))
    )


def runs(benchmarks, file, optimizers=CHOSEN.optimizers, seeds=tuple(CHOSEN.seeds)):
    """`file` of every run folder of these benchmarks, by default of the chosen suite."""
    return [
        os.path.join(RESULTS, "runs", benchmark, optimizer, block, file)
        for benchmark in benchmarks
        for optimizer in optimizers
        for block in blocks(benchmark, optimizer, seeds)
    ]


def stream_dataset(wildcards):
    return f"{RESULTS}/data/{CONFIG.benchmarks[wildcards.benchmark].dataset}/data.npz"


@cache
def cell_json(benchmark, optimizer):
    return as_json(CONFIG.cell(benchmark, optimizer))


def cell_settings(wildcards):
    return cell_json(wildcards.benchmark, wildcards.optimizer)


@cache
def code_of_optimizer(optimizer):
    """Digest of the code that trains with an optimizer; an imported optimizer's own file belongs to it."""
    settings = CONFIG.optimizers[optimizer]
    own = [settings.target.split(":")[0]] if settings.method == "import" else []
    watchers = [watcher.split(":")[0] for watcher in CONFIG.extensions.watchers]
    return with_modules(code_digest("experiment.run"), [*own, *watchers])


def training_code(wildcards):
    return code_of_optimizer(wildcards.optimizer)


@cache
def donors(benchmark, optimizer, seeds):
    """Run folders that the learning rates of a run are read from; none where they are its own."""
    donor = CONFIG.optimizers[optimizer].donor
    if donor is None:
        return []
    names = blocks(benchmark, donor, tuple(configuration.parse_seeds(seeds)))
    return [os.path.join(RESULTS, "runs", benchmark, donor, name) for name in names]


def donor_files(wildcards):
    """What a run needs of those that it follows, so that they are made first."""
    folders = donors(wildcards.benchmark, wildcards.optimizer, wildcards.seeds)
    return [
        os.path.join(folder, file)
        for folder in folders
        for file in ("training.parquet", "run.json")
    ]


def selection(wildcards):
    """The file that a tuned optimizer takes its settings from; none where they stand in the configuration."""
    sweep = CONFIG.winner_of(wildcards.optimizer)
    return [f"{RESULTS}/selections/{sweep}/{wildcards.benchmark}.json"] if sweep else []


def training_options(wildcards):
    """Options of `train` beside those that every run has."""
    folders = donors(wildcards.benchmark, wildcards.optimizer, wildcards.seeds)
    watchers = CONFIG.extensions.watchers
    return " ".join(
        [f"--selection {file}" for file in selection(wildcards)]
        + [f"--donor {folder}" for folder in folders]
        + [f"--watcher {each}" for each in watchers]
    )


def with_modules(code, modules):
    """A digest of ours and those of modules of the user's own."""
    return " ".join([code, *map(module_digest, modules)])


def extension_options(section):
    """The user's own modules of a section of `extensions`, as options."""
    names = getattr(CONFIG.extensions, section)
    return " ".join(f"--extension {name}" for name in names)


def extension_code(section):
    """Digests of the user's own modules of a section of `extensions`."""
    return [module_digest(name) for name in getattr(CONFIG.extensions, section)]


def run_folders(benchmarks, optimizers=CHOSEN.optimizers, seeds=tuple(CHOSEN.seeds)):
    """All run folders, by default of the chosen suite, as one shell brace expression, short however many cells a suite has."""

    def choice(names):
        return names[0] if len(names) == 1 else "{" + ",".join(names) + "}"

    folders = []
    for name in benchmarks:
        alike = {}
        for optimizer in optimizers:
            held = tuple(blocks(name, optimizer, seeds))
            alike.setdefault(held, []).append(optimizer)
        folders += [
            f"{RESULTS}/runs/{name}/{choice(group)}/{choice(held)}"
            for held, group in alike.items()
        ]
    return " ".join(folders)


MEMBERS = CONFIG.members()


def tuned_here():
    """The sweep whose winners the chosen suite has."""
    found = {CONFIG.winner_of(optimizer) for optimizer in CHOSEN.optimizers} - {None}
    if len(found) != 1:
        sys.exit(
            f"error: config.yaml: suites.{CONFIG.suite}: selection.csv needs the winners of one sweep of kind tuning among the optimizers."
        )
    return found.pop()


def candidates(wildcards):
    """What to select from: benchmark, optimizers and seeds of the tuning runs."""
    sweep = CONFIG.sweeps[wildcards.sweep]
    members = [
        name for name, each in MEMBERS.items() if each["sweep"] == wildcards.sweep
    ]
    return [sweep.holdout[wildcards.benchmark]], members, tuple(sweep.seeds)


def candidate_files(wildcards):
    benchmarks, members, seeds = candidates(wildcards)
    return [
        path
        for file in ("evaluations.parquet", "training.parquet", "run.json")
        for path in runs(benchmarks, file, members, seeds)
    ]


def members_of(sweeps):
    """What the members of sweeps are, as a job gets it."""
    return json.dumps(
        {name: each for name, each in MEMBERS.items() if each["sweep"] in sweeps},
        sort_keys=True,
    )


def figure(stem):
    """The three files of a figure."""
    return multiext(f"{SUITE}/figures/{stem}", *(f".{suffix}" for suffix in FORMATS))


def figure_code(wildcards):
    """Digest of all that draws a figure: its own module and what it imports, the shared style, what reads its data."""
    own = KINDS[wildcards.kind].module
    shared = ["presentation.panels", "presentation.style", "analysis.runs"]
    if own.startswith("stability_gap."):
        return code_digest(own.removeprefix("stability_gap."), *shared)
    return f"{code_digest(*shared)} {module_digest(own)}"


def stem(wildcards, output):
    """The name of a figure's files without suffix."""
    return os.path.splitext(output[0])[0]


def refuse_other_settings(jobs):
    """Stop where a finished run that jobs read, and none makes again, has other settings than the configuration."""
    made = {file for job in jobs for file in job.output}
    read = {file for job in jobs for file in job.input} - made
    found = [Path(file) for file in sorted(read) if Path(file).name == "run.json"]
    try:
        configuration.check_finished_runs(CONFIG, found)
    except UserError as error:
        raise WorkflowError(str(error))


def closing_line():
    """What was made and where to look, printed when a run of the workflow has ended well."""
    cells = len(CHOSEN.benchmarks) * len(CHOSEN.optimizers)
    main = next(iter(CONFIG.tables), "paper_comparison")
    if not os.path.exists(REPORT):
        return "Done."
    made = f"Suite {CONFIG.suite}: {cells * len(CHOSEN.seeds)} runs ({cells} cells, {len(CHOSEN.seeds)} seeds)."
    return f"{made} All of it on one page: {REPORT}. Main table: {SUITE}/tables/{main}.md, verdicts: {SUITE}/claims.csv."


def published_digests(wildcards):
    """Digests of what verify compares with, so that it compares again where that changed."""
    published = Path("paper_figures", CONFIG.suite)
    found = [published / name for name in ("MANIFEST.json", "metrics.parquet")]
    return [digest(file) for file in found if file.exists()]


def what_verify_compares(wildcards):
    """All that is published, or the metrics alone where only some of its runs are asked for."""
    try:
        whole = configuration.is_whole(CONFIG, Path("paper_figures", CONFIG.suite))
    except UserError as error:
        sys.exit(f"error: {error}")
    return DELIVERABLES if whole else [f"{SUITE}/metrics.parquet"]
