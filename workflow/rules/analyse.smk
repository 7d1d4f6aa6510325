# Trajectories -> metrics -> statistics, claims and agreement with the paper.


# Benchmarks that are compared with the published numbers of others.
STAND_INS = " ".join(
    f"--stands-for {name}={CONFIG.benchmarks[name].stands_for}"
    for name in CHOSEN.benchmarks
    if CONFIG.benchmarks[name].stands_for
)


rule metrics:
    input:
        runs(CHOSEN.benchmarks, "evaluations.parquet"),
        runs(CHOSEN.benchmarks, "training.parquet"),
        runs(CHOSEN.benchmarks, "run.json"),
    output:
        metrics=f"{SUITE}/metrics.parquet",
        summary=f"{SUITE}/summary.csv",
        paper=f"{SUITE}/paper_metrics.csv",
    log:
        f"{SUITE}/logs/metrics.log",
    benchmark:
        f"{SUITE}/logs/metrics.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        folders=lambda wildcards: run_folders(CHOSEN.benchmarks),
        seeds=SEEDS,
        extensions=extension_options("metrics"),
        own=extension_code("metrics"),
        code=code_digest(
            "analysis.measure", "analysis.paper_convention", "analysis.summary"
        ),
    shell:
        "stability-gap --log {log:q} metrics {params.folders} --seeds {params.seeds} {params.extensions}"
        " -o {output.metrics:q} --summary {output.summary:q} --paper {output.paper:q}"


rule statistics:
    input:
        runs(CHOSEN.benchmarks, "run.json"),
        lambda wildcards: EXTRAS,
        metrics=f"{SUITE}/metrics.parquet",
        authors="reference/authors_per_seed.csv",
    output:
        statistics=f"{SUITE}/statistics.csv",
        ranks=f"{SUITE}/ranks.csv",
        claims=f"{SUITE}/claims.csv",
    log:
        f"{SUITE}/logs/statistics.log",
    benchmark:
        f"{SUITE}/logs/statistics.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        terms=lambda wildcards: as_json(CONFIG.analysis),
        folders=lambda wildcards: run_folders(CHOSEN.benchmarks),
        evidence=lambda wildcards: " ".join(f"--evidence {path}" for path in EXTRAS),
        pairs=f"--reference {CHOSEN.reference}" if CHOSEN.pairs == "reference" else "",
        stand_ins=STAND_INS,
        extensions=extension_options("metrics"),
        own=extension_code("metrics"),
        code=code_digest(
            "analysis.claims",
            "analysis.measure",
            "analysis.published",
            "analysis.ranks",
            "analysis.runs",
            "analysis.statistics",
        ),
    shell:
        "stability-gap --log {log:q} statistics {input.metrics:q} {params.folders} {params.evidence} {params.pairs} {params.extensions}"
        " --authors {input.authors:q} {params.stand_ins}"
        " --terms {params.terms:q} --statistics {output.statistics:q} --ranks {output.ranks:q} --claims {output.claims:q}"


rule agreement:
    """Ours beside the published numbers and beside the authors' own seeds."""
    input:
        runs(CHOSEN.benchmarks, "evaluations.parquet"),
        runs(CHOSEN.benchmarks, "run.json"),
        metrics=f"{SUITE}/metrics.parquet",
        reference="reference/paper_results.csv",
        authors="reference/authors_per_seed.csv",
    output:
        agreement=f"{SUITE}/agreement.csv",
        per_seed=f"{SUITE}/agreement_per_seed.csv",
    log:
        f"{SUITE}/logs/agreement.log",
    benchmark:
        f"{SUITE}/logs/agreement.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        terms=lambda wildcards: as_json(CONFIG.analysis),
        folders=lambda wildcards: run_folders(CHOSEN.benchmarks),
        seeds=SEEDS,
        stand_ins=STAND_INS,
        code=code_digest(
            "analysis.agreement",
            "analysis.measure",
            "analysis.paper_convention",
            "analysis.published",
        ),
    shell:
        "stability-gap --log {log:q} agreement {input.metrics:q} {params.folders} --seeds {params.seeds} --terms {params.terms:q}"
        " --reference {input.reference:q} --authors {input.authors:q} {params.stand_ins}"
        " -o {output.agreement:q} --per-seed {output.per_seed:q}"
