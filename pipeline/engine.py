"""A corpus of reports -> a file of facts: in order, in bounded memory, going on where a killed run stopped."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from pipeline.containers import Source
from pipeline.errors import ModelError
from pipeline.ledger import Ledger
from pipeline.output import Shards, check_place, discard, finish, replacing
from pipeline.schema import SCHEMA_VERSION
from pipeline.workers import Job, Outcome, Pool

__all__ = [
    "Summary",
    "chunked",
    "counted",
    "errors_path",
    "extract_files",
    "fingerprint",
    "head_of",
    "model_hash",
    "write_beside",
]

# Bytes of a chunk's sources, about: the first chunk is small so that the first facts come soon.
_FIRST, _LARGEST = 12_000, 200_000
_MOST = 64
_SETTLE = 2.0  # seconds between two times that what is done is put on the disk


@dataclass
class Summary:
    """What a run has done so far, and how much of it earlier processes had; `errors` holds the lines of the errors file."""

    reports: int = 0
    facts: int = 0
    characters: int = 0
    errors: list[dict] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)
    earlier_reports: int = 0
    earlier_characters: int = 0
    stopped: bool = False  # by the number of errors

    @property
    def done(self) -> int:
        return self.reports + len(self.errors)

    @property
    def seconds(self) -> float:
        return max(time.monotonic() - self.started, 1e-9)

    def speed(self) -> tuple[float, float]:
        """Reports and characters a second, of this process."""
        return (self.done - self.earlier_reports) / self.seconds, (self.characters - self.earlier_characters) / self.seconds

    def add(self, reports: int, facts: int, characters: int, errors: Iterable[dict]) -> None:
        self.reports += reports
        self.facts += facts
        self.characters += characters
        self.errors += errors


def chunked(sources: Iterable[Source]) -> Iterator[list[Source]]:
    """Sources in chunks that are analysed together; where a chunk ends depends on the sources alone.

    Batches decide the last digits of a confidence: with the same chunks, any number of workers and any
    number of interruptions give the same bytes.
    """
    chunk, size, limit = [], 0, _FIRST
    for source in sources:
        chunk.append(source)
        size += source.size
        if size >= limit or len(chunk) == _MOST:
            yield chunk
            chunk, size, limit = [], 0, min(2 * limit, _LARGEST)
    if chunk:
        yield chunk


def fingerprint(chunk: Sequence[Source]) -> str:
    """What the chunk's sources were, as 16 hex digits."""
    text = "\n".join(f"{source.path}\t{source.fingerprint}" for source in chunk)
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()[:16]


