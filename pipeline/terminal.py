"""What the commands share: the two consoles, common options, loading a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

__all__ = ["Model", "Output", "cells", "console", "errors", "load_model", "say"]

console, errors = Console(), Console(stderr=True, soft_wrap=True)

Model = Annotated[Path | None, typer.Option("--model", help="Folder of the trained pipeline.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="File to write.")]


def say(line: str) -> None:
    """Print a line as it is."""
    console.print(line, highlight=False, soft_wrap=True)


def load_model(path: Path | None):
    """The pipeline of a folder; the shipped one by default."""
    from pipeline import DEFAULT_MODEL, load

    return load(path or DEFAULT_MODEL)


def cells(fact: dict) -> list[str]:
    """A fact in short: report, region, period, metric, value, unit, kind, status."""

    def text(part: dict | None) -> str:
        return (part["text"] or "") if part else ""

    report = f"{fact['report']['region'] or '?'} {fact['report']['year'] or '?'}"
    value = ("" if fact["bound"] == "=" else fact["bound"] + " ") + fact["value"]["text"]
    kind = fact["kind"] + (" ↓" if fact["direction"] == "down" else "")
    named = [text(fact[k]) for k in ("region", "period", "metric")]
    return [report, *named, value, text(fact["unit"]), kind, fact["status"]]
