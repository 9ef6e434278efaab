"""Time and memory over growing parts of a corpus: both are to stay what they are, per report and in all."""

from __future__ import annotations

import tempfile
from itertools import islice
from pathlib import Path

from pipeline.readers import opened
from tests.bench.watch import extracted

__all__ = ["linear"]

_SIZES = (10, 50, 250, 1000, 2500)
_SETTLED = 500  # reports after which the memory is to grow no more


def linear(corpus: Path, plot: Path, *, sizes: tuple[int, ...] = _SIZES) -> str:
    """A Markdown table of `baogao extract` on the first reports of a JSONL corpus, all its cores; a plot beside it."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder, "part.jsonl")
        for size in sizes:
            with opened(corpus) as lines, open(part, "wb") as out:
                held = sum(1 for line in islice(lines, size) if out.write(line))
            if rows and held == rows[-1][0]:
                break  # the corpus ended with the part before
            run = extracted([part])
            rows.append((held, run.seconds, run.summary["characters_per_second"], run.peak / 1e6))
    _plot(rows, plot)
    table = ["| reports | s | characters/s | MB |", "| --- | --- | --- | --- |"]
    table += [f"| {held:,} | {seconds:.1f} | {speed:,.0f} | {memory:,.0f} |" for held, seconds, speed, memory in rows]
    if held > _SETTLED:
        early = run.peak_before(_SETTLED)
        table.append(
            f"\nHighest memory of the last run: {early / 1e6:,.0f} MB before report {_SETTLED}, {run.peak / 1e6:,.0f} MB "
            f"to the end ({run.peak / early - 1:+.1%})."
        )
    return "\n".join(table)


def _plot(rows: list[tuple[int, float, float, float]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    reports, seconds, _, memory = zip(*rows, strict=True)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    left.plot(reports, seconds, "o-")
    left.set(xlabel="reports", ylabel="seconds", xlim=0, ylim=0)
    right.plot(reports, memory, "o-")
    right.set(xlabel="reports", ylabel="MB at most", xlim=0, ylim=0)
    figure.savefig(path, dpi=150)
    plt.close(figure)
