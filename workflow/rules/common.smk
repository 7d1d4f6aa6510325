# What the rules share: the typed configuration, folder names, digests of each stage's code.
import json
import os
import shutil
import sys

from stability_gap import config as configuration
from stability_gap.errors import UserError
from stability_gap.provenance import PACKAGE, code_digest, module_digest

try:
    for file in workflow.configfiles:
        configuration.read(file)  # refuses repeated keys, which snakemake does not see
    CONFIG = configuration.resolve(config)
    configuration.check_results_folder(CONFIG)
except UserError as error:
    sys.exit(f"error: {error}")

CHOSEN = CONFIG.chosen
RESULTS = CONFIG.results
SUITE = f"{RESULTS}/{CONFIG.suite}"
FORMATS = ["svg", "pdf", "png"]  # of every figure
RUN = f"{RESULTS}/runs/{{benchmark}}/{{optimizer}}/{{seeds}}"

# For --software-deployment-method conda; without it, jobs run in the environment that snakemake runs in.
ENVIRONMENT = workflow.source_path("../../envs/stability-gap.yaml")

# Jobs run the very package that the digests below were taken from, also inside a conda environment. Beside it they see the
# modules of the folder that snakemake was called in (python -m) and of the caller's PYTHONPATH.
shell.prefix(
    f'stability-gap() {{{{ PYTHONPATH="{PACKAGE.parent}:${{{{PYTHONPATH:-}}}}" python -m stability_gap.cli "$@"; }}}}; '
)

# Where raw data lies changes no result, so it is no param: jobs find it in the environment.
os.environ.update(STABILITY_GAP_DATA_ROOT=CONFIG.data_root)

# A GPU is asked for where runs will use one: profiles say how many there are.
USES_GPU = CONFIG.device == "cuda" or (
    CONFIG.device == "auto" and shutil.which("nvidia-smi") is not None
)


wildcard_constraints:
    dataset="|".join(CONFIG.datasets),
    benchmark="|".join(CONFIG.benchmarks),
    optimizer="|".join(CONFIG.optimizers),
    seeds=r"\d+(-\d+|(_\d+)*)",


def as_json(settings):
    """A settings model as one line of JSON, the form in which a job gets it."""
    return json.dumps(settings.model_dump(mode="json"), sort_keys=True)


def runs(benchmarks, file):
    """`file` of every run folder of these benchmarks in the chosen suite."""
    return [
        os.path.join(RESULTS, "runs", benchmark, optimizer, seeds, file)
        for benchmark in benchmarks
        for optimizer in CHOSEN.optimizers
        for seeds in CONFIG.seed_blocks(benchmark)
    ]


def stream_dataset(wildcards):
    return f"{RESULTS}/data/{CONFIG.benchmarks[wildcards.benchmark].dataset}/data.npz"


def cell_settings(wildcards):
    return as_json(CONFIG.cell(wildcards.benchmark, wildcards.optimizer))


def training_code(wildcards):
    """Digest of the code that trains a cell; an imported optimizer's own file belongs to it."""
    training = CONFIG.optimizers[wildcards.optimizer]
    own = (
        [module_digest(training.target.split(":")[0])]
        if training.method == "import"
        else []
    )
    return " ".join([code_digest("learners", "experiment"), *own])


def run_folders(benchmarks):
    """All run folders as one shell brace expression, short however many cells a suite has."""

    def choice(names):
        return names[0] if len(names) == 1 else "{" + ",".join(names) + "}"

    optimizers = choice(CHOSEN.optimizers)
    folders = [
        f"{RESULTS}/runs/{name}/{optimizers}/{choice(CONFIG.seed_blocks(name))}"
        for name in benchmarks
    ]
    return " ".join(folders)


def figure(name, kind, category, **labels):
    """The three files of a figure; the SVG goes into the report."""
    svg, *others = multiext(
        f"{SUITE}/figures/{name}", *(f".{suffix}" for suffix in FORMATS)
    )
    shown = report(
        svg,
        caption=f"../report/{kind}.rst",
        category=category,
        labels={**labels, "figure": kind},
    )
    return [shown, *others]


def figure_code(*modules):
    """Digest of all that draws a figure: its own modules, the shared style, what it computes with."""
    return code_digest(
        *(f"presentation/{module}.py" for module in (*modules, "style")), "analysis"
    )


def table(name):
    """The three files of a table; the CSV goes into the report, where it can be sorted."""
    csv, *others = multiext(f"{SUITE}/tables/{name}", ".csv", ".md", ".tex")
    shown = report(
        csv, caption=f"../report/{name}.rst", category="Tables", labels={"table": name}
    )
    return [shown, *others]


def closing_line():
    """What was made and where to look, printed when a run of the workflow has ended well."""
    cells = len(CHOSEN.benchmarks) * len(CHOSEN.optimizers)
    return (
        f"Suite {CONFIG.suite}: {cells * len(CHOSEN.seeds)} runs ({cells} cells, {len(CHOSEN.seeds)} seeds). "
        f"Main table: {SUITE}/tables/table1.md, figures: {SUITE}/figures/, verdicts: {SUITE}/claims.csv."
    )
