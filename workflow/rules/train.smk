# A stream -> trajectories: one job trains a block of seeds of one cell (benchmark × optimizer).


rule train:
    input:
        donor_files,
        selection,
        stream=f"{RESULTS}/streams/{{benchmark}}/stream.npz",
        facts=f"{RESULTS}/streams/{{benchmark}}/stream.json",
    output:
        evaluations=f"{RUN}/evaluations.parquet",
        training=f"{RUN}/training.parquet",
        run=f"{RUN}/run.json",
    log:
        f"{RESULTS}/logs/train/{{benchmark}}/{{optimizer}}/{{seeds}}.log",
    benchmark:
        f"{RESULTS}/logs/train/{{benchmark}}/{{optimizer}}/{{seeds}}.tsv"
    conda:
        ENVIRONMENT
    threads: CONFIG.threads
    resources:
        mem_mb=3000,
        runtime=60,
        gpu=int(USES_GPU),
    params:
        settings=cell_settings,
        device=CONFIG.device,
        options=training_options,
        code=training_code,
    shell:
        "stability-gap --log {log:q} train --settings {params.settings:q} --stream $(dirname {input.stream:q})"
        " --seeds {wildcards.seeds} --threads {threads} --device {params.device} {params.options} -o $(dirname {output.run:q})"
