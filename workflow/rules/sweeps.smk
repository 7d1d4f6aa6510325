# Sweeps of optimizers: what is selected on held-out images, and the frontier over learning rates.


rule selection:
    """The best settings of every optimizer of a sweep on images held out from training, by each criterion."""
    input:
        candidate_files,
    output:
        selection=f"{RESULTS}/selections/{{sweep}}/{{benchmark}}.json",
        grid=f"{RESULTS}/selections/{{sweep}}/{{benchmark}}.csv",
    log:
        f"{RESULTS}/logs/selections/{{sweep}}/{{benchmark}}.log",
    benchmark:
        f"{RESULTS}/logs/selections/{{sweep}}/{{benchmark}}.tsv"
    wildcard_constraints:
        sweep="|".join(CONFIG.tunings) or "none",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        folders=lambda wildcards: run_folders(*candidates(wildcards)),
        seeds=lambda wildcards: configuration.format_seeds(
            list(candidates(wildcards)[2])
        ),
        members=lambda wildcards: members_of([wildcards.sweep]),
        code=code_digest("analysis.measure", "analysis.runs", "analysis.tuning"),
    shell:
        "stability-gap --log {log:q} select {wildcards.benchmark} {params.folders} --seeds {params.seeds}"
        " --members <(printf %s {params.members:q}) -o {output.selection:q} --grid {output.grid:q}"


rule grids:
    """Every configuration that was tried for the suite, with what it was selected by."""
    input:
        lambda wildcards: expand(
            f"{RESULTS}/selections/{tuned_here()}/{{benchmark}}.csv",
            benchmark=CHOSEN.benchmarks,
        ),
    output:
        f"{SUITE}/selection.csv",
    log:
        f"{SUITE}/logs/selection.log",
    benchmark:
        f"{SUITE}/logs/selection.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code_digest("files"),
    shell:
        "stability-gap --log {log:q} join {input:q} -o {output:q}"


rule frontier:
    """Gap against final accuracy over learning rates, and the gap at the accuracy of the suite's reference."""
    input:
        f"{SUITE}/metrics.parquet",
    output:
        frontier=f"{SUITE}/frontier.csv",
        gap=f"{SUITE}/frontier_gap.csv",
    log:
        f"{SUITE}/logs/frontier.log",
    benchmark:
        f"{SUITE}/logs/frontier.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        members=lambda wildcards: members_of(set(CONFIG.sweeps) - set(CONFIG.tunings)),
        reference=CHOSEN.reference,
        terms=lambda wildcards: as_json(CONFIG.analysis),
        code=code_digest("analysis.frontier", "analysis.measure"),
    shell:
        "stability-gap --log {log:q} frontier {input:q} --members <(printf %s {params.members:q}) --reference {params.reference:q}"
        " --terms {params.terms:q} -o {output.frontier:q} --gap {output.gap:q}"
