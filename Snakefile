"""The pipeline on one page: images -> streams -> runs -> metrics -> statistics -> tables, figures, a report.

snakemake --cores all                        the suite that config.yaml chooses
snakemake --cores all --config suite=mnist   another suite
snakemake report                             its report alone: one HTML page that needs no network
snakemake publish                            copy its tables, figures and report to paper_figures/
snakemake verify                             rebuild it and compare with what is published
"""

from snakemake.utils import min_version

min_version("9.19")


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/sweeps.smk"
include: "workflow/rules/mechanism.smk"
include: "workflow/rules/analyse.smk"
include: "workflow/rules/present.smk"


DELIVERABLES = [
    *multiext(
        f"{SUITE}/",
        "metrics.parquet",
        "statistics.csv",
        "ranks.csv",
        "claims.csv",
        "agreement.csv",
    ),
    *EXTRAS,
    *TABLES,
    *FIGURES,
    REPORT,
]


include: "workflow/rules/publish.smk"
include: "workflow/rules/terminal.smk"


rule all:
    default_target: True
    input:
        DELIVERABLES,
    localrule: True
