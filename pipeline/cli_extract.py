"""The command `baogao extract`: options, progress, what is said at the end."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from pipeline.errors import PipelineError
from pipeline.terminal import Model, Output, cells, console, errors, say

__all__ = ["app"]

app = typer.Typer()


@app.command()
def extract(
    paths: Annotated[list[str], typer.Argument(help="Files, folders, globs, corpora, archives, or - for standard input.")],
    output: Output = Path("facts.jsonl"),
    model: Model = None,
    title: Annotated[str | None, typer.Option(help="Title, instead of the one found.")] = None,
    region: Annotated[str | None, typer.Option(help="Issuer's area, instead of the one found.")] = None,
    year: Annotated[int | None, typer.Option(help="Year of delivery, instead of the one found.")] = None,
    manifest: Annotated[Path | None, typer.Option(help="CSV with path and any of title, region, year, date.")] = None,
    text_column: Annotated[str, typer.Option(help="Column or key of a corpus that holds the text.")] = "text",
    per: Annotated[str, typer.Option(help="A line a fact, or a line a report with its facts inside.")] = "fact",
    shards: Annotated[int, typer.Option(min=1, max=99_999, help="Files that the reports go round in turn.")] = 1,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; by default one a core.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished run.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Drop an unfinished run and begin anew.")] = False,
    max_errors: Annotated[int | None, typer.Option(min=0, help="Stop after more failed reports than this.")] = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first failed report.")] = False,
    time_limit: Annotated[float, typer.Option(min=0.1, help="Seconds a report may take.")] = 120,
    log_every: Annotated[float, typer.Option(min=0.1, help="Seconds between lines of progress off a terminal.")] = 30,
    engine: Annotated[str, typer.Option(help="local, or ray: machines of a cluster.")] = "local",
    address: Annotated[str | None, typer.Option(help="ray: host:port of the cluster's head, or auto.")] = None,
    chunks: Annotated[int, typer.Option(min=1, help="ray: chunks of about 200,000 bytes that make a file.")] = 16,
) -> None:
    """Facts of reports (txt, md, html, docx, pdf; corpora and archives of them) as JSON lines, Parquet or CSV."""
    from pipeline import DEFAULT_MODEL
    from pipeline.engine import errors_path, extract_files
    from pipeline.output import FORMS
    from pipeline.workers import Job

    if output.suffix not in FORMS:
        raise PipelineError("no such form of output", path=output, mend=f"end the name in {', '.join(FORMS)}")
    if per not in ("fact", "report") or (per == "report" and output.suffix != ".jsonl"):
        raise PipelineError(f"--per {per}", mend="fact or report; report goes with .jsonl only")
    known = {k: v for k, v in (("title", title), ("region", region), ("year", year)) if v is not None}
    job = Job(model or DEFAULT_MODEL, known, _manifest(manifest), per)
    if engine not in ("local", "ray") or (engine == "ray" and shards != 1) or (engine == "local" and address):
        mend = "local with --shards, or ray with --address and --chunks"
        raise PipelineError(f"--engine {engine} with these options", mend=mend)
    read, total = _inputs(paths, text_column)
    how = {
        "resume": resume,
        "restart": restart,
        "max_errors": 0 if fail_fast else max_errors,
        "time_limit": time_limit,
    }
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        with _progress(total, log_every) as progress:
            if engine == "ray":
                from pipeline.distributed import extract_distributed

                cluster = {"address": address, "workers": workers, "chunks": chunks}
                summary = extract_distributed(read, output, job, progress=progress, **cluster, **how)
                output = output.with_name(f"{output.stem}-*{output.suffix}")
            else:
                workers = min(workers or cores, total or workers or cores)
                summary = extract_files(read(), output, job, workers=workers, shards=shards, progress=progress, **how)
    except KeyboardInterrupt:
        errors.print("baogao: stopped; the same command with --resume goes on", markup=False, highlight=False)
        raise
    for error in summary.errors[:20]:
        mend = f" ({error['mend']})" if error["mend"] else ""
        errors.print(f"baogao: {error['path']}: {error['error']}{mend}", style="red", markup=False, highlight=False)
    if not summary.stopped and shards == 1 and engine == "local" and output.suffix == ".jsonl" and per == "fact":
        _sample(output)
    say(
        f"{summary.facts} facts from {summary.reports} reports ({summary.characters:,} characters, "
        f"{summary.seconds:.1f} s) in {output}"
    )
    if summary.errors:
        say(f"{len(summary.errors)} reports failed: {errors_path(output)}")
    if summary.stopped:
        say("stopped at the number of failed reports allowed; --resume with a higher --max-errors goes on")
    if summary.errors:
        # one report that fails among others is told; nothing that could be read is a failure of the run
        raise typer.Exit(1 if summary.reports or summary.stopped else 2)


def _manifest(path: Path | None) -> dict[str, dict]:
    from pipeline.manifest import read_manifest

    return read_manifest(path) if path else {}


def _inputs(paths: list[str], text_column: str) -> tuple[Callable[[], Iterable], int | None]:
    """What gives the sources, and how many there are if that is quick to tell: if all are plain files."""
    from pipeline.containers import Source, sources
    from pipeline.readers import SUFFIXES, decode

    if paths == ["-"]:
        text = decode(sys.stdin.buffer.read(), "-")
        if not text.strip():
            raise PipelineError("standard input is empty", path="-", mend="pipe a report into it")
        return lambda: [Source("-", text=text)], 1
    plain = all(Path(path).suffix.lower() in SUFFIXES for path in paths) or errors.is_terminal and not any(
        corpus in path for path in paths for corpus in (".jsonl", ".csv", ".parquet", ".zip")
    )
    read = partial(sources, paths, text_column=text_column)
    return read, sum(1 for _ in read()) if plain else None


def _line(summary) -> str:
    reports, characters = summary.speed()
    return (
        f"{summary.done:,} reports, {reports:.1f} reports/s, {characters:,.0f} characters/s, {summary.facts:,} facts, "
        f"{len(summary.errors)} failed"
    )


@contextmanager
def _progress(total: int | None, log_every: float) -> Iterator[Callable]:
    """What to call with a Summary: a bar on a terminal, elsewhere a line on standard error every `log_every` seconds."""
    if not errors.is_terminal:
        last = [time.monotonic()]

        def log(summary) -> None:
            if time.monotonic() - last[0] >= log_every:
                last[0] = time.monotonic()
                errors.print(_line(summary), markup=False, highlight=False)

        yield log
        return
    columns = BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn()
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("the model is loaded", total=total)
        yield lambda summary: bar.update(task, description=_line(summary), completed=summary.done)


def _sample(output: Path, rows: int = 12) -> None:
    """A short table of the surest of the first facts."""
    with open(output, encoding="utf-8") as lines:
        facts = [json.loads(line) for line in islice(lines, 2000)]
    shown = sorted(facts, key=lambda f: -(f["confidence"] or 0))[:rows]
    table = Table(title=f"the {len(shown)} surest of the first {len(facts):,} facts", title_justify="left", box=SIMPLE)
    for name in ("report", "region", "period", "metric", "value", "unit", "kind", "status"):
        table.add_column(name, overflow="fold", min_width=16 if name == "metric" else None)
    for fact in sorted(shown, key=lambda f: (f["report"]["id"], f["value"]["start"])):
        table.add_row(*cells(fact))
    if shown:
        console.print(table)