def model_hash(folder: Path) -> str:
    """The first 16 hex digits of the SHA-256 of a model's files.

    Raises:
        ModelError: the folder holds no model.
    """
    digest = hashlib.sha256()
    if not (folder / "meta.json").is_file():
        raise ModelError("no model here", path=folder, mend="run `make train`, or name a model with --model")
    for path in sorted(p for p in folder.rglob("*") if p.suffix in (".safetensors", ".json", ".cfg")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def head_of(job: Job, **settings) -> dict:
    """What decides the output of a run: it can go on only where all of this is the same."""
    about = json.dumps([job.known, job.manifest], ensure_ascii=False, sort_keys=True, default=str)
    return {
        "schema_version": SCHEMA_VERSION,
        "version of baogao": version("baogao"),
        "model": model_hash(job.model),
        "manifest or option about the reports": hashlib.sha256(about.encode()).hexdigest()[:16],
        "--per": job.per,
        **settings,
    }


def extract_files(
    sources: Iterable[Source],
    output: Path,
    job: Job,
    *,
    workers: int,
    shards: int = 1,
    resume: bool = False,
    restart: bool = False,
    max_errors: int | None = None,
    time_limit: float,
    progress: Callable[[Summary], None] = lambda summary: None,
) -> Summary:
    """Facts of all sources to `output`, failed sources to `<output>.errors.jsonl`, what was done to `<output>.summary.json`.

    Args:
        sources: what to read, in the order of the output.
        output: .jsonl, .parquet or .csv.
        job: model and form.
        workers: processes.
        shards: files that the reports go round in turn.
        resume: go on with an unfinished run.
        restart: drop an unfinished run.
        max_errors: failed reports after which the run stops, unfinished; None for no end.
        time_limit: seconds a report may take.
        progress: called after each chunk.

    Raises:
        PipelineError: the output cannot be written, the model not be loaded, or an unfinished run not be gone on with.
    """
    summary = Summary()
    check_place(output)
    ledger = Ledger(output, head_of(job, **{"--shards": shards}), resume=resume, restart=restart)
    try:
        for line in ledger.done:
            summary.add(*line["counts"], line["errors"])
        summary.earlier_reports, summary.earlier_characters = summary.done, summary.characters
        if not ledger.finished:
            ends = ledger.done[-1]["ends"] if ledger.done else [0] * shards
            with (
                closing(Shards(output, shards, ends)) as files,
                Pool(job, processes=workers, time_limit=time_limit) as pool,
            ):
                _work(pool, sources, files, ledger, summary, max_errors, progress)
        if not summary.stopped:
            ledger.finish()
            finish(output, shards)
        write_beside(output, summary, model=job.model)
        if not summary.stopped:
            ledger.remove()
    finally:
        ledger.close()
        if not summary.done:
            discard(output, shards)
            ledger.remove()
    return summary


def _work(
    pool: Pool,
    sources: Iterable[Source],
    files: Shards,
    ledger: Ledger,
    summary: Summary,
    max_errors: int | None,
    progress: Callable[[Summary], None],
) -> None:
    """Write what the pool makes of the chunks that the ledger does not hold yet."""
    marks: deque[str] = deque()

    def left() -> Iterator[list[Source]]:
        number = -1
        for number, chunk in enumerate(chunked(sources)):
            mark = fingerprint(chunk)
            if not ledger.holds(number, mark, chunk[0].path):
                marks.append(mark)
                yield chunk
        ledger.holds_no_more_than(number + 1)

    settled = time.monotonic()
    try:
        for outcomes in pool.run(left()):
            _write(outcomes, marks.popleft(), files, ledger, summary)
            progress(summary)
            if max_errors is not None and len(summary.errors) > max_errors:
                summary.stopped = True
                break
            if time.monotonic() - settled > _SETTLE:
                files.settle()
                ledger.settle()
                settled = time.monotonic()
    finally:
        files.settle()
        ledger.settle()


def _write(outcomes: Sequence[Outcome], mark: str, files: Shards, ledger: Ledger, summary: Summary) -> None:
    good = (outcome for outcome in outcomes if outcome.error is None)
    for number, outcome in enumerate(good, start=summary.reports):
        files.write(number, outcome.lines)
    counts, errors = counted(outcomes)
    summary.add(*counts, errors)
    ledger.add({"chunk": mark, "ends": list(files.ends), "counts": counts, "errors": errors})


def counted(outcomes: Sequence[Outcome]) -> tuple[tuple[int, int, int], list[dict]]:
    """((reports, facts, characters), errors) of outcomes."""
    good = [outcome for outcome in outcomes if outcome.error is None]
    counts = len(good), sum(o.facts for o in good), sum(o.characters for o in good)
    return counts, [outcome.error for outcome in outcomes if outcome.error is not None]


def errors_path(output: Path) -> Path:
    return output.with_suffix(".errors.jsonl")


def write_beside(output: Path, summary: Summary, *, model: Path) -> None:
    """`<output>.errors.jsonl`, if there are errors, and `<output>.summary.json`: counts, speed, versions, model."""
    errors = errors_path(output)
    if summary.errors:
        with replacing(errors) as out:
            out.writelines(json.dumps(error, ensure_ascii=False) + "\n" for error in summary.errors)
    else:
        errors.unlink(missing_ok=True)
    table = {
        "reports": summary.reports,
        "failed": len(summary.errors),
        "facts": summary.facts,
        "characters": summary.characters,
        "reports_of_earlier_runs": summary.earlier_reports,
        "seconds": round(summary.seconds, 2),
        "characters_per_second": round(summary.speed()[1]),
        "finished": not summary.stopped,
        "model": model_hash(model),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("baogao", "torch", "transformers", "spacy", "pypdfium2", "trafilatura")},
    }
    with replacing(output.with_suffix(".summary.json")) as out:
        out.write(json.dumps(table, indent=2) + "\n")
