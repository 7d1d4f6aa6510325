"""A watcher that stops training where a test wants it: files in `gate/` of the workflow's folder tell it what to do to a seed.

closed_43: seed 43 waits at update 5 until the file is gone, and tells by writing `reached_43`.
hungry_43: it takes 1.5 GB more for a while.
broken_43: it fails.
"""

import time
from pathlib import Path

GATE = Path("gate")
UPDATE, LIMIT = 5, 900  # seconds until waiting is given up


class Gate:
    """Changes nothing of what is trained."""

    def __init__(self, learner, timeline, seeds):
        self.name = "_".join(map(str, seeds))

    def see(self, iteration, step):
        if iteration != UPDATE:
            return
        if (GATE / f"hungry_{self.name}").exists():
            taken, end = b"x" * (1500 * 2**20), time.monotonic() + 5  # Slurm looks every second
            while time.monotonic() < end:
                time.sleep(0.2)
            del taken
        if (GATE / f"broken_{self.name}").exists():
            raise RuntimeError(f"gate/broken_{self.name} exists")
        closed, end = GATE / f"closed_{self.name}", time.monotonic() + LIMIT
        if closed.exists():
            (GATE / f"reached_{self.name}").touch()
        while closed.exists():
            if time.monotonic() > end:
                raise TimeoutError(f"{closed} was there for {LIMIT} s")
            time.sleep(0.2)

    def finish(self, folder):
        pass
