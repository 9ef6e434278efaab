"""Speed and memory of extraction beside what else reads Chinese, all in one call (`make bench`).

usage: python -m tests.bench [FILE|FOLDER|CORPUS…] [--reports N] [--linear CORPUS] [--peers PYTHON]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

from pipeline.containers import read, sources
from pipeline.reports import from_text
from pipeline.schema import Report
from tests.bench.linear import linear
from tests.bench.parts import parts
from tests.bench.watch import Run, extracted, peer
from tests.conftest import ROOT

_PEERS = 60_000  # characters that the slowest peer reads
_MB = 1e6


def main() -> None:
    settings = _settings()
    reports = [from_text(text, id=id, name=s.name, **said) for s in sources(settings.inputs) for text, id, said in [read(s)]]
    reports = list(islice(cycle(reports), settings.reports or _enough(reports)))
    settings.output.parent.mkdir(parents=True, exist_ok=True)
    sections = [_side_by_side(reports, settings.peers), _table(("inside one process", "", ""), parts(reports))]
    if settings.linear:
        sections.append(linear(settings.linear, settings.output.with_suffix(".png")))
    text = "\n\n".join(sections) + "\n"
    settings.output.write_text(text, encoding="utf-8")
    print(text)


def _settings() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="Speed and memory of extraction beside peers.")
    parser.add_argument("inputs", nargs="*", type=Path, default=[ROOT / "examples"], help="reports; by default the examples")
    parser.add_argument("--reports", type=int, help="take this many, in turn; by default up to 200,000 characters or all")
    parser.add_argument("--linear", type=Path, help="a corpus (.jsonl, .jsonl.xz) to read in growing parts")
    parser.add_argument("--peers", type=Path, default=ROOT / ".venv-peers" / "bin" / "python", help="Python of the peers")
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "bench.md", help="the table")
    return parser.parse_args()


def _enough(reports: Sequence[Report]) -> int:
    """As many as make up 200,000 characters when taken in turn, or all."""
    size = sum(len(report.text) for report in reports)
    return len(reports) * max(1, 200_000 // size)


def _side_by_side(reports: Sequence[Report], python: Path) -> str:
    with tempfile.TemporaryDirectory() as folder:
        files, sample, whole = Path(folder, "reports"), Path(folder, "sample.txt"), Path(folder, "whole.txt")
        files.mkdir()
        for number, report in enumerate(reports):
            (files / f"{number:05d}.txt").write_text(report.text, encoding="utf-8")
        lines = [line for report in reports for line in report.text.split("\n")]
        whole.write_text("\n".join(lines), encoding="utf-8")
        sample.write_text("\n".join(_first(lines, _PEERS)), encoding="utf-8")
        rows = []
        for workers in (1, 2):
            ours = extracted([files], workers=workers)
            theirs = [
                ("Recognizers-Text, units and times", peer(python, "recognizers.py", sample, workers)),
                ("spaCy NER, HashEmbedCNN", peer(sys.executable, "spacy_ner.py", ROOT / "annotations", whole, workers)),
            ]
            speed = ours.summary["characters_per_second"]
            rows.append(_row("baogao extract", workers, speed, 1.0, ours))
            for name, run in theirs:
                other = run.summary["characters"] / run.summary["seconds"]
                rows.append(_row(name, workers, other, speed / other, run))
    size = sum(len(report.text) for report in reports)
    heading = f"{len(reports)} reports, {size:,} characters; memory is PSS (USS where the system has none) of the process tree."
    heading += " The speed of baogao counts the loading of its workers; that of the peers begins when they are loaded."
    columns = ("", "processes", "characters/s", "baogao is × as fast", "MB", "s in all", "s to the first fact", "found")
    return heading + "\n\n" + _table(columns, rows)


def _row(name: str, processes: int, speed: float, ratio: float, run: Run) -> tuple[str, ...]:
    first = "" if run.first is None else f"{run.first:.1f}"
    found = run.summary["facts"] if "facts" in run.summary else run.summary["found"]
    memory, seconds = f"{run.peak / _MB:,.0f}", f"{run.seconds:.1f}"
    return name, str(processes), f"{speed:,.0f}", f"{ratio:.1f}", memory, seconds, first, f"{found:,}"


def _first(lines: Sequence[str], size: int) -> Iterator[str]:
    for line in lines:
        if size <= 0:
            return
        yield line
        size -= len(line)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


if __name__ == "__main__":
    main()
