"""Files, folders, globs, archives and corpora -> a stream of `Source`s, one a report."""

from __future__ import annotations

import hashlib
import logging
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from pipeline.errors import ReportError, printable
from pipeline.manifest import known_of
from pipeline.readers import (
    DAMAGED,
    LARGEST,
    PACKED,
    SUFFIXES,
    checked,
    form,
    opened,
    read_bytes,
    read_text,
    stem,
    whole,
)
from pipeline.tables import TABLES, NoColumn, dataset

__all__ = ["Source", "read", "sources"]

log = logging.getLogger(__name__)

_ARCHIVES = (".zip", ".rar", ".7z", ".tar", ".tgz")


@dataclass(frozen=True)
class Source:
    """A report to be read: a file, a member of an archive (with its bytes) or a row of a corpus (with its text).

    `path` names it, in one printable line: `a.txt`, `archive.zip!inner/a.txt`, `corpus.jsonl:17`. `name` is its
    file name without endings, "" for a row. `known` is what a row says of its report. A source that could not be
    taken out of its container carries the error.
    """

    path: str
    name: str = ""
    file: str | None = None
    data: bytes | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)
    known: dict = field(default_factory=dict)
    error: ReportError | None = None

    @property
    def size(self) -> int:
        """Bytes, about."""
        if self.file is not None:
            return _stat(self.file)[0]
        return len(self.data or b"") + 3 * len(self.text or "")

    @property
    def fingerprint(self) -> str:
        """Another one, most likely, where what it holds is other: size and time of a file, else a hash."""
        if self.file is not None:
            return "{}:{}".format(*_stat(self.file))
        held = self.data or (self.text or str(self.error)).encode()
        return hashlib.sha256(held + repr(self.known).encode()).hexdigest()[:16]


def _stat(path: str) -> tuple[int, int]:
    try:
        about = os.stat(path)
    except OSError:
        return 0, 0
    return about.st_size, about.st_mtime_ns


def read(source: Source) -> tuple[str, str, dict]:
    """(text, id, known) of a source; the id is the first 16 hex digits of the SHA-256 of its bytes.

    Raises:
        ReportError: the source carries an error, cannot be read, or holds no report.
    """
    if source.error is not None:
        raise source.error
    if source.file is not None:
        return *read_text(Path(source.file)), source.known
    if source.data is not None:
        text, data = read_bytes(source.data, source.path), source.data
    else:
        text = checked(source.text or "", source.path)
        data = text.encode()
    return text, hashlib.sha256(data).hexdigest()[:16], source.known


def sources(patterns: Iterable[str | Path], *, text_column: str = "text") -> Iterator[Source]:
    """The reports of files, folders (searched deeply), globs, .zip archives and corpora, in the order given.

    A corpus is a .jsonl, .csv or .parquet file or a folder that `datasets` saved: a row a report. In a folder such
    files are read if they have the column. All but .zip and .parquet may be packed (.gz, .bz2, .xz). What is broken
    comes as a source with its error. Only the names of files and one element at a time are held in memory.

    Args:
        patterns: paths or globs.
        text_column: where a corpus has its text; its columns title, region, year and date become `known`.

    Raises:
        ReportError: nothing is there, or a folder holds no report; at once, before the first source is taken.
    """
    places = [place for pattern in patterns for place in _places(pattern, text_column)]
    return _all(places, text_column)


def _places(pattern: str | Path, column: str) -> list[Path]:
    path = Path(pattern)
    if os.path.isdir(path):
        if next(_all([path], column), None) is None:
            raise ReportError("no report in this folder", path=path, mend=f"it needs {' '.join(SUFFIXES)}")
        return [path]
    if os.path.lexists(path):
        return [path]
    try:
        # unlike glob.glob, this follows no link to a folder, so none in a circle
        matched = Path(path.anchor).glob(str(path.relative_to(path.anchor)))
        found = sorted(p for p in matched if p.is_file() and not _hidden(p.name))
    except (ValueError, NotImplementedError, OSError):
        found = []
    if not found:
        raise ReportError("no such file or folder", path=path, mend="check the path")
    return found


