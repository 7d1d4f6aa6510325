"""CITATION.cff against the official schema of the Citation File Format.

cff-1.2.0.schema.json is the schema that the Citation File Format project publishes (CC BY 4.0). cffconvert, which checks with the
same file, needs jsonschema < 4 and so cannot stand beside Jupyter and Snakemake in one environment.
"""

import copy
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, FormatChecker

REPOSITORY = Path(__file__).parents[2]
SCHEMA = json.loads((Path(__file__).parent / "cff-1.2.0.schema.json").read_text(encoding="utf-8"))


@pytest.fixture
def citation() -> dict[str, Any]:
    """CITATION.cff as JSON has it: dates are text."""
    content = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    return json.loads(json.dumps(content, default=str))


def problems(citation: dict[str, Any]) -> list[str]:
    validator = Draft7Validator(SCHEMA, format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(citation)]


def test_the_citation_file_is_valid(citation: dict[str, Any]) -> None:
    Draft7Validator.check_schema(SCHEMA)
    assert problems(citation) == []


def test_it_says_what_the_package_says(citation: dict[str, Any]) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])


@pytest.mark.parametrize(
    ("key", "value"),
    [("authors", []), ("type", "programme"), ("date-released", "yesterday"), ("doi", "no"), ("licence", "MIT"), ("title", None)],
)
def test_a_wrong_citation_file_is_refused(citation: dict[str, Any], key: str, value: Any) -> None:
    assert problems({**copy.deepcopy(citation), key: value})
