# Metrics and trajectories -> tables and figures.


rule tables:
    input:
        summary=f"{SUITE}/summary.csv",
        statistics=f"{SUITE}/statistics.csv",
        paper=f"{SUITE}/paper_metrics.csv",
        reference="reference/paper_results.csv",
    output:
        table("table1"),
        table("table2"),
        table("paper_comparison"),
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
        code=code_digest(
            *(
                f"presentation/{name}.py"
                for name in ("tables", "comparison", "formats", "style")
            )
        ),
    shell:
        "stability-gap --log {log:q} tables --summary {input.summary:q} --statistics {input.statistics:q}"
        " --paper {input.paper:q} --reference {input.reference:q} -o {params.folder:q}"


rule curves:
    """A figure of one benchmark, all its optimizers and seeds."""
    input:
        lambda wildcards: runs([wildcards.benchmark], "evaluations.parquet"),
        lambda wildcards: runs([wildcards.benchmark], "training.parquet"),
        lambda wildcards: runs([wildcards.benchmark], "run.json"),
    output:
        figure("curves_{benchmark}", "curves", "Trajectories", benchmark="{benchmark}"),
    log:
        f"{SUITE}/logs/curves_{{benchmark}}.log",
    benchmark:
        f"{SUITE}/logs/curves_{{benchmark}}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        kind="curves",
        folders=lambda wildcards: run_folders([wildcards.benchmark]),
        stem=lambda wildcards, output: os.path.splitext(output[0])[0],
        code=figure_code("curves", "runs"),
    shell:
        "stability-gap --log {log:q} figure {params.kind} {params.folders} -o {params.stem:q}"


use rule curves as zoom with:
    output:
        figure("zoom_{benchmark}", "zoom", "Trajectories", benchmark="{benchmark}"),
    log:
        f"{SUITE}/logs/zoom_{{benchmark}}.log",
    benchmark:
        f"{SUITE}/logs/zoom_{{benchmark}}.tsv"
    params:
        kind="zoom",
        folders=lambda wildcards: run_folders([wildcards.benchmark]),
        stem=lambda wildcards, output: os.path.splitext(output[0])[0],
        code=figure_code("zoom", "curves", "runs"),


rule gain_per_task:
    """A figure of all benchmarks of the suite."""
    input:
        metrics=f"{SUITE}/metrics.parquet",
    output:
        figure("gain_per_task", "gain_per_task", "Comparisons"),
    log:
        f"{SUITE}/logs/gain_per_task.log",
    benchmark:
        f"{SUITE}/logs/gain_per_task.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        kind="gain_per_task",
        stem=lambda wildcards, output: os.path.splitext(output[0])[0],
        code=figure_code("gain_per_task"),
    shell:
        "stability-gap --log {log:q} figure {params.kind} {input.metrics:q} -o {params.stem:q}"


use rule gain_per_task as tradeoff with:
    output:
        figure("tradeoff", "tradeoff", "Comparisons"),
    log:
        f"{SUITE}/logs/tradeoff.log",
    benchmark:
        f"{SUITE}/logs/tradeoff.tsv"
    params:
        kind="tradeoff",
        stem=lambda wildcards, output: os.path.splitext(output[0])[0],
        code=figure_code("tradeoff", "labels"),
