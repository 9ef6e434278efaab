"""Worker processes, each with the whole chain, that outlive what a report can do to them.

A worker reads and analyses one chunk of reports at a time and says which it is at. One that dies or exceeds the time
limit is replaced; the report that it was at is named, and the rest of its chunk is done anew.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path

from pipeline.containers import Source
from pipeline.errors import ModelError, PipelineError

__all__ = ["Job", "Outcome", "Pool", "failed"]

_AHEAD = 4  # chunks under way or done and waiting for an earlier one, per process
# imported once, by the server that the workers are forked from
_PRELOAD = ["pipeline.extraction", "pipeline.predict", "transformers.models.modernbert.modeling_modernbert"]


@dataclass(frozen=True)
class Job:
    """What every worker does: the model's folder, what is known of all reports and of each by its path.

    `per` is "fact" (a line a fact) or "report" (a line a report, its facts inside).
    """

    model: Path
    known: dict = field(default_factory=dict)
    manifest: dict[str, dict] = field(default_factory=dict)
    per: str = "fact"


@dataclass(frozen=True)
class Outcome:
    """What became of a source: its output lines, or its line of the errors file."""

    path: str
    lines: str = ""
    facts: int = 0
    characters: int = 0
    error: dict | None = None


def failed(path: str, kind: str, what: str, mend: str = "") -> Outcome:
    """The outcome of a source that gave nothing: class and text of the error, and how to mend it."""
    return Outcome(path, error={"path": path, "class": kind, "error": what, "mend": mend})


def _extractor(job: Job) -> Callable:
    from pipeline.extraction import Extractor  # heavy: only where it works

    return Extractor(job)


def _serve(connection: Connection, start: Callable[[Job], Callable], job: Job) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    try:
        try:
            extractor = start(job)
        except PipelineError as error:
            connection.send(("refused", str(error)))
            while True:  # a process that ends with something unread takes its last words with it
                connection.recv()
        connection.send(("ready",))
        while True:
            sources = connection.recv()
            try:
                connection.send(("done", extractor(sources, at=lambda n: connection.send(("at", n)))))
            except OSError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever a report sets off is its own failure, not the run's
                connection.send(("fault", type(error).__name__, str(error).split("\n")[0][:200]))
    except (EOFError, OSError):
        pass  # the parent is gone


class _Chunk:
    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = sources
        self.outcomes: list[Outcome | None] = [None] * len(sources)


@dataclass
class _Part:
    """Positions of a chunk that one worker does at once."""

    chunk: _Chunk
    positions: list[int]


class _Worker:
    def __init__(self, context, start: Callable[[Job], Callable], job: Job) -> None:
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, start, job), daemon=True)
        self.process.start()
        theirs.close()
        self.part: _Part | None = None
        self.at: int | None = None  # the report being read, None while all are analysed
        self.ready, self.since = False, time.monotonic()

    def take(self, part: _Part) -> None:
        self.part, self.at, self.since = part, None, time.monotonic()
        try:
            self.connection.send([part.chunk.sources[p] for p in part.positions])
        except OSError:
            pass  # it has died: its end of the connection says so when it is listened to

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


class Pool:
    """`processes` workers on one job.

    Args:
        job: what they do.
        processes: how many.
        time_limit: seconds that reading a report may take, and that analysing may take for each report.
        start: makes of the job what is called with each chunk, as `extraction.Extractor` is.
    """

    def __init__(
        self, job: Job, *, processes: int, time_limit: float, start: Callable[[Job], Callable] = _extractor
    ) -> None:
        methods = multiprocessing.get_all_start_methods()
        self.context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        self.context.set_forkserver_preload(_PRELOAD)
        self.start, self.job, self.time_limit, self.waiting = start, job, time_limit, deque()
        self.workers = [_Worker(self.context, start, job) for _ in range(processes)]

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_) -> None:
        for worker in self.workers:
            worker.stop()

    def run(self, chunks: Iterable[Sequence[Source]]) -> Iterator[list[Outcome]]:
        """The outcomes of each chunk, in the order of the chunks; few chunks are held at a time.

        Raises:
            ModelError: the model cannot be loaded.
        """
        chunks, under_way = iter(chunks), deque()
        while True:
            while len(under_way) < _AHEAD * len(self.workers) and (sources := next(chunks, None)) is not None:
                under_way.append(_Chunk(sources))
                self.waiting.append(_Part(under_way[-1], list(range(len(sources)))))
            if not under_way:
                return
            for worker in self.workers:
                if worker.part is None and self.waiting:
                    worker.take(self.waiting.popleft())
            self._listen()
            while under_way and None not in under_way[0].outcomes:
                yield under_way.popleft().outcomes

    def _listen(self) -> None:
        """Take in what the workers say, until one has something new or the next time limit is near."""
        ready = wait([worker.connection for worker in self.workers], timeout=0.5)
        for number, worker in enumerate(self.workers):
            if worker.connection in ready:
                try:
                    self._hear(worker, *worker.connection.recv())
                except (EOFError, OSError):
                    self._replace(number, "Crash", "the process that read it died", "save it in another form")
            elif worker.part is not None and worker.ready and time.monotonic() - worker.since > self._allowed(worker):
                mend = "split it, or raise --time-limit"
                self._replace(number, "TimeLimit", f"took longer than {self.time_limit:g} s", mend)

    def _allowed(self, worker: _Worker) -> float:
        return self.time_limit * (1 if worker.at is not None else len(worker.part.positions))

    def _hear(self, worker: _Worker, said: str, *what) -> None:
        if said == "refused":
            raise ModelError(*what)
        if said == "ready":
            worker.ready, worker.since = True, time.monotonic()
        elif said == "at":
            worker.at, worker.since = what[0], time.monotonic()
        elif said == "done":
            for position, outcome in zip(worker.part.positions, what[0], strict=True):
                worker.part.chunk.outcomes[position] = outcome
            worker.part = None
        else:
            self._blame(worker, *what, "please report this with the file")

    def _replace(self, number: int, kind: str, what: str, mend: str) -> None:
        worker = self.workers[number]
        worker.stop()
        if not worker.ready:
            raise PipelineError("a worker process does not start", mend="is there enough memory? try --workers 1")
        if worker.part is not None:
            self._blame(worker, kind, what, mend)
        self.workers[number] = _Worker(self.context, self.start, self.job)

    def _blame(self, worker: _Worker, kind: str, what: str, mend: str) -> None:
        """Name the report that a worker failed on, where it is known; do the others of its part anew."""
        part, worker.part = worker.part, None
        if worker.at is None and len(part.positions) > 1:  # in the analysis of all: each alone
            self.waiting.extendleft(_Part(part.chunk, [p]) for p in reversed(part.positions))
            return
        guilty = part.positions[worker.at or 0]
        part.chunk.outcomes[guilty] = failed(part.chunk.sources[guilty].path, kind, what, mend)
        rest = [p for p in part.positions if p != guilty]
        if rest:
            self.waiting.appendleft(_Part(part.chunk, rest))
