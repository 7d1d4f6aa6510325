"""Read `config.yaml` into typed settings; every bad value gets one message that names its key and the fix."""

from stability_gap.config.likes import expand_likes
from stability_gap.config.load import load, resolve
from stability_gap.config.model import Benchmark, Config, Extensions, Suite, TableSettings
from stability_gap.config.on_disk import check_finished_runs, check_results_folder, is_whole
from stability_gap.config.seeds import format_seeds, parse_seeds, plan_blocks
from stability_gap.config.selections import with_selected
from stability_gap.config.yaml_file import read

__all__ = [
    "Benchmark",
    "Config",
    "Extensions",
    "Suite",
    "TableSettings",
    "check_finished_runs",
    "check_results_folder",
    "expand_likes",
    "format_seeds",
    "is_whole",
    "load",
    "parse_seeds",
    "plan_blocks",
    "read",
    "resolve",
    "with_selected",
]