def _all(places: Iterable[Path], column: str) -> Iterator[Source]:
    seen: set[str] = set()
    for place in places:
        for path in _walk(place):
            if isinstance(path, ReportError):
                yield Source(printable(path.path), error=path)
            elif str(path) not in seen:
                seen.add(str(path))
                yield from _opened_up(path, column, named=path == place)


def _walk(place: Path) -> Iterator[Path | ReportError]:
    """The files and datasets in a folder in order, its own before those of its folders; or the file itself."""
    if not os.path.isdir(place):
        yield place
        return
    failed: list[OSError] = []
    for folder, inner, names in os.walk(place, onerror=failed.append):
        if "state.json" in names and "dataset_info.json" in names:
            yield Path(folder)
            inner.clear()
            continue
        inner[:] = sorted(name for name in inner if not _hidden(name))
        known = (*SUFFIXES, *TABLES, ".zip")
        yield from (Path(folder, name) for name in sorted(names) if not _hidden(name) and form(name) in known)
    for error in failed:
        yield ReportError(f"cannot be read: {error.strerror}", path=error.filename, mend="check the folder")


def _hidden(name: str) -> bool:
    """Whether a file is a system's or word processor's own: .DS_Store, ~$report.docx, __MACOSX."""
    return name.startswith((".", "~$", "__MACOSX")) and name != ".."


def _opened_up(path: Path, column: str, *, named: bool) -> Iterator[Source]:
    """The sources of one file or dataset; a table without the column is none if it was not `named`."""
    table = dataset if os.path.isdir(path) else TABLES.get(form(path))
    shown = printable(path)
    if form(path) == ".zip" and not os.path.isdir(path):
        yield from _members(path)
    elif table is None:
        yield Source(shown, stem(path), file=str(path))
    else:
        try:
            for number, row in table(path, column):
                yield _row(f"{shown}:{number}", row, column)
        except NoColumn as error:
            if named:
                yield Source(shown, error=error)
            else:
                log.warning("%s: passed over, as it has no column %s", shown, column)
        except ReportError as error:
            yield Source(shown, error=error)


def _row(shown: str, row: Mapping | ReportError, column: str) -> Source:
    if isinstance(row, ReportError):
        return Source(shown, error=row)
    text = row.get(column)
    if not isinstance(text, str):
        error = ReportError(f"{column} is {type(text).__name__}, not text", path=shown, mend="leave the row out")
        return Source(shown, error=error)
    try:
        # JSON may hold half of a character
        return Source(shown, text=whole(text), known=known_of(row))
    except ValueError as error:
        wrong = ReportError(str(error), path=shown, mend="a year is 2022, a date 2022-01-11")
        return Source(shown, error=wrong)


def _members(path: Path) -> Iterator[Source]:
    """The reports in an archive; each is unpacked up to the size of a report, whatever its header says."""
    shown = printable(path)
    try:
        with opened(path) as handle, zipfile.ZipFile(handle) as archive:
            found = False
            for member in archive.infolist():
                name = PurePosixPath(_name(member))
                packed = name.suffix.lower() in (*PACKED, *_ARCHIVES)
                if member.is_dir() or any(map(_hidden, name.parts)) or not (packed or form(name) in SUFFIXES):
                    continue
                found = True
                yield _member(archive, member, f"{shown}!{printable(name)}", packed)
            if not found:
                raise ReportError("no report in this archive", path=path, mend=f"it needs {' '.join(SUFFIXES)}")
    except ReportError as error:
        yield Source(shown, error=error)


def _name(member: zipfile.ZipInfo) -> str:
    """A member's name; what is not marked as UTF-8 is that or, from a Chinese Windows, GBK."""
    if member.flag_bits & 0x800:
        return member.filename
    name = member.filename.encode("cp437", "replace")
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("gb18030", "replace")


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, shown: str, packed: bool) -> Source:
    try:
        if packed:
            raise ReportError("an archive in an archive", path=shown, mend="unpack it")
        if member.flag_bits & 1:
            raise ReportError("encrypted", path=shown, mend="unpack it with its password")
        with archive.open(member) as handle:
            return Source(shown, stem(shown), data=handle.read(LARGEST + 1))
    except ReportError as error:
        return Source(shown, error=error)
    except DAMAGED as error:
        return Source(shown, error=ReportError(f"damaged: {error}", path=shown, mend="pack the archive anew"))
