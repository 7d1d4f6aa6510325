# Final tables and figures -> paper_figures/{suite}/, the published artifact. Asked for by name: `snakemake publish`.


rule publish:
    input:
        deliverables=DELIVERABLES,
        runs=runs(CHOSEN.benchmarks, "run.json"),
    output:
        # not removed before it is made again, which may be refused
        update(f"paper_figures/{CONFIG.suite}/MANIFEST.json"),
    log:
        f"{SUITE}/logs/publish.log",
    benchmark:
        f"{SUITE}/logs/publish.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=500,
        runtime=5,
    params:
        suite=lambda wildcards, input: os.path.dirname(input.deliverables[0]),
        config=lambda wildcards: json.dumps(CONFIG.science(), sort_keys=True),
        folders=lambda wildcards: run_folders(CHOSEN.benchmarks),
        with_runs="--with-runs" if CHOSEN.publish_runs else "",
        code=code_digest("publication"),
    shell:
        "stability-gap --log {log:q} publish {params.suite:q} {params.folders} --config <(printf %s {params.config:q}) {params.with_runs}"
        " -o $(dirname {output:q})"


rule verify:
    """Rebuilds the suite and compares it with what was published; makes no file but a list of the comparisons."""
    input:
        what_verify_compares,
    output:
        f"{SUITE}/verification.csv",
    log:
        f"{SUITE}/logs/verify.log",
    benchmark:
        f"{SUITE}/logs/verify.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=500,
        runtime=5,
    params:
        suite=lambda wildcards, input: os.path.dirname(input[0]),
        # no input: the MANIFEST is made by `publish`, which must not run first
        published=f"paper_figures/{CONFIG.suite}",
        digests=published_digests,
        code=code_digest("verification"),
    shell:
        "stability-gap --log {log:q} verify {params.suite:q} {params.published:q} -o {output:q}"
