"""The command line: the only place that prints and sets exit codes."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from pipeline import cli_annotations, cli_doccano, cli_extract, cli_models
from pipeline.errors import PipelineError
from pipeline.terminal import Model, cells, console, errors, load_model, say

__all__ = ["main"]

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Facts from Chinese government work reports.")
app.add_typer(cli_extract.app)
app.add_typer(cli_models.app)
app.add_typer(cli_annotations.app)
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
        console.print("    " + "  ".join(cell for cell in cells(fact)[1:] if cell), highlight=False, markup=False)
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


@app.command()
def schema() -> None:
    """The JSON Schema of a line of facts."""
    from pipeline.schema import json_schema

    typer.echo(json.dumps(json_schema(), ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
