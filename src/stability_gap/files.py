"""Reading and writing files: every write is atomic and gives the same bytes for the same content."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stability_gap.errors import UserError

METRICS = ["benchmark", "optimizer", "seed", "metric", "context", "value"]  # columns of metrics.parquet


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Call ``write(temporary)`` and rename the temporary file to `path`, so that no half-written file is ever seen.

    The temporary file stands in the same folder and keeps the suffix. Errors: UserError where the folder cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror or error}. Check the folder, its rights and free space."
        ) from error
    finally:
        temporary.unlink(missing_ok=True) if temporary.parent.is_dir() else None


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Write `content` as JSON with sorted keys and a final newline."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Content of a JSON file. Errors: UserError where it is missing or no JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist; run the step that makes it (snakemake {path}).") from error
    except (json.JSONDecodeError, UnicodeDecodeError, OSError) as error:
        raise UserError(f"{path} is not valid JSON ({error}); delete it and run again.") from error


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    """Write a table without its index; the same table gives the same bytes."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    write_atomically(path, lambda temporary: pq.write_table(arrow, temporary, compression="zstd"))


def read_parquet(path: Path, columns: list[str]) -> pd.DataFrame:
    """Table of a parquet file with at least `columns`, in that order. Errors: UserError where file or columns are missing."""
    try:
        present = pq.read_schema(path).names
        missing = [column for column in columns if column not in present]
        if missing:
            raise UserError(
                f"{path} lacks the column(s) {', '.join(missing)}; it has {', '.join(present)}. See docs/data-contracts.md."
            )
        return pd.read_parquet(path, columns=columns)
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist; run the step that makes it (snakemake {path}).") from error
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            f"{path} cannot be read as parquet ({error}). If the pipeline made it, delete it and run again."
        ) from error


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV without its index; floats in their shortest exact form."""
    write_atomically(path, lambda temporary: table.to_csv(temporary, index=False, lineterminator="\n"))


def read_csv(path: Path) -> pd.DataFrame:
    """Table of a CSV file. Errors: UserError where it is missing or no table."""
    try:
        return pd.read_csv(path, keep_default_na=True)
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist; run the step that makes it (snakemake {path}).") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError) as error:
        raise UserError(f"{path} cannot be read as CSV ({error}); delete it and run again.") from error


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write named arrays, uncompressed; object arrays are refused by numpy (no pickle anywhere)."""

    def write(temporary: Path) -> None:
        with temporary.open("wb") as handle:
            np.savez(handle, allow_pickle=False, **arrays)

    write_atomically(path, write)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an npz file. Errors: UserError where it is missing, damaged or holds pickled objects."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist; run the step that makes it (snakemake {path}).") from error
    except (ValueError, TypeError, OSError, EOFError, BadZipFile) as error:
        raise UserError(f"{path} is damaged or no plain npz file ({error}); delete it and make it again.") from error


def digest(path: Path) -> str:
    """sha256 of a file, as hex."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
