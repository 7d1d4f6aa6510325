# What is said on the terminal while the workflow runs: the plan at the start, which the logger plugin of profiles/ turns into one
# line per finished cell (src/snakemake_logger_plugin_stability_gap), and what was made at the end.
from snakemake.logging import logger

from stability_gap import terminal
from stability_gap.terminal.suite import Suite as DescribedSuite


def gpus_shared():
    """How many GPUs training jobs share; None where they use none, or where a cluster hands them out."""
    given = workflow.global_resources.get("gpu") if USES_GPU else None
    return getattr(given, "value", given)


terminal.announce(
    DescribedSuite(
        CONFIG,
        # on a cluster as many jobs at once as are queued, and `cores` is for those that run here
        cores=workflow.resource_settings.nodes or workflow.resource_settings.cores or 1,
        gpus=gpus_shared(),
        manifests=sorted(Path("paper_figures").glob("*/MANIFEST.json")),
    )
)


def say(message, **extra):
    """Log a message that is shown by the logger plugin as well; a print could overtake the lines before it."""
    logger.info(message, extra={"event": "said", **extra})


onstart:
    jobs = [job for job in workflow.dag.needrun_jobs() if job.rule.name != "all"]
    refuse_other_settings(jobs)
    planned = {
        workflow.dag.jobid(job): (job.rule.name, dict(job.wildcards_dict))
        for job in jobs
    }
    say(f"{len(planned)} jobs to do.", event="plan", jobs=planned)


onsuccess:
    say(closing_line())
