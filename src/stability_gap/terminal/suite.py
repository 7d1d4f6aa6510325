"""Describe the jobs of the chosen suite to the terminal."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from stability_gap.config import Config, parse_seeds
from stability_gap.terminal.estimate import Job, Measured
from stability_gap.terminal.former import former_here, former_published
from stability_gap.terminal.work import images_of, tasks_of, work_of


class Suite:
    """Know what a job of the workflow does, and how long former ones took.

    Args:
        cores: jobs or threads at once. gpus: how many training shares; None: it uses none, or there is no limit. manifests: of
            published suites.
    """

    def __init__(self, config: Config, cores: int, gpus: int | None, manifests: list[Path]) -> None:
        self.config, self.cores, self.gpus, self.manifests = config, cores, gpus, manifests
        self.name = config.suite

    def job(self, rule: str, wildcards: Mapping[str, str]) -> Job:
        """Describe a job by its rule and wildcards."""
        if rule != "train":
            return Job(rule, " ".join([rule, *wildcards.values()]))
        cell, seeds = (wildcards["benchmark"], wildcards["optimizer"]), wildcards["seeds"]
        shown = seeds if len(seeds) < 30 else f"{seeds[:29]}…"
        number, threads = len(parse_seeds(seeds)), self.config.threads
        return Job(rule, f"{' '.join(cell)}, seeds {shown}", cell, number, threads, int(self.gpus is not None))

    @cached_property
    def sources(self) -> list[Measured]:
        """What is known of former jobs: here, then of the published suites."""
        return [former_here(self.config, self.work), former_published(self.config, self.work, self.manifests)]

    @cached_property
    def work(self) -> dict[str, float]:
        """Work of one run of every benchmark."""
        found = {}
        for name, benchmark in self.config.benchmarks.items():
            images = images_of(self.config.datasets[benchmark.dataset])
            found[name] = work_of(benchmark, tasks_of(benchmark.stream, images), images)
        return found
