"""Corpora in tables -> their rows: .jsonl, .csv, .parquet, plain or packed, and folders that `datasets` saved."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import ReportError
from pipeline.manifest import KNOWN
from pipeline.readers import PACKED, opened

__all__ = ["TABLES", "NoColumn", "Rows", "dataset"]

# a row's number, from 1, and what it holds: a column's value by name, or why there is none
Rows = Iterator[tuple[int, Mapping | ReportError]]

_LONGEST_LINE = 16 * 1024 * 1024  # bytes; the longest report, every character escaped, is a fifth of it


class NoColumn(ReportError):
    """A table without the text's column."""


def _check(columns: Iterable[str], column: str, path: Path) -> list[str]:
    """The columns that are read."""
    if column not in columns:
        raise NoColumn(f"no column {column}", path=path, mend="name the column that holds the text")
    return [name for name in dict.fromkeys((column, *KNOWN)) if name in columns]


def _lines(handle: BinaryIO, path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file with their numbers, none so long that it could not be a report."""
    number = 0
    while line := handle.readline(_LONGEST_LINE):
        number += 1
        if len(line) == _LONGEST_LINE:
            raise ReportError("a line of 16 MiB or more", path=path, line=number, mend="a report has less: split it")
        yield number, line


def _jsonl(path: Path, column: str) -> Rows:
    checked_first = False
    with opened(path) as handle:
        for number, line in _lines(handle, path):
            if not line.strip():
                continue
            row = _object(line, path, number)
            if isinstance(row, dict) and not checked_first:
                _check(row, column, path)
                checked_first = True
            yield number, row


def _object(line: bytes, path: Path, number: int) -> Mapping | ReportError:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        return ReportError(f"no JSON in UTF-8: {error}", path=path, line=number, mend="mend the line")
    return row if isinstance(row, dict) else ReportError("no JSON object", path=path, line=number, mend="mend the line")


def _csv(path: Path, column: str) -> Rows:
    csv.field_size_limit(_LONGEST_LINE)
    with opened(path) as handle:
        try:
            table = csv.DictReader(line.decode("utf-8-sig") for _, line in _lines(handle, path))
            _check(table.fieldnames or (), column, path)
            yield from enumerate(table, start=1)
        except (csv.Error, UnicodeDecodeError) as error:
            raise ReportError(f"no CSV in UTF-8: {error}", path=path, mend="save it as CSV in UTF-8") from error


def _parquet(path: Path, column: str) -> Rows:
    import pyarrow
    from pyarrow import parquet

    if path.suffix.lower() in PACKED:
        raise ReportError("a packed parquet", path=path, mend="unpack it: parquet is packed inside")
    with opened(path) as handle:
        try:
            table = parquet.ParquetFile(handle)
            columns = _check(table.schema_arrow.names, column, path)
            number = 0
            for batch in table.iter_batches(batch_size=64, columns=columns):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
        except (pyarrow.ArrowException, ValueError) as error:
            raise ReportError(f"no readable parquet: {error}", path=path, mend="write it anew") from error


def dataset(path: Path, column: str) -> Rows:
    import datasets
    import pyarrow

    try:
        rows = datasets.load_from_disk(str(path))
        columns = _check(rows.column_names, column, path)
        yield from enumerate(rows.select_columns(columns), start=1)
    except (pyarrow.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise ReportError(f"no readable dataset: {error}", path=path, mend="save it anew") from error


TABLES: dict[str, Callable[[Path, str], Rows]] = {".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet}
