# The mechanism: the one-weight model, and a look inside the runs of the suite around their switches, by replaying them.


rule toy:
    output:
        f"{SUITE}/toy.csv",
    log:
        f"{SUITE}/logs/toy.log",
    benchmark:
        f"{SUITE}/logs/toy.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code_digest("analysis.toy"),
    shell:
        "stability-gap --log {log:q} toy -o {output:q}"


rule mechanism_of_benchmark:
    """Curvature, gradients, the way between weights, calibration: all cells of the suite on one benchmark."""
    input:
        lambda wildcards: runs([wildcards.benchmark], "training.parquet"),
        lambda wildcards: runs([wildcards.benchmark], "run.json"),
        stream=f"{RESULTS}/streams/{{benchmark}}/stream.npz",
        facts=f"{RESULTS}/streams/{{benchmark}}/stream.json",
    output:
        f"{SUITE}/mechanism/{{benchmark}}.csv",
    log:
        f"{SUITE}/logs/mechanism_{{benchmark}}.log",
    benchmark:
        f"{SUITE}/logs/mechanism_{{benchmark}}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        folders=lambda wildcards: run_folders([wildcards.benchmark]),
        seeds=SEEDS,
        code=code_digest("analysis.mechanism.measure"),
    shell:
        "stability-gap --log {log:q} mechanism {params.folders} --stream $(dirname {input.stream:q}) --seeds {params.seeds}"
        " -o {output:q}"


rule mechanism:
    input:
        expand(f"{SUITE}/mechanism/{{benchmark}}.csv", benchmark=CHOSEN.benchmarks),
    output:
        f"{SUITE}/mechanism.csv",
    log:
        f"{SUITE}/logs/mechanism.log",
    benchmark:
        f"{SUITE}/logs/mechanism.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code_digest("files"),
    shell:
        "stability-gap --log {log:q} join {input:q} -o {output:q}"
