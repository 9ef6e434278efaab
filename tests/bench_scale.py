"""What a million reports take: the engine on Ray, measured with one actor and with two, and the arithmetic from there.

usage: python -m tests.bench_scale PATH… [--reports 32] [--price 0.04]   (prints the tables of docs/scale.md)

Work is given as processor seconds, which another load on the machine hardly moves; seconds by the clock stand beside.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from functools import partial
from itertools import islice
from pathlib import Path

import psutil

from pipeline import DEFAULT_MODEL
from pipeline.containers import Source, read, sources
from pipeline.distributed import extract_distributed
from pipeline.output import converted
from pipeline.workers import Job

REPORT = 18_000  # characters of a report
MIB, GIB = 1024**2, 1024**3


def first(paths: list[str], count: int) -> list[Source]:
    """The first reports as texts, so that the blocks carry what they would of a corpus."""
    return [Source(source.path, text=read(source)[0]) for source in islice(sources(paths), count)]


class Watch(threading.Thread):
    """What a run's actors and their worker processes use, looked at twice a second, and what was done by then."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.used, self.memory, self.seen, self.over = {}, 0, [], threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.5):
            memory = 0
            for actor in psutil.Process().children(recursive=True):
                try:
                    if "MapWorker" in " ".join(actor.cmdline()):
                        for process in (actor, *actor.children(recursive=True)):
                            self.used[process.pid] = sum(process.cpu_times()[:2])
                            memory += process.memory_full_info().pss
                except psutil.NoSuchProcess:
                    pass  # it came to its end just now
            self.memory = max(self.memory, memory)

    def __call__(self, summary) -> None:
        self.seen.append((time.perf_counter(), sum(self.used.values()), summary.characters))

    def rates(self) -> tuple[float, float]:
        """Characters a processor second and a second by the clock, from the first block to the last."""
        begun, ended = self.seen[0], self.seen[-1]
        clock, cpu, characters = (b - a for a, b in zip(begun, ended, strict=True))
        return characters / cpu, characters / clock


def measure(reports: list[Source], actors: int, folder: Path) -> dict:
    watch, output, begun = Watch(), folder / f"{actors}" / "facts.jsonl", time.perf_counter()
    watch.start()
    job = Job(DEFAULT_MODEL)
    summary = extract_distributed(
        partial(list, reports), output, job, workers=actors, chunks=1, time_limit=600, progress=watch
    )
    watch.over.set()
    shards = sorted(output.parent.glob("facts-*.jsonl"))
    jsonl = sum(path.stat().st_size for path in shards)
    whole, parquet = folder / f"{actors}.jsonl", folder / f"{actors}.parquet"
    whole.write_bytes(b"".join(path.read_bytes() for path in shards))
    converted(whole, parquet)
    work, clock = watch.rates()
    return {
        "actors": actors,
        "reports": summary.reports,
        "characters": summary.characters,
        "facts": summary.facts,
        "work": work,
        "clock": clock,
        "start": watch.seen[0][0] - begun,
        "memory": watch.memory / actors,
        "jsonl": jsonl / summary.characters,
        "parquet": parquet.stat().st_size / summary.characters,
    }


def table(head: str, rows: list[list[str]]) -> None:
    names = head.split("|")
    print("\n" + "\n".join(f"| {' | '.join(row)} |" for row in [names, ["---"] + ["---:"] * (len(names) - 1), *rows]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--reports", type=int, default=32)
    parser.add_argument("--price", type=float, default=0.04, help="of a core for an hour, in dollars")
    asked = parser.parse_args()
    reports = first(asked.paths, asked.reports)
    with tempfile.TemporaryDirectory() as folder:
        found = [measure(reports, actors, Path(folder)) for actors in (1, 2)]
    print(
        f"Measured: {found[0]['reports']} reports, {found[0]['characters']:,} characters, {found[0]['facts']:,} facts."
    )
    head = "actors|characters / processor second|characters / second|memory of an actor|first block after"
    rows = [
        [
            str(m["actors"]),
            f"{m['work']:,.0f}",
            f"{m['clock']:,.0f}",
            f"{m['memory'] / MIB:,.0f} MiB",
            f"{m['start']:.0f} s",
        ]
        for m in found
    ]
    table(head, rows)
    print(
        f"\nBytes of output a character: {found[1]['jsonl']:.2f} as JSON lines, {found[1]['parquet']:.3f} as Parquet."
    )
    rows = []
    for count in (1_000_000, 100_000_000):
        characters = count * REPORT
        hours = characters / found[1]["work"] / 3600
        sizes = [f"{characters * found[1][form] / GIB:,.0f} GiB" for form in ("jsonl", "parquet")]
        rows.append([f"{count:,}", f"{hours:,.0f}", f"{hours / 64:,.1f}", f"{hours / 1000:,.1f}"])
        rows[-1] += [f"${hours * asked.price:,.0f}", *sizes]
    table("reports|core-hours|hours on 64 cores|on 1,000|cost|JSON lines|Parquet", rows)
    print(f"\nAt ${asked.price:.2f} a core-hour and {REPORT:,} characters a report.")


if __name__ == "__main__":
    main()
