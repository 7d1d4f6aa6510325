"""Show a run of the workflow in few lines: one per finished cell, and every error in full.

Snakemake finds this package by its name; profiles choose it (`logger: stability-gap`). With --printshellcmds or --verbose, it
shows all that Snakemake says; .snakemake/log/ keeps that of every run in any case.
"""

import logging
import os
import re
import sys
import traceback
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from stability_gap import terminal
from stability_gap.errors import why_not_written
from stability_gap.terminal.failure import failure
from stability_gap.terminal.planned import planned
from stability_gap.terminal.status import Status, opening

# What Snakemake says in a run that goes well, and a user need not read.
CHATTER = (
    "Building DAG of jobs",
    "Assuming unrestricted shared filesystem",
    "Using shell:",
    "host:",
    "Conda environments: ignored",
    "Singularity containers: ignored",
    "Group jobs: inactive",
    "Select jobs to execute",
    "Processed ",
    "Complete log(s):",
    "Elapsed time:",
    "Config file ",
    "This was a dry-run",
    "Some jobs were triggered by provenance",
    "Rules with provenance triggered jobs",
    "Reasons:",
    "Storing output in storage",
)


# A traceback of Snakemake's own that ends in the system's refusal to write, and the file where it names one.
REFUSAL = re.compile(r"^(?:OSError|PermissionError|FileNotFoundError): \[Errno (\d+)\] [^:\n]*(?:: '(.+)')?$", re.MULTILINE)


def refused(text: str) -> str:
    """Put one line in the place of Snakemake's traceback where it could not write."""
    found = REFUSAL.search(text)
    if not found or "Traceback" not in text:
        return text
    if "SourceCache(" in text:
        return (
            f"error: Snakemake cannot keep its cache in the home folder: {os.strerror(int(found[1]))}: {found[2]}."
            " Set HOME, or XDG_CACHE_HOME, to the full path of a folder that you may write to."
        )
    if "load_configfile" in text:
        return f"error: {found[2] or 'a file of --configfile'} cannot be read: {os.strerror(int(found[1]))}; check --configfile."
    place = found[2] or "what it notes in .snakemake"
    return f"error: Snakemake cannot write {place}: {why_not_written(OSError(int(found[1]), ''))}"


class LogHandler(LogHandlerBase):
    """Write to the terminal: stderr, or stdout in a dry run, as Snakemake does."""

    def __post_init__(self) -> None:
        """Begin with nothing known of the run."""
        settings = self.common_settings
        self.stream = sys.stdout if settings.stdout else sys.stderr
        self.full = settings.printshellcmds or settings.verbose or settings.debug_dag
        self.status: Status | None = None
        self.planned: list[dict[str, Any]] = []
        self.failed: list[str] = []
        # Snakemake keeps a log of its own: where the disk is full, a traceback for each of its lines would hide our errors.
        logging.raiseExceptions = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write what a record has for the user."""
        try:
            for line in self.lines(record):
                print(line, file=self.stream, flush=True)
        except BrokenPipeError:
            raise
        except Exception:
            traceback.print_exc()  # a bug of ours; the run goes on

    def lines(self, record: logging.LogRecord) -> list[str]:
        """Turn a record into lines; none where the user need not know."""
        told, event = self.told(record), getattr(record, "event", None)
        if not self.full:
            return told
        text = refused(self.format(record) or "")
        own = told if event in (LogEvent.JOB_FINISHED, LogEvent.JOB_ERROR, "plan") else []
        return [text, *own] if text and text != "None" and event != "plan" else own

    def told(self, record: logging.LogRecord) -> list[str]:
        """Turn a record into the few lines of a run that is not shown in full."""
        match getattr(record, "event", None):
            case "plan":
                return self.begin(record.__dict__["jobs"])
            case LogEvent.JOB_INFO:
                return self.start(record.__dict__)
            case LogEvent.JOB_FINISHED:
                line = self.status.finish(record.__dict__["job_id"]) if self.status else None
                return [line] if line else []
            case LogEvent.JOB_ERROR:
                return self.fail(record.__dict__)
            case None | LogEvent.ERROR | LogEvent.GROUP_ERROR:
                text = refused(self.format(record) or "")
                chatter = record.levelno < logging.WARNING and text.startswith(CHATTER) and not self.failed
                return [text] if text and text != "None" and not chatter and "provenance/metadata" not in text else []
            case "said":
                return [record.getMessage()]
            case _:
                return []

    def begin(self, jobs: dict[int, tuple[str, dict[str, str]]]) -> list[str]:
        """Take the jobs of a run that starts: number -> (rule, wildcards)."""
        suite = terminal.announced()
        if suite is None or not jobs:
            return []
        described = {number: suite.job(*job) for number, job in jobs.items()}
        self.status = Status(described, suite.sources, suite.cores, suite.gpus)
        return [opening(suite.name, described, suite.sources, suite.cores, suite.gpus)]

    def start(self, told: dict[str, Any]) -> list[str]:
        """Note a job that starts, or that a dry run plans."""
        if self.common_settings.dryrun:
            self.planned.append(told)
        elif self.status:
            self.status.start(told["jobid"])
        return []

    def fail(self, told: dict[str, Any]) -> list[str]:
        """Show a failed job with its log."""
        job = self.status.jobs.get(told["jobid"]) if self.status else None
        name = job.name if job and job.name else told["rule_name"]
        self.failed.append(name)
        return failure(name, told)

    def close(self) -> None:
        """End with what a dry run plans, or with the failures once more, which other lines may have pushed away."""
        suite, told, failed = terminal.announced(), self.planned, self.failed
        self.planned, self.failed = [], []
        if told and suite and not self.full:
            print("\n".join(planned(suite, told)), file=self.stream, flush=True)
        if failed:
            shown = "; ".join(failed[:10]) + ("; …" if len(failed) > 10 else "")
            print(f"{len(failed)} failed: {shown}. Their logs stand above.", file=self.stream, flush=True)
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        """Replace Snakemake's own messages on the terminal."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Keep no file."""
        return False

    @property
    def has_filter(self) -> bool:
        """Let Snakemake's filter obey --quiet."""
        return False

    @property
    def has_formatter(self) -> bool:
        """Let Snakemake format what is shown as it stands."""
        return False

    @property
    def needs_rulegraph(self) -> bool:
        """Draw nothing."""
        return False
