"""The logger plugin, fed with records as Snakemake logs them."""

import io
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.logging import DefaultFormatter
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

from snakemake_logger_plugin_stability_gap import LogHandler
from stability_gap import config as configuration
from stability_gap import terminal
from stability_gap.terminal.suite import Suite


def handler(monkeypatch: pytest.MonkeyPatch, **settings: bool) -> LogHandler:
    """One that writes to memory."""
    plain = dict.fromkeys(("printshellcmds", "verbose", "debug_dag", "stdout", "dryrun"), False)
    config = configuration.resolve({**configuration.read("config.yaml"), "suite": "smoke", "results": "nowhere"})
    monkeypatch.setattr(terminal, "_announced", [Suite(config, 2, None, [])])
    monkeypatch.setattr(logging, "raiseExceptions", True)  # is set to False; put back at the end
    made = LogHandler(SimpleNamespace(**{**plain, **settings}), None)
    made.setFormatter(DefaultFormatter(quiet=None))
    made.stream = io.StringIO()
    return made


def log(to: LogHandler, message: str | None = None, level: int = logging.INFO, **extra: Any) -> str:
    """What a record adds to the terminal."""
    before = len(to.stream.getvalue())
    record = logging.LogRecord("snakemake", level, "", 0, message, None, None)
    record.__dict__.update(extra)
    to.emit(record)
    return to.stream.getvalue()[before:]


def test_snakemake_finds_it() -> None:
    assert "stability-gap" in LoggerPluginRegistry().plugins


def test_a_cell_is_told_once_it_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = handler(monkeypatch)
    names = {"benchmark": "split_digits_smoke", "optimizer": "sgd"}
    jobs = {7: ("train", {**names, "seeds": "42-43"}), 8: ("train", {**names, "seeds": "44"})}
    assert log(shown, "2 jobs", event="plan", jobs=jobs).startswith(
        "To do for suite smoke: 1 cell to train (3 runs), 2 jobs in all;"
    )
    for number in jobs:
        assert log(shown, " Rule: train", event=LogEvent.JOB_INFO, jobid=number) == ""
    assert log(shown, "Finished jobid: 7", event=LogEvent.JOB_FINISHED, job_id=7) == ""
    assert log(shown, "Finished jobid: 8", event=LogEvent.JOB_FINISHED, job_id=8).startswith(
        "100 %  split_digits_smoke sgd: 3 runs"
    )


@pytest.mark.parametrize("text", ["Select jobs to execute...", "Building DAG of jobs...", "Elapsed time: 1", None])
def test_chatter_is_kept_away(monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    assert log(handler(monkeypatch), text) == ""


@pytest.mark.parametrize("text", ["Nothing to be done (all requested files are present and up to date).", "Something unheard of"])
def test_what_is_no_chatter_is_shown(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert log(handler(monkeypatch), text) == f"{text}\n"


@pytest.mark.parametrize("level", [logging.WARNING, logging.ERROR])
def test_warnings_and_errors_are_shown_whatever_they_say(monkeypatch: pytest.MonkeyPatch, level: int) -> None:
    assert log(handler(monkeypatch), "Config file gone", level) == "Config file gone\n"
    assert log(handler(monkeypatch), "LockException", logging.ERROR, event=LogEvent.ERROR) == "LockException\n"


def test_failures_are_shown_at_once_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = handler(monkeypatch)
    job = {"jobid": 3, "rule_name": "metrics", "log": [], "output": ["m.parquet"]}
    told = log(shown, "Error in rule metrics", logging.ERROR, event=LogEvent.JOB_ERROR, **job)
    assert "FAILED  metrics (rule metrics)" in told
    assert "Complete log(s): x" in log(shown, "Complete log(s): x")
    shown.close()
    assert shown.stream.getvalue().endswith("1 failed: metrics. Their logs stand above.\n")


def test_in_full_everything_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = handler(monkeypatch, printshellcmds=True)
    assert log(shown, "Select jobs to execute...") == "Select jobs to execute...\n"


REFUSALS = {
    "OSError: [Errno 28] No space left on device": (
        "error: Snakemake cannot write what it notes in .snakemake: No space left on device. Free some space on its disk, then"
        " run the same command again: what is finished stays.\n"
    ),
    "PermissionError: [Errno 13] Permission denied: 'results/small'": (
        "error: Snakemake cannot write results/small: Permission denied. It belongs to another user, or its folder may only be"
        " read; give yourself the right to write there.\n"
    ),
    "in load_configfile\nFileNotFoundError: [Errno 2] No such file or directory: 'mine.yaml'": (
        "error: mine.yaml cannot be read: No such file or directory; check --configfile.\n"
    ),
    "    self._sourcecache = SourceCache(\nPermissionError: [Errno 13] Permission denied: '/nonexistent'": (
        "error: Snakemake cannot keep its cache in the home folder: Permission denied: /nonexistent. Set HOME, or XDG_CACHE_HOME,"
        " to the full path of a folder that you may write to.\n"
    ),
}


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("end", REFUSALS)
def test_a_refusal_of_the_system_is_one_line(monkeypatch: pytest.MonkeyPatch, end: str, full: bool) -> None:
    shown = handler(monkeypatch, printshellcmds=full)
    assert log(shown, f"Traceback (most recent call last):\n  File …\n{end}\n", logging.ERROR) == REFUSALS[end]
    assert log(shown, f"ValueError: {end}", logging.ERROR) == f"ValueError: {end}\n"  # no refusal, shown as it stands


def test_a_log_of_snakemakes_that_cannot_be_written_shows_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    record = logging.LogRecord("snakemake", logging.INFO, "", 0, "anything", None, None)
    monkeypatch.setattr(logging, "raiseExceptions", True)
    logging.StreamHandler(Full()).handle(record)
    assert "Traceback" in capsys.readouterr().err  # what there would be
    handler(monkeypatch)
    logging.StreamHandler(Full()).handle(record)
    assert capsys.readouterr().err == ""
