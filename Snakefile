"""The pipeline on one page: images -> streams -> runs -> metrics -> statistics -> tables and figures.

snakemake --cores all                        the suite that config.yaml chooses
snakemake --cores all --config suite=mnist   another suite
snakemake publish                            copy its tables and figures to paper_figures/
snakemake verify                             rebuild it and compare with what is published
"""

from snakemake.utils import min_version

min_version("9.19")


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"


TABLES = expand(
    "{table}.{suffix}",
    table=["table1", "table2", "paper_comparison"],
    suffix=["csv", "md", "tex"],
)
FIGURES = expand(
    "{kind}_{of}.{suffix}",
    kind=["curves", "zoom"],
    of=CHOSEN.benchmarks,
    suffix=FORMATS,
)
FIGURES += expand("{kind}.{suffix}", kind=["gain_per_task", "tradeoff"], suffix=FORMATS)
DELIVERABLES = [
    *multiext(
        f"{SUITE}/", "metrics.parquet", "statistics.csv", "ranks.csv", "claims.csv"
    ),
    *(f"{SUITE}/tables/{name}" for name in TABLES),
    *(f"{SUITE}/figures/{name}" for name in FIGURES),
]


include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/analyse.smk"
include: "workflow/rules/present.smk"
include: "workflow/rules/publish.smk"


rule all:
    default_target: True
    input:
        DELIVERABLES,
    localrule: True


onsuccess:
    print(closing_line(), file=sys.stderr)
