"""Describe and read data.json and stream.json: what later steps need to know of the arrays beside them."""

from pathlib import Path
from typing import TypeVar

from pydantic import ConfigDict, Field

from stability_gap.errors import UserError
from stability_gap.files import read_json
from stability_gap.settings import Settings, validate
from stability_gap.tasks.settings import Classes, Incremental


class Facts(Settings):
    """Allow keys beside those that are needed."""

    model_config = ConfigDict(extra="ignore")


class DatasetFacts(Facts):
    """Hold what must stand in data.json."""

    dataset: str
    classes: Classes
    official: bool
    files: dict[str, str]
    digest: str


class StreamFacts(Facts):
    """Hold what must stand in stream.json; another program may leave out `incremental`, then nobody knows."""

    tasks: int = Field(ge=1)
    classes: Classes
    official: bool
    digest: str
    incremental: Incremental | None = None


F = TypeVar("F", bound=Facts)


def read_facts(path: Path, model: type[F]) -> F:
    """Read a JSON file as `model`. Errors: UserError naming the file and each key that is missing or wrong."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no JSON object; delete it and run again.")
    facts: F = validate(model, content, str(path))
    return facts
