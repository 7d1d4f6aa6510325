# Metrics and trajectories -> tables, figures, the report. Which there are is derived: a figure is one module (docs/adding.md), a table one
# block of the configuration.
from stability_gap.analysis.metrics import registry as metrics_registry
from stability_gap.presentation.figures import registry
from stability_gap.publication import EXTRA_FILES

try:
    KINDS = registry.chosen(CONFIG.figures, CONFIG.extensions.figures)
    known = metrics_registry.load(CONFIG.extensions.metrics)
    for name, table in CONFIG.tables.items():
        metrics_registry.of_one_kind(
            table.metrics, known, f"config.yaml: tables.{name}.metrics"
        )
except UserError as error:
    sys.exit(f"error: {error}")

PER_BENCHMARK = [name for name, kind in KINDS.items() if kind.of == "benchmark"]
PER_SUITE = [name for name, kind in KINDS.items() if kind.of == "suite"]
FIGURES = expand(
    f"{SUITE}/figures/{{kind}}_{{of}}.{{suffix}}",
    kind=PER_BENCHMARK,
    of=CHOSEN.benchmarks,
    suffix=FORMATS,
) + expand(f"{SUITE}/figures/{{kind}}.{{suffix}}", kind=PER_SUITE, suffix=FORMATS)
TABLES = [
    f"{SUITE}/tables/{name}{suffix}"
    for name in [*CONFIG.tables, "paper_comparison"]
    for suffix in (".html", ".csv", ".md", ".tex")
]
REPORT = f"{SUITE}/report.html"

# Files that some of the figures are drawn from and claims read; each is made by a rule of its own.
EXTRAS = sorted(
    f"{SUITE}/{name}"
    for name in {name for kind in KINDS.values() for name in kind.inputs}
    if name in EXTRA_FILES
)

if USES_GPU and f"{SUITE}/mechanism.csv" in EXTRAS:
    sys.exit(
        f"error: config.yaml: suites.{CONFIG.suite}: its figures look into runs by replaying them, to the last bit, which those of a GPU"
        " cannot be; give --config device=cpu."
    )

if FOLLOWED and f"{SUITE}/mechanism.csv" in EXTRAS:
    sys.exit(
        f"error: config.yaml: suites.{CONFIG.suite}.optimizers: its figures replay runs together with those that they follow;"
        f" add {', '.join(FOLLOWED)}."
    )

# How the suite is shown: labels, order, colours, and the optimizer that the others are compared with.
APPEARANCE = f"--looks {shlex.quote(json.dumps(CONFIG.looks()))} --reference {shlex.quote(CHOSEN.reference)}"


rule tables:
    input:
        summary=f"{SUITE}/summary.csv",
        statistics=f"{SUITE}/statistics.csv",
        agreement=f"{SUITE}/agreement.csv",
    output:
        TABLES,
    log:
        f"{SUITE}/logs/tables.log",
    benchmark:
        f"{SUITE}/logs/tables.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        folder=lambda wildcards, output: os.path.dirname(output[0]),
        tables=lambda wildcards: json.dumps(
            {name: table.model_dump() for name, table in CONFIG.tables.items()}
        ),
        appearance=APPEARANCE,
        extensions=extension_options("metrics"),
        own=extension_code("metrics"),
        code=code_digest(
            "presentation.tables", "presentation.comparison", "presentation.formats"
        ),
    shell:
        "stability-gap --log {log:q} tables --summary {input.summary:q} --statistics {input.statistics:q}"
        " --agreement {input.agreement:q} --tables {params.tables:q} {params.appearance} {params.extensions}"
        " -o {params.folder:q}"


# A figure of one benchmark, all its optimizers and seeds.
rule figure_of_benchmark:
    input:
        lambda wildcards: runs([wildcards.benchmark], "evaluations.parquet"),
        lambda wildcards: runs([wildcards.benchmark], "training.parquet"),
        lambda wildcards: runs([wildcards.benchmark], "run.json"),
    output:
        figure("{kind}_{benchmark}"),
    log:
        f"{SUITE}/logs/{{kind}}_{{benchmark}}.log",
    benchmark:
        f"{SUITE}/logs/{{kind}}_{{benchmark}}.tsv"
    wildcard_constraints:
        kind="|".join(PER_BENCHMARK) or "none",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        drawn_from=lambda wildcards: run_folders([wildcards.benchmark]),
        seeds=SEEDS,
        stem=stem,
        appearance=APPEARANCE,
        terms=lambda wildcards: as_json(CONFIG.analysis),
        extensions=extension_options("figures"),
        code=figure_code,
    shell:
        "stability-gap --log {log:q} figure {wildcards.kind} {params.drawn_from} {params.appearance} --seeds {params.seeds}"
        " --terms {params.terms:q} {params.extensions} -o {params.stem:q}"


# A figure of all benchmarks of the suite.
rule figure_of_suite:
    input:
        lambda wildcards: [
            f"{SUITE}/{name}"
            for name in ("metrics.parquet", *KINDS[wildcards.kind].inputs)
        ],
    output:
        figure("{kind}"),
    log:
        f"{SUITE}/logs/{{kind}}.log",
    benchmark:
        f"{SUITE}/logs/{{kind}}.tsv"
    wildcard_constraints:
        kind="|".join(PER_SUITE) or "none",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        stem=stem,
        appearance=APPEARANCE,
        terms=lambda wildcards: as_json(CONFIG.analysis),
        extensions=extension_options("figures"),
        code=figure_code,
    shell:
        "stability-gap --log {log:q} figure {wildcards.kind} {input:q} {params.appearance} --terms {params.terms:q}"
        " {params.extensions} -o {params.stem:q}"


# One page of all that was made; it needs no network.
rule report:
    input:
        multiext(
            f"{SUITE}/",
            "metrics.parquet",
            "summary.csv",
            "statistics.csv",
            "ranks.csv",
            "claims.csv",
            "agreement.csv",
        ),
        TABLES,
        [path for path in FIGURES if path.endswith(".png")],
        runs(CHOSEN.benchmarks, "evaluations.parquet"),
        runs(CHOSEN.benchmarks, "training.parquet"),
        runs(CHOSEN.benchmarks, "run.json"),
    output:
        REPORT,
    log:
        f"{SUITE}/logs/report.log",
    benchmark:
        f"{SUITE}/logs/report.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        suite=lambda wildcards, output: os.path.dirname(output[0]),
        folders=lambda wildcards: run_folders(CHOSEN.benchmarks),
        config=lambda wildcards: json.dumps(CONFIG.science(), sort_keys=True),
        appearance=APPEARANCE,
        extensions=extension_options("figures"),
        about=lambda wildcards: [kind.about for kind in KINDS.values()],
        template=data_digest("presentation/report/template"),
        code=code_digest("presentation.report.page"),
    shell:
        "stability-gap --log {log:q} report {params.suite:q} {params.folders} --config {params.config:q} {params.appearance}"
        " {params.extensions} -o {output:q}"
