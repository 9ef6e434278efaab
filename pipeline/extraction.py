"""A stream of report files -> a stream of facts; one bad report never stops it."""

from __future__ import annotations

import glob
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from spacy.language import Language

from pipeline.errors import PipelineError, ReportError
from pipeline.facts import facts_of
from pipeline.language import sentences_of
from pipeline.reports import SUFFIXES, read_report
from pipeline.schema import Fact, Report

__all__ = ["Summary", "analyse", "extract", "extract_files", "find_reports", "replacing"]

_AT_ONCE = 8  # reports analysed together


@dataclass
class Summary:
    """What a run did."""

    reports: int = 0
    facts: int = 0
    characters: int = 0
    errors: list[str] = field(default_factory=list)


def find_reports(patterns: Iterable[Path | str]) -> list[Path]:
    """The report files of files, folders (searched deeply) and globs, in the order given.

    Raises:
        ReportError: nothing is there, or a folder holds no report.
    """
    found: list[Path] = []
    for pattern in patterns:
        path = Path(pattern)
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in SUFFIXES)
            if not inside:
                raise ReportError("no report in this folder", path=path, mend=f"it needs {' '.join(SUFFIXES)}")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            matched = sorted(Path(p) for p in glob.glob(str(pattern), recursive=True) if Path(p).is_file())
            if not matched:
                raise ReportError("no such file or folder", path=path, mend="check the path")
            found += matched
    return list(dict.fromkeys(found))


def analyse(nlp: Language, reports: Iterable[Report]) -> Iterator[tuple[Report, list[Fact]]]:
    """Each report with its facts, in order; only `_AT_ONCE` reports are held at a time."""

    def docs():
        for report in reports:
            doc = nlp.make_doc(report.text)
            doc._.sentences = sentences_of(report)
            yield doc, report

    for doc, report in nlp.pipe(docs(), as_tuples=True, batch_size=_AT_ONCE):
        yield report, list(facts_of(doc, report, calibration=nlp.meta.get("baogao_calibration", (1.0, 0.0))))


def extract(source: Path | str | Report, *, nlp: Language | None = None, **known) -> Iterator[Fact]:
    """The facts of one report, given as a file or read already.

    Args:
        source: a path, or a Report.
        nlp: a loaded pipeline; by default the shipped model.
        known: title, region or year, overriding what the report says.

    Raises:
        ReportError: the file cannot be read.
        ModelError: the model cannot be loaded.
    """
    from pipeline.predict import load

    report = source if isinstance(source, Report) else read_report(source, **known)
    for _, facts in analyse(nlp or load(), [report]):
        yield from facts


@contextmanager
def replacing(path: Path) -> Iterator[IO[str]]:
    """A file to write that takes `path`'s place only when all went well."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise PipelineError(f"cannot be written: {error.strerror}", path=path, mend="choose another place") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            yield out
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def extract_files(
    paths: Iterable[Path],
    nlp: Language,
    output: Path,
    *,
    known: dict | None = None,
    manifest: dict[str, dict] | None = None,
    progress: Callable[[Path], None] = lambda path: None,
) -> Summary:
    """Facts of all files to `output` (JSON lines), failed files to `<output>.errors.jsonl`.

    `known` holds for every report, `manifest` by path or file name (`reports.read_manifest`). An errors file of an earlier run is removed when this run has none.
    """
    summary = Summary()
    failures: list[dict] = []

    def reports() -> Iterator[Report]:
        for path in paths:
            progress(path)
            try:
                said = (manifest or {}).get(str(path)) or (manifest or {}).get(path.name) or {}
                yield read_report(path, **said | (known or {}))
            except ReportError as error:
                summary.errors.append(str(error))
                failures.append({"path": str(path), "error": error.what, "mend": error.mend})

    with replacing(output) as out:
        for report, facts in analyse(nlp, reports()):
            summary.reports += 1
            summary.characters += len(report.text)
            summary.facts += len(facts)
            for fact in facts:
                out.write(json.dumps(fact.to_json(), ensure_ascii=False) + "\n")
    errors = output.with_suffix(".errors.jsonl")
    if failures:
        with replacing(errors) as out:
            for failure in failures:
                out.write(json.dumps(failure, ensure_ascii=False) + "\n")
    else:
        errors.unlink(missing_ok=True)
    return summary
