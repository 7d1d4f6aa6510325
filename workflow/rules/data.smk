# Images -> a stream of tasks.


rule dataset:
    """The only rule that may download, one job per data set, so that downloads never race."""
    output:
        arrays=f"{RESULTS}/data/{{dataset}}/data.npz",
        facts=f"{RESULTS}/data/{{dataset}}/data.json",
    log:
        f"{RESULTS}/logs/data/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/logs/data/{{dataset}}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        settings=lambda wildcards: as_json(CONFIG.datasets[wildcards.dataset]),
        code=code_digest("tasks.prepare"),
    shell:
        "stability-gap --log {log:q} data {wildcards.dataset} --settings {params.settings:q} -o $(dirname {output.arrays:q})"


rule stream:
    input:
        data=stream_dataset,
    output:
        arrays=f"{RESULTS}/streams/{{benchmark}}/stream.npz",
        facts=f"{RESULTS}/streams/{{benchmark}}/stream.json",
    log:
        f"{RESULTS}/logs/streams/{{benchmark}}.log",
    benchmark:
        f"{RESULTS}/logs/streams/{{benchmark}}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        settings=lambda wildcards: as_json(
            CONFIG.benchmarks[wildcards.benchmark].stream
        ),
        code=code_digest("tasks.prepare"),
    shell:
        "stability-gap --log {log:q} stream {wildcards.benchmark} --settings {params.settings:q}"
        " --data $(dirname {input.data:q}) -o $(dirname {output.arrays:q})"
