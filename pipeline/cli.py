"""The command line: the only place that prints and sets exit codes."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from pipeline import cli_doccano, cli_models
from pipeline.errors import PipelineError
from pipeline.terminal import Model, Output, console, errors, load_model, say

__all__ = ["main"]

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Facts from Chinese government work reports.")
app.add_typer(cli_models.app)
app.add_typer(cli_doccano.app, name="doccano")


def main() -> None:
    """Run a command; a fault of the input is one line on standard error and exit status 2."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        app()
    except PipelineError as error:
        errors.print(f"baogao: {error}", style="red", markup=False, highlight=False)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


@app.command()
def extract(
    paths: Annotated[list[str], typer.Argument(help="Files, folders, globs, or - for standard input.")],
    output: Output = Path("facts.jsonl"),
    model: Model = None,
    title: Annotated[str | None, typer.Option(help="Title, instead of the one found.")] = None,
    region: Annotated[str | None, typer.Option(help="Issuer's area, instead of the one found.")] = None,
    year: Annotated[int | None, typer.Option(help="Year of delivery, instead of the one found.")] = None,
    manifest: Annotated[Path | None, typer.Option(help="CSV with path and any of title, region, year, date.")] = None,
) -> None:
    """Facts of reports (txt, md, html, docx, pdf) as JSON lines."""
    from pipeline.extraction import extract_files, find_reports
    from pipeline.reports import read_manifest

    started = time.perf_counter()
    known = {k: v for k, v in (("title", title), ("region", region), ("year", year)) if v is not None}
    if paths == ["-"]:
        _extract_input(output, model, known)
        return
    files, told = find_reports(paths), read_manifest(manifest) if manifest else {}
    nlp = load_model(model)
    with Progress(console=errors, disable=not errors.is_terminal, transient=True) as progress:
        task = progress.add_task("reports", total=len(files))
        summary = extract_files(files, nlp, output, known=known, manifest=told, progress=lambda path: progress.advance(task))
    seconds = time.perf_counter() - started
    for line in summary.errors:
        errors.print(f"baogao: {line}", style="red", markup=False, highlight=False)
    _sample(output)
    say(
        f"{summary.facts} facts from {summary.reports} reports ({summary.characters:,} characters, "
        f"{seconds:.1f} s) in {output}"
    )
    if summary.errors:
        say(f"{len(summary.errors)} reports failed: {output.with_suffix('.errors.jsonl')}")
        # one report that fails among others is told; nothing that could be read is a failure of the run
        raise typer.Exit(1 if summary.reports else 2)


def _extract_input(output: Path, model: Path | None, known: dict) -> None:
    from pipeline.extraction import analyse, replacing
    from pipeline.readers import decode
    from pipeline.reports import from_text

    text = decode(sys.stdin.buffer.read(), Path("-"))
    if not text.strip():
        raise PipelineError("standard input is empty", path="-", mend="pipe a report into it")
    report = from_text(text, **known)
    facts = [fact for _, found in analyse(load_model(model), [report]) for fact in found]
    with replacing(output) as out:
        for fact in facts:
            out.write(json.dumps(fact.to_json(), ensure_ascii=False) + "\n")
    say(f"{len(facts)} facts in {output}")


def _sample(output: Path, rows: int = 12) -> None:
    """A short table of the surest facts."""
    with open(output, encoding="utf-8") as lines:
        facts = [json.loads(line) for line in lines]
    shown = sorted(facts, key=lambda f: -(f["confidence"] or 0))[:rows]
    table = Table(title=f"the {len(shown)} surest facts", title_justify="left", box=SIMPLE)
    for name in ("report", "region", "period", "metric", "value", "unit", "kind", "status"):
        table.add_column(name, overflow="fold", min_width=16 if name == "metric" else None)
    for fact in sorted(shown, key=lambda f: (f["report"]["id"], f["value"]["start"])):
        table.add_row(*_cells(fact))
    if shown:
        console.print(table)


def _cells(fact: dict) -> list[str]:
    def text(part: dict | None) -> str:
        return (part["text"] or "") if part else ""

    report = f"{fact['report']['region'] or '?'} {fact['report']['year'] or '?'}"
    value = ("" if fact["bound"] == "=" else fact["bound"] + " ") + fact["value"]["text"]
    kind = fact["kind"] + (" ↓" if fact["direction"] == "down" else "")
    named = [text(fact[k]) for k in ("region", "period", "metric")]
    return [report, *named, value, text(fact["unit"]), kind, fact["status"]]


@app.command()
def show(
    path: Annotated[Path, typer.Argument(help="A report.")],
    model: Model = None,
) -> None:
    """A report's sentences with their mentions in colour, and their facts."""
    from pipeline.extraction import analyse
    from pipeline.reports import read_report

    report = read_report(path)
    console.print(f"{report.title}  ({report.region or 'issuer unknown'}, {report.year or 'year unknown'})", style="bold")
    facts = [f.to_json() for _, found in analyse(load_model(model), [report]) for f in found]
    last = None
    for fact in facts:
        sentence = fact["sentence"]
        if sentence["start"] != last:
            last = sentence["start"]
            together = [f for f in facts if f["sentence"]["start"] == last]
            console.print(_coloured(sentence, together))
        console.print("    " + "  ".join(cell for cell in _cells(fact)[1:] if cell), highlight=False, markup=False)
    say(f"{len(facts)} facts")


_COLOURS = {"value": "bold red", "unit": "magenta", "metric": "green", "period": "blue", "region": "yellow"}


def _coloured(sentence: dict, facts: list[dict]) -> Text:
    text = Text(sentence["text"])
    for fact in facts:
        parts = [(k, fact[k]) for k in ("value", "unit", "period", "region") if fact[k]]
        parts += [("metric", p) for p in (fact["metric"] or {"parts": []})["parts"]]
        for name, part in parts:
            if part["start"] is None or not sentence["start"] <= part["start"] < sentence["end"]:
                continue  # inherited
            text.stylize(_COLOURS[name], part["start"] - sentence["start"], part["end"] - sentence["start"])
    return text


@app.command()
def panel(
    facts: Annotated[Path, typer.Argument(help="Facts of `baogao extract`, JSON lines.")],
    output: Annotated[Path, typer.Option("--output", "-o", help=".csv, .parquet or .xlsx")] = Path("panel.csv"),
    growth_targets: Annotated[
        bool, typer.Option("--growth-targets", help="GDP growth targets only: place, year, rate, tone word.")
    ] = False,
) -> None:
    """A table of region x period x indicator x kind x status; cells with two values are listed beside it."""
    from pipeline import panel as tables

    if not facts.is_file():
        raise PipelineError("no such file", path=facts, mend="name a facts.jsonl of `baogao extract`")
    found = tables.read_facts(facts)
    if growth_targets:
        table = tables.growth_targets(found)
        tables.write_table(table, output)
        say(f"{len(table)} growth targets in {output}")
        return
    cells, conflicts = tables.panel(found)
    tables.write_table(cells, output)
    say(f"{len(cells)} cells in {output}")
    beside = output.with_name(f"{output.stem}.conflicts{output.suffix}")
    beside.unlink(missing_ok=True)
    if len(conflicts):
        tables.write_table(conflicts, beside)
        say(f"{len(conflicts)} facts that differ on one cell in {beside}")


if __name__ == "__main__":
    main()
