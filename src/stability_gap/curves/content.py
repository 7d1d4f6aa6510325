"""Read a file once, whatever it is: a table (CSV, parquet) or a JSON document. Nothing is unpickled."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from stability_gap import files
from stability_gap.errors import UserError

_PICKLES = {b"\x80": "pickle", b"PK": "torch.save, numpy.savez"}
_DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Content:
    """Hold what one file says, and its name for messages: either `table`, or `document` (a JSON object)."""

    source: str
    table: pd.DataFrame | None = None
    document: Mapping[str, Any] | None = None

    @property
    def columns(self) -> list[str]:
        """Return the names of the table's columns; none for a document."""
        return [] if self.table is None else [str(name) for name in self.table.columns]

    @property
    def keys(self) -> list[str]:
        """Return the keys of the document; none for a table."""
        return [] if self.document is None else list(self.document)

    def rows(self) -> pd.DataFrame:
        """Return the table. Errors: UserError where the file is a JSON document."""
        if self.table is None:
            raise UserError(f"{self.source} is JSON; this format is a table, CSV or parquet.")
        return self.table

    def fields(self) -> Mapping[str, Any]:
        """Return the document. Errors: UserError where the file is a table."""
        if self.document is None:
            raise UserError(f"{self.source} is a table; this format is a JSON file.")
        return self.document


def read_content(path: Path) -> Content:
    """Read a CSV, parquet or JSON file, told apart by what is in it.

    Names of columns are stripped and in small letters. CSV may be delimited by commas, semicolons or tabs.
    Errors: UserError where the file is missing, empty, a pickle, or none of these.
    """
    try:
        raw = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist; give the path of a file of curves or of a run folder.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error
    if raw[:4] == b"PAR1":
        return Content(str(path), table=named_columns(files.read_parquet(path), path))
    for start, maker in _PICKLES.items():
        if raw.startswith(start):
            raise UserError(
                f"{path} is a packed Python file ({maker}), which can run any code when it is loaded; "
                "save the curves as JSON or CSV instead (docs/own-curves.md has one line for each tool)."
            )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is neither parquet nor text in UTF-8; save the curves as CSV, parquet or JSON.") from error
    if not text.strip():
        raise UserError(f"{path} is empty.")
    if text.lstrip()[0] in "{[":
        return Content(str(path), document=_document(text, path))
    return Content(str(path), table=named_columns(_csv(text, path), path))


def _document(text: str, path: Path) -> Mapping[str, Any]:
    try:
        document = files.parse_json(text)
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}); write it again.") from error
    if not isinstance(document, dict):
        raise UserError(f"{path} is a JSON {type(document).__name__}; it must be an object with named curves.")
    return document


def _csv(text: str, path: Path) -> pd.DataFrame:
    heading = text.lstrip().splitlines()[0]
    delimiter = max(_DELIMITERS, key=heading.count)
    try:
        return files.parse_csv(StringIO(text), sep=delimiter, skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        raise UserError(f"{path} cannot be read as CSV ({str(error).strip()}); write one heading and equal rows.") from error


def named_columns(table: pd.DataFrame, path: str | Path) -> pd.DataFrame:
    """Strip the names of columns and put them into small letters. Errors: UserError where two are the same then."""
    names = [str(name).strip().lower() for name in table.columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{path} has the column {twice[0]} twice; give every column a name of its own.")
    return table.set_axis(names, axis="columns")
