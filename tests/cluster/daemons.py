"""Run daemons in the foreground, as children that end with the test run, and wait for conditions with a limit."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path


def wait_until(condition: Callable[[], bool], what: str, seconds: float) -> None:
    """Wait until a condition holds; fails with what did not happen."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.2)


def succeeds(*command: str) -> bool:
    """Whether a command ends well, and soon."""
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


class Daemons:
    """Daemons that write to logs in one folder."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def start(self, *command: str, ready: Callable[[], bool], seconds: float = 60) -> None:
        """Start a daemon and wait until it answers."""
        name = command[0]
        log = self.logs / f"{name}.out"
        with log.open("wb") as out:
            # The signal at the parent's death stops it even where the test run is killed. In a session of its own, Ctrl-C does
            # not reach it before its jobs are cancelled.
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.running.append((name, process))
        try:
            wait_until(lambda: process.poll() is not None or ready(), f"{name} answers", seconds)
        except TimeoutError as error:
            raise RuntimeError(f"{error}. Its last words:\n{log.read_text()[-2000:]}") from None
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended with status {process.returncode}:\n{log.read_text()[-2000:]}")

    def stop(self) -> None:
        """Stop all, the last one first."""
        for _, process in reversed(self.running):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.running.clear()
