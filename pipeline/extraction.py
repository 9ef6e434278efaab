"""Reports -> facts: one report for a caller in Python, chunks of them for the batch engine's workers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import torch
from spacy.language import Language

from pipeline.containers import Source, read
from pipeline.errors import ReportError
from pipeline.facts import facts_of
from pipeline.language import sentences_of
from pipeline.predict import load
from pipeline.reports import from_text, read_report
from pipeline.schema import Fact, Report
from pipeline.workers import Job, Outcome, failed

__all__ = ["Extractor", "analyse", "extract"]


def analyse(nlp: Language, reports: Iterable[Report], *, together: int = 8) -> Iterator[tuple[Report, list[Fact]]]:
    """Each report with its facts, in order; `together` of them are held and analysed at a time."""

    def docs():
        for report in reports:
            doc = nlp.make_doc(report.text)
            doc._.sentences = sentences_of(report)
            yield doc, report

    for doc, report in nlp.pipe(docs(), as_tuples=True, batch_size=together):
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
    report = source if isinstance(source, Report) else read_report(source, **known)
    for _, facts in analyse(nlp or load(), [report]):
        yield from facts


class Extractor:
    """What a worker process does with a chunk of sources, on one thread."""

    def __init__(self, job: Job) -> None:
        torch.set_num_threads(1)  # a worker a core reads faster than one process on all cores
        self.job, self.nlp = job, load(job.model)

    def __call__(self, sources: Sequence[Source], *, at: Callable[[int | None], None]) -> list[Outcome]:
        """An outcome for each source. `at` is told which is read next, and None when all are analysed."""
        outcomes, reports = {}, []
        for number, source in enumerate(sources):
            at(number)
            try:
                reports.append((number, self._report(source)))
            except ReportError as error:
                outcomes[number] = failed(source.path, type(error).__name__, error.what, error.mend)
        at(None)
        found = analyse(self.nlp, [report for _, report in reports], together=len(sources))
        for (number, report), (_, facts) in zip(reports, found, strict=True):
            path, rows = sources[number].path, [fact.to_json() for fact in facts]
            outcomes[number] = Outcome(path, self._lines(report, rows), len(rows), len(report.text))
        return [outcomes[number] for number in range(len(sources))]

    def _report(self, source: Source) -> Report:
        text, id, said = read(source)
        told = self.job.manifest.get(source.path) or self.job.manifest.get(Path(source.path).name) or {}
        return from_text(text, name=source.name, id=id, **said | told | self.job.known)

    def _lines(self, report: Report, rows: list[dict]) -> str:
        if self.job.per == "report":
            about = {k: getattr(report, k) for k in ("id", "title", "region", "adcode", "level", "year", "date")}
            rows = [{"report": about, "facts": rows}]
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
