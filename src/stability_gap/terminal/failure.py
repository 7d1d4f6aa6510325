"""Show why a job failed: its log, and what to do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

LAST = 60  # lines of a log that are shown


def failure(name: str, told: Mapping[str, Any]) -> list[str]:
    """Lines about a failed job: its name, its log or how to find out more, how to go on.

    Args:
        told: what Snakemake tells of it: `rule_name`, `log`, `output`, and perhaps `rule_msg`, `aux`.
    """
    lines = ["", f"FAILED  {name} (rule {told['rule_name']})"]
    lines += [f"  {told['rule_msg']}"] if told.get("rule_msg") else []
    lines += [f"  {key}: {value}" for key, value in (told.get("aux") or {}).items()]
    texts = [shown for path in told["log"] for shown in _log(Path(path))]
    outputs = told.get("output") or ["…"]
    if not texts:
        lines += [
            "  Its log is empty: it was ended from outside (memory, time, a kill), could not start, or its disk is full.",
            f"  Its command: snakemake -n -p {outputs[0]}",
        ]
    return [*lines, *texts, "  Other jobs go on. Then mend it and run the same command again: what is finished stays.", ""]


def _log(path: Path) -> list[str]:
    """The end of a log under its name, as it stands; nothing where there is none."""
    try:
        content = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    if not content:
        return []
    kept = content[-LAST:]
    earlier = [f"    … {len(content) - LAST} earlier lines"] if len(content) > LAST else []
    return [f"  {path} says:", *earlier, *kept]
