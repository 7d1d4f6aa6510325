"""Read and write files: every write is atomic and gives the same bytes for the same content."""

import hashlib
import json
import os
import warnings
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stability_gap.errors import UserError, why_not_written

METRICS = ["benchmark", "optimizer", "seed", "metric", "context", "value"]  # columns of metrics.parquet

SEAL = b"stability-gap sha256:"  # stands before the checksum of a parquet file of ours
CHECKSUM = "checksum"  # the key of that of a JSON object of ours


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
        raise UserError(f"cannot write {path}: {why_not_written(error)}") from error
    finally:
        temporary.unlink(missing_ok=True) if temporary.parent.is_dir() else None


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Write `content` as JSON with sorted keys and a final newline; an object gets a key `checksum`, of all the others."""
    if isinstance(content, dict):
        content = json.loads(json.dumps(content))  # keys are texts, as they will be read
        content = {**content, CHECKSUM: _checksum(content)}
    write_text(path, json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file; of an object that `write_json` wrote, the checksum is verified and left out.

    Errors: UserError where the file is missing, no JSON, or does not match its checksum.
    """
    try:
        content = parse_json(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist; run the step that makes it (snakemake {path}).") from error
    except (ValueError, OSError) as error:
        raise UserError(f"{path} is not valid JSON ({error}); delete it and run again.") from error
    if isinstance(content, dict) and CHECKSUM in content:
        told = content.pop(CHECKSUM)
        if told != _checksum(content):
            raise UserError(
                f"{path} does not match its checksum: it was damaged or edited. Delete it and run again;"
                f" to keep an edit, remove its key {CHECKSUM}."
            )
    return content


def _checksum(content: dict[Any, Any]) -> str:
    """Digest what a JSON object says, however it is laid out."""
    return f"sha256:{hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()}"


def parse_json(text: str) -> Any:
    """Parse JSON. Errors: ValueError where it is none, nested too deep, or holds a number of thousands of digits."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    """Write a table without its index; the same table gives the same bytes. Pages carry checksums, the file its sha256."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)

    def write(temporary: Path) -> None:
        pq.write_table(arrow, temporary, compression="zstd", write_page_checksum=True)
        content = temporary.read_bytes()
        footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
        temporary.write_bytes(content[:footer] + SEAL + hashlib.sha256(content).digest() + content[footer:])

    write_atomically(path, write)


def read_parquet(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a parquet file: `columns`, in that order, or all. Checksums are verified where there are any.

    Errors: UserError where the file is missing, damaged or no parquet, or columns are missing.
    """
    try:
        arrow = pq.ParquetFile(pa.BufferReader(_unsealed(Path(path).read_bytes())), page_checksum_verification=True)
        present = arrow.schema_arrow.names
        missing = [column for column in columns or [] if column not in present]
        if missing:
            raise UserError(
                f"{path} lacks the column(s) {', '.join(missing)}; it has {', '.join(present)}. See docs/data-contracts.md."
            )
        table: pd.DataFrame = arrow.read(columns or present).select(columns or present).to_pandas()
        return (
            table if table.index.names == [None] else table.reset_index()[columns or present]
        )  # somebody's index is a column here
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist; run the step that makes it (snakemake {path}).") from error
    except UserError:
        raise
    except Exception as error:  # Arrow raises many types on damaged bytes (benchmarks/damaged_parquet.py lists them)
        raise UserError(
            f"{path} cannot be read as parquet ({error}). If the pipeline made it, delete it and run again."
        ) from error


def _unsealed(content: bytes) -> bytes:
    """Take the seal out of a parquet file that `write_parquet` wrote; one of somebody else's stays as it is.

    Between a parquet file's pages and its footer bytes may stand that no reader looks at. There we keep the sha256 of the rest:
    the checksums of pages leave out the footer, which says where columns lie and what their bytes mean. Errors: ValueError where
    it does not match.
    """
    pages, seal, rest = content.rpartition(SEAL)
    if not seal:
        return content
    length = hashlib.sha256().digest_size
    if hashlib.sha256(pages + rest[length:]).digest() != rest[:length]:
        raise ValueError("its checksum does not match: it was damaged or cut")
    return pages + rest[length:]


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV without its index; floats in their shortest exact form."""
    write_atomically(path, lambda temporary: table.to_csv(temporary, index=False, lineterminator="\n"))


def read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV file. Errors: UserError where it is missing or no table."""
    try:
        return parse_csv(path, keep_default_na=True)
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist; run the step that makes it (snakemake {path}).") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError) as error:
        raise UserError(f"{path} cannot be read as CSV ({error}); delete it and run again.") from error


ROUND_TRIP: dict[str, Any] = {} if tuple(map(int, pd.__version__.split(".")[:2])) >= (3, 1) else {"float_precision": "round_trip"}
"""Before 3.1 pandas reads every third float wrong in its last digit, unless told otherwise."""


def parse_csv(source: Path | StringIO, **options: Any) -> pd.DataFrame:
    """Read CSV by pandas, with `options` of its own. Errors: ParserError where rows have more fields than the heading.

    By itself pandas takes the first fields of such rows for an index, and every value then stands under another name.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            table: pd.DataFrame = pd.read_csv(source, index_col=False, **ROUND_TRIP, **options)
        except pd.errors.ParserWarning as error:
            raise pd.errors.ParserError("rows have more fields than the heading") from error
    return table


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write named arrays, uncompressed; object arrays are refused by numpy (no pickle anywhere)."""

    def write(temporary: Path) -> None:
        with temporary.open("wb") as handle:
            np.savez(handle, allow_pickle=False, **arrays)

    write_atomically(path, write)


def digest(path: Path) -> str:
    """Digest a file: sha256, as hex."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
