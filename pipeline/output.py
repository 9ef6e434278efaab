"""Files that are complete or not there: whole files, and the shards of a run that can go on after a kill."""

from __future__ import annotations

import glob
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO

from pipeline.errors import PipelineError

__all__ = [
    "FORMS",
    "Shards",
    "block_path",
    "block_shard",
    "check_place",
    "converted",
    "discard",
    "finish",
    "flat",
    "keep_blocks",
    "replacing",
    "shard_paths",
    "sweep_blocks",
]

FORMS = (".jsonl", ".parquet", ".csv")
_ROWS = 2000  # facts of a table written at once


@contextmanager
def replacing(path: Path, mode: str = "w") -> Iterator[IO]:
    """A file to write that takes `path`'s place only when all went well.

    Raises:
        PipelineError: the place cannot be written.
    """
    text = {} if "b" in mode else {"encoding": "utf-8"}
    check_place(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with os.fdopen(handle, mode, **text) as out:
            yield out
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def check_place(path: Path) -> None:
    """Nothing but a file is there, if anything: a device or folder is not to be replaced.

    Raises:
        PipelineError: something else is.
    """
    if path.exists() and not path.is_file():
        raise PipelineError("cannot be written: it is no file", path=path, mend="name a file")


def _unwritable(path: Path, error: OSError) -> PipelineError:
    return PipelineError(f"cannot be written: {error.strerror}", path=path, mend="free the place or choose another")


def shard_paths(output: Path, shards: int) -> list[Path]:
    """The files of an output: itself, or facts-00000-of-00004.jsonl and so on."""
    if shards == 1:
        return [output]
    return [output.with_name(f"{output.stem}-{n:05d}-of-{shards:05d}{output.suffix}") for n in range(shards)]


class Shards:
    """JSON lines on their way to the files of an output, under names ending in .part until `finish`.

    Args:
        output: the output's path.
        shards: how many files.
        ends: bytes of each that are good already (of a run that goes on); what lies behind is cut off.

    Raises:
        PipelineError: a file cannot be written, or holds less than it should.
    """

    def __init__(self, output: Path, shards: int, ends: Sequence[int]) -> None:
        self.parts = [_part(path) for path in shard_paths(output, shards)]
        self.ends = list(ends)
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            self.files = [open(part, "ab") for part in self.parts]
            for file, part, end in zip(self.files, self.parts, ends, strict=True):
                if file.tell() < end:
                    raise PipelineError("shorter than its ledger says", path=part, mend="begin anew with --restart")
                file.truncate(end)
        except OSError as error:
            raise _unwritable(output, error) from error

    def write(self, number: int, lines: str) -> None:
        """Lines of the report with this number: reports go round the shards in turn."""
        shard, data = number % len(self.files), lines.encode("utf-8", errors="replace")
        try:
            self.files[shard].write(data)
        except OSError as error:
            raise _unwritable(self.parts[shard], error) from error
        self.ends[shard] += len(data)

    def settle(self) -> None:
        """Everything written so far is on the disk when this returns."""
        for file, part in zip(self.files, self.parts, strict=True):
            try:
                file.flush()
                os.fsync(file.fileno())
            except OSError as error:
                raise _unwritable(part, error) from error

    def close(self) -> None:
        for file in self.files:
            try:
                file.close()
            except OSError:
                pass  # a full disk was told of when it was written to
        self.files = []


def finish(output: Path, shards: int) -> None:
    """Give the parts of an output their names and their form; a shard that has its name already is left.

    Raises:
        PipelineError: a file cannot be written.
    """
    for path in shard_paths(output, shards):
        part = _part(path)
        if part.exists():
            try:
                converted(part, path)
            except OSError as error:
                raise _unwritable(path, error) from error
            part.unlink(missing_ok=True)


def discard(output: Path, shards: int) -> None:
    """Remove the parts of a run that came to nothing."""
    for path in shard_paths(output, shards):
        _part(path).unlink(missing_ok=True)


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def converted(part: Path, path: Path) -> None:
    """JSON lines of facts `part` as `path`: JSON lines still, Parquet or CSV by its ending."""
    if path.suffix == ".parquet":
        _parquet(part, path)
    elif path.suffix == ".csv":
        _csv(part, path)
    else:
        part.replace(path)


def block_path(output: Path, block: int) -> Path:
    """The file of a block that is written by itself: facts-000012.jsonl."""
    return output.with_name(f"{output.stem}-{block:06d}{output.suffix}")


@contextmanager
def block_shard(output: Path, block: int) -> Iterator[IO[bytes]]:
    """A block's JSON lines, which take their place in the output's form when all are on the disk; two may try at once.

    Raises:
        PipelineError: the place cannot be written.
    """
    path = block_path(output, block)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            part, made = Path(folder, "part"), Path(folder, path.name)
            with open(part, "wb") as out:
                yield out
            converted(part, made)
            with open(made, "rb") as whole:
                os.fsync(whole.fileno())
            os.replace(made, path)
    except OSError as error:
        raise _unwritable(path, error) from error


def sweep_blocks(output: Path) -> None:
    """Remove what killed attempts at blocks have left."""
    for left in output.parent.glob(f".{_blocks(output)}.*"):
        shutil.rmtree(left, ignore_errors=True)


def keep_blocks(output: Path, blocks: int) -> None:
    """Remove the shards that an earlier, longer run had behind so many blocks."""
    for path in output.parent.glob(_blocks(output)):
        number = path.stem.rpartition("-")[2]
        if number.isdecimal() and int(number) >= blocks:
            path.unlink(missing_ok=True)


def _blocks(output: Path) -> str:
    return f"{glob.escape(output.stem)}-{'[0-9]' * 6}*{output.suffix}"


# the columns of a table: every leaf of a fact, lists as JSON
_TEXTS = (
    "report.id report.region report.adcode report.level report.date report.sources sentence.text sentence.section "
    "metric.text metric.parts metric.indicator metric.source value.text value.numbers unit.text unit.canonical unit.dimension "
    "period.text period.start_date period.end_date period.source region.text region.name region.adcode region.level region.source "
    "base kind direction status bound"
).split()
_WHOLE = (
    "report.year sentence.start sentence.end value.start value.end unit.start unit.end period.start period.end region.start "
    "region.end schema_version"
).split()
_NUMBERS = "metric.indicator_score value.number value.low value.high unit.factor confidence".split()


def flat(fact: dict) -> dict:
    """A fact as one row: nested names joined by a dot, lists and sources as JSON, absent parts as None."""
    row = {}
    for column in (*_TEXTS, *_WHOLE, *_NUMBERS):
        value = fact
        for name in column.split("."):
            value = None if value is None else value[name]
        row[column] = json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value
    return row


def _rows(part: Path) -> Iterator[list[dict]]:
    with open(part, encoding="utf-8") as lines:
        while rows := [flat(json.loads(line)) for line in islice(lines, _ROWS)]:
            yield rows


def _parquet(part: Path, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {pa.string(): _TEXTS, pa.int64(): _WHOLE, pa.float64(): _NUMBERS}
    schema = pa.schema([(column, kind) for kind, columns in kinds.items() for column in columns])
    with replacing(path, "wb") as out, pq.ParquetWriter(out, schema) as writer:
        for rows in _rows(part):
            writer.write_table(pa.Table.from_pylist(rows, schema))


def _csv(part: Path, path: Path) -> None:
    import csv

    with replacing(path) as out:
        out.write("\ufeff")  # spreadsheets take a table for GBK without it
        writer = csv.DictWriter(out, [*_TEXTS, *_WHOLE, *_NUMBERS], lineterminator="\n")
        writer.writeheader()
        for rows in _rows(part):
            writer.writerows(rows)
