"""Tell how far the training of a block of seeds is."""

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """A line every few seconds: which seed of how many, iteration, time left for the block."""

    def __init__(self, title: str, seeds: int, updates: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.title, self.seeds, self.updates, self.clock = title, seeds, updates, clock
        self.finished = self.underway = 0
        self.given = 0.0  # runs, or parts of them, that an earlier job did
        self.started = self.last = clock()

    def begin(self, seeds: list[int]) -> Callable[[int], None]:
        """Begin with the next seed, or with several at once.

        The returned function takes the finished iterations; its first call tells what an earlier job did, which took no time.
        """
        self.finished += self.underway
        self.underway = len(seeds)
        names = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"

        begun = False

        def report(iteration: int) -> None:
            nonlocal begun
            if not begun:
                begun = True
                self.given += len(seeds) * iteration / self.updates
                return
            now = self.clock()
            if now - self.last < SECONDS_BETWEEN_LINES:
                return
            self.last = now
            done = self.finished + len(seeds) * iteration / self.updates
            left = (now - self.started) * (self.seeds - done) / (done - self.given)
            log.info(
                "%s: run %d of %d (%s), iteration %d of %d, about %d s left",
                *(self.title, self.finished + 1, self.seeds, names, iteration, self.updates, round(left)),
            )

        return report

    def undo(self) -> None:
        """Forget the seeds under way: they will be trained again."""
        self.underway = 0
