"""Turn a YAML file, or what snakemake read of it, into a checked `Config`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stability_gap.config.checks import check_references
from stability_gap.config.likes import expand_likes
from stability_gap.config.model import SECTIONS, Config
from stability_gap.config.sweeps import expand_sweeps
from stability_gap.config.yaml_file import read
from stability_gap.errors import UserError
from stability_gap.settings import validate


def load(path: Path) -> Config:
    """Read a YAML file as a Config. Errors: UserError naming the key and the fix."""
    return resolve(read(path), str(path))


def resolve(values: Any, where: str = "config.yaml") -> Config:
    """Turn a parsed YAML mapping into a Config: expand `like:` and sweeps, check every key and every reference between blocks.

    Errors: UserError, one line per problem.
    """
    if not isinstance(values, Mapping):
        raise UserError(f"{where}: must be a mapping of keys to values.")
    values = {str(key): value for key, value in values.items()}
    for section in SECTIONS:
        if isinstance(values.get(section), Mapping):
            values[section] = expand_likes(values[section], f"{where}: {section}")
    config: Config = validate(Config, expand_sweeps(values, where), where)
    check_references(config, where)
    return config
