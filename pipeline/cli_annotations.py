"""Commands around annotations: select, diff."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from pipeline.errors import PipelineError
from pipeline.terminal import Model, Output, console, load_model, say

__all__ = ["app"]

app = typer.Typer()

_COLOURS = {"VALUE": "red", "UNIT": "magenta", "METRIC": "green", "YEAR": "blue", "REGION": "yellow"}


@app.command()
def select(
    corpus: Annotated[list[Path], typer.Argument(help="Reports, folders, or .jsonl corpora (also .xz, .gz).")],
    output: Output = Path("sentences.jsonl"),
    number: Annotated[int, typer.Option("-n", min=1, help="How many sentences.")] = 200,
    model: Model = None,
    without: Annotated[list[Path] | None, typer.Option(help="Annotations whose sentences are left out.")] = None,
    at_random: Annotated[bool, typer.Option("--random", help="Draw at random: sentences to measure on.")] = False,
    seed: int = 1,
) -> None:
    """Choose the sentences of raw reports that are most worth annotating."""
    from pipeline.corpus import annotation_files, read_records
    from pipeline.output import replacing
    from pipeline.selection import select as run
    from pipeline.selection import select_at_random, sentences

    known = (r["text"] for path in annotation_files(without) for r in read_records(path)) if without else ()
    found, drawn = sentences(corpus, without=known), {"number": number, "seed": seed}
    records = select_at_random(found, **drawn) if at_random else run(found, load_model(model), **drawn)
    if not records:
        mend = "name reports with figures, not annotated yet"
        raise PipelineError("no sentence to choose from", path=corpus[0], mend=mend)
    with replacing(output) as out:
        for record in records:
            out.write(json.dumps(record, ensure_ascii=False) + "\n")
    reports = len({record["meta"]["doc"] for record in records})
    say(f"{len(records)} sentences from {reports} reports in {output}")


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="Annotation records, JSON lines.")],
    new: Annotated[Path, typer.Argument(help="Annotation records, JSON lines.")],
    html: Annotated[Path | None, typer.Option(help="Write the differences as one HTML page too.")] = None,
) -> None:
    """What changed between two states of annotations, or two models; exit status 0: nothing, 1: something."""
    from pipeline.comparison import KINDS, compare, count, read_state
    from pipeline.comparison_page import page, sides
    from pipeline.output import replacing

    before, after = read_state(old), read_state(new)
    found = list(compare(before, after))
    total = len({*before, *after})
    summary = f"{len(found)} of {total} records differ" if found else f"{total} records, no difference"
    for difference in found:
        console.print(Text(difference.id, style="bold"))
        for side, parts in sides(difference):
            styled = ((piece, _style(label, changed)) for piece, label, changed in parts)
            console.print(Text.assemble({"old": "- ", "new": "+ "}.get(side, "  "), *styled), soft_wrap=True)
        for change in difference.changes:
            told = " → ".join(part for part in (change.old, change.new) if part)
            console.print(Text(f"    {change.what} {change.kind}: {told}"), soft_wrap=True)
    if found:
        table = Table("", *KINDS, box=SIMPLE)
        for name, row in count(found).items():
            table.add_row(name, *(str(row[kind] or "") for kind in KINDS))
        console.print(table)
    if html:
        with replacing(html) as out:
            out.write(page(found, old=str(old), new=str(new), summary=summary))
    say(summary + (f"; page in {html}" if html else ""))
    if found:
        raise typer.Exit(1)


def _style(label: str, changed: bool) -> str:
    return f"{'bold underline ' if changed else ''}{_COLOURS.get(label, '')}".strip()
