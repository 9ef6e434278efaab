"""Commands run in processes of their own: how long they take and how much memory their process tree holds."""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.conftest import ROOT

__all__ = ["Run", "extracted", "peer", "watched"]

_EVERY = 0.2  # seconds between two looks at the memory


@dataclass
class Run:
    """What was seen of a command.

    Attributes:
        seconds: wall time, start-up included.
        first: seconds until the watched file held something; None where it never did.
        peaks: (reports done, bytes) each time that the memory was higher than before.
        summary: of baogao, its summary file; of a peer, what it printed.
    """

    seconds: float = 0.0
    first: float | None = None
    peaks: list[tuple[int, int]] = field(default_factory=list)
    summary: dict = field(default_factory=dict)

    @property
    def peak(self) -> int:
        return self.peaks[-1][1] if self.peaks else 0

    def peak_before(self, report: int) -> int:
        """Bytes of the highest memory seen before so many reports were done."""
        return max((size for done, size in self.peaks if done < report), default=0)


def watched(command: Sequence[str], *, output: Path, wait_for: Path | None = None) -> Run:
    """Run a command, its output and errors into files beside `output`.

    The memory is the sum over the process and all its children of PSS where the system has it (Linux), which counts a
    page that several share once, and of USS elsewhere.

    Raises:
        SystemExit: the command fails; with the end of what it said.
    """
    run, said = Run(), output.with_suffix(".said")
    start, looked = time.perf_counter(), 0.0
    with open(output, "wb") as out, open(said, "wb") as errors:
        process = psutil.Popen(command, cwd=ROOT, stdout=out, stderr=errors)
        try:
            while process.poll() is None:
                now = time.perf_counter() - start
                if run.first is None and wait_for is not None and wait_for.exists() and wait_for.stat().st_size:
                    run.first = now
                if now - looked >= _EVERY:
                    looked, size = now, _memory(process)
                    if size > run.peak:
                        run.peaks.append((_done(said), size))
                time.sleep(0.02)
        finally:
            for one in _tree(process) if process.returncode is None else ():
                one.kill()
    run.seconds = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:4])} … failed:\n{said.read_text(encoding='utf-8')[-2000:]}")
    return run


def _memory(process: psutil.Process) -> int:
    total = 0
    for one in _tree(process):
        try:
            about = one.memory_full_info()
        except psutil.Error:
            continue  # it has ended meanwhile
        total += getattr(about, "pss", about.uss)
    return total


def _tree(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _done(said: Path) -> int:
    """The number of reports in the last line of progress."""
    found = re.findall(rb"^([\d,]+) reports,", said.read_bytes(), re.MULTILINE)
    return int(found[-1].replace(b",", b"")) if found else 0


def extracted(inputs: Sequence[Path], *, workers: int | None = None) -> Run:
    """`baogao extract` of files, folders or a corpus, with its summary."""
    with tempfile.TemporaryDirectory() as folder:
        facts = Path(folder, "facts.jsonl")
        command = [sys.executable, "-m", "pipeline.cli", "extract", *map(str, inputs), "-o", str(facts), "--log-every", "0.2"]
        command += ["--workers", str(workers)] if workers else []
        run = watched(command, output=Path(folder, "shown"), wait_for=facts.with_name(facts.name + ".part"))
        run.summary = json.loads(facts.with_suffix(".summary.json").read_text(encoding="utf-8"))
    return run


def peer(python: str | Path, script: str, *arguments: object) -> Run:
    """A script of tests/peers in an environment; the last line that it prints is JSON."""
    with tempfile.TemporaryDirectory() as folder:
        shown = Path(folder, "shown")
        run = watched([str(python), str(ROOT / "tests" / "peers" / script), *map(str, arguments)], output=shown)
        run.summary = json.loads(shown.read_text(encoding="utf-8").splitlines()[-1])
    return run
