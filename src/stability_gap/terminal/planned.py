"""Sum up a dry run: how many jobs of each rule, why, and how long they will take."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from stability_gap.terminal.status import forecast
from stability_gap.terminal.suite import Suite


def planned(suite: Suite, told: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines about the jobs that would run.

    Args:
        told: what Snakemake tells of each job: `jobid`, `rule_name`, `wildcards`, `reason`.
    """
    told = [each for each in told if each["rule_name"] != "all"]
    jobs = {each["jobid"]: suite.job(each["rule_name"], each["wildcards"] or {}) for each in told}
    lines = [f"To do for suite {suite.name}: {len(jobs)} job{'s' * (len(jobs) != 1)}."]
    for rule, number in Counter(each["rule_name"] for each in told).items():
        runs = sum(job.seeds for job in jobs.values() if job.rule == rule)
        reasons = Counter(_reason(each["reason"]) for each in told if each["rule_name"] == rule)
        why = ", ".join(reason if count == number else f"{count} × {reason}" for reason, count in reasons.most_common(3))
        lines.append(f"{number:>6}  {rule}{f' ({runs} runs)' if runs else ''}: {why}")
    time = forecast(jobs, suite.sources, suite.cores, suite.gpus)
    return [
        *lines,
        f"{time[0].upper()}{time[1:]}.",
        "Dry run, nothing was made. Every job with its reason and its command: -n -p.",
    ]


def _reason(told: str) -> str:
    """The kind of a reason, without the files: 'Missing output files: a, b; Code has changed…' -> 'missing output files'."""
    kind = told.split(";")[0].split(":")[0].strip().split(" since last")[0]
    return kind[:1].lower() + kind[1:]
