# Trajectories -> metrics -> statistics and claims.


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
        code=code_digest(
            "analysis/gap.py",
            "analysis/metrics.py",
            "analysis/paper_convention.py",
            "analysis/summary.py",
        ),
    shell:
        "stability-gap --log {log:q} metrics {params.folders}"
        " -o {output.metrics:q} --summary {output.summary:q} --paper {output.paper:q}"


rule statistics:
    input:
        metrics=f"{SUITE}/metrics.parquet",
    output:
        statistics=f"{SUITE}/statistics.csv",
        ranks=f"{SUITE}/ranks.csv",
        claims=report(
            f"{SUITE}/claims.csv", caption="../report/claims.rst", category="Claims"
        ),
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
        class_incremental=" ".join(
            f"--class-incremental {name}"
            for name in CHOSEN.benchmarks
            if CONFIG.is_class_incremental(name)
        ),
        code=code_digest("analysis"),
    shell:
        "stability-gap --log {log:q} statistics {input.metrics:q} --terms {params.terms:q} {params.class_incremental}"
        " --statistics {output.statistics:q} --ranks {output.ranks:q} --claims {output.claims:q}"
