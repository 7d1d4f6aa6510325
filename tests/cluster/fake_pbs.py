"""A queue that starts every job at once on this machine, with as much of qsub, qstat and qdel as profiles/generic uses.

python fake_pbs.py qsub [options] SCRIPT | qstat -x -f ID | qdel ID …; the state lies in the folder $FAKE_PBS.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path


def qsub(queue: Path, arguments: list[str]) -> str:
    """Start a script; its id is the number of its process group."""
    *options, script = arguments
    run = 'sh "$0" >"$1/$$.out" 2>&1; echo $? >"$1/$$.tmp"; mv "$1/$$.tmp" "$1/$$.status"'
    process = subprocess.Popen(
        ["sh", "-c", run, script, str(queue)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
    )
    (queue / f"{process.pid}.job").write_text(" ".join(options), encoding="utf-8")
    return str(process.pid)


def qstat(queue: Path, arguments: list[str]) -> str:
    """What PBS says of a job, as far as it is asked for."""
    job = arguments[-1]
    if not (queue / f"{job}.job").exists():
        sys.exit(f"qstat: Unknown Job Id {job}")
    status = queue / f"{job}.status"
    if not status.exists() and not Path(f"/proc/{job}").exists():  # killed with its shell, so nobody wrote the status
        status.write_text("137\n", encoding="utf-8")
    return f"    job_state = F\n    Exit_status = {status.read_text()}" if status.exists() else "    job_state = R"


def qdel(queue: Path, arguments: list[str]) -> str:
    """Kill jobs with all that they started."""
    for job in arguments:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(job), signal.SIGKILL)
        (queue / f"{job}.status").write_text("271\n", encoding="utf-8")
    return ""


if __name__ == "__main__":
    answer = {"qsub": qsub, "qstat": qstat, "qdel": qdel}[sys.argv[1]](Path(os.environ["FAKE_PBS"]), sys.argv[2:])
    print(answer.rstrip())
