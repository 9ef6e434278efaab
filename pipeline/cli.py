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
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from pipeline.errors import PipelineError

__all__ = ["main"]

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Facts from Chinese government work reports.")
console, errors = Console(), Console(stderr=True, soft_wrap=True)

Model = Annotated[Path | None, typer.Option("--model", help="Folder of the trained pipeline.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="File to write.")]


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


def _say(line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True)


def _load(model: Path | None):
    from pipeline.predict import DEFAULT_MODEL, load

    return load(model or DEFAULT_MODEL)


@app.command()
def extract(
    paths: Annotated[list[str], typer.Argument(help="Files, folders, globs, or - for standard input.")],
    output: Output = Path("facts.jsonl"),
    model: Model = None,
    title: Annotated[str | None, typer.Option(help="Title, instead of the one found.")] = None,
    region: Annotated[str | None, typer.Option(help="Issuer's area, instead of the one found.")] = None,
    year: Annotated[int | None, typer.Option(help="Year of delivery, instead of the one found.")] = None,
) -> None:
    """Facts of reports (txt, md, html, docx, pdf) as JSON lines."""
    from pipeline.extraction import extract_files, find_reports

    started = time.perf_counter()
    known = {k: v for k, v in (("title", title), ("region", region), ("year", year)) if v is not None}
    if paths == ["-"]:
        _extract_input(output, model, known)
        return
    files = find_reports(paths)
    nlp = _load(model)
    with Progress(console=errors, disable=not errors.is_terminal, transient=True) as progress:
        task = progress.add_task("reports", total=len(files))
        summary = extract_files(files, nlp, output, known=known, progress=lambda path: progress.advance(task))
    seconds = time.perf_counter() - started
    for line in summary.errors:
        errors.print(f"baogao: {line}", style="red", markup=False, highlight=False)
    _sample(output)
    _say(
        f"{summary.facts} facts from {summary.reports} reports ({summary.characters:,} characters, "
        f"{seconds:.1f} s) in {output}"
    )
    if summary.errors:
        _say(f"{len(summary.errors)} reports failed: {output.with_suffix('.errors.jsonl')}")
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
    facts = [fact for _, found in analyse(_load(model), [report]) for fact in found]
    with replacing(output) as out:
        for fact in facts:
            out.write(json.dumps(fact.to_json(), ensure_ascii=False) + "\n")
    _say(f"{len(facts)} facts in {output}")


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
    facts = [f.to_json() for _, found in analyse(_load(model), [report]) for f in found]
    last = None
    for fact in facts:
        sentence = fact["sentence"]
        if sentence["start"] != last:
            last = sentence["start"]
            together = [f for f in facts if f["sentence"]["start"] == last]
            console.print(_coloured(sentence, together))
        console.print("    " + "  ".join(cell for cell in _cells(fact)[1:] if cell), highlight=False, markup=False)
    _say(f"{len(facts)} facts")


_COLOURS = {"value": "bold red", "unit": "magenta", "metric": "green", "period": "blue", "region": "yellow"}


def _coloured(sentence: dict, facts: list[dict]) -> Text:
    text = Text(sentence["text"])
    for fact in facts:
        parts = [(k, fact[k]) for k in ("value", "unit", "period", "region") if fact[k] and fact[k]["text"]]
        parts += [("metric", p) for p in (fact["metric"] or {"parts": []})["parts"]]
        for name, part in parts:
            text.stylize(_COLOURS[name], part["start"] - sentence["start"], part["end"] - sentence["start"])
    return text


@app.command()
def predict(
    source: Annotated[Path, typer.Argument(help="Records with id and text, JSON lines.")],
    output: Output = Path("predicted.jsonl"),
    model: Model = None,
) -> None:
    """Annotation records (mentions, attributes, relations) for records with id and text."""
    from pipeline.corpus import read_records
    from pipeline.extraction import replacing
    from pipeline.predict import predict as run

    records, number = read_records(source, check=False), 0
    first = next(records, None)
    if first is None:
        raise PipelineError("no record in it", path=source, mend="one JSON object with id and text a line")
    nlp = _load(model)
    with replacing(output) as out:
        for record in run(nlp, (r for part in ([first], records) for r in part)):
            out.write(json.dumps(record, ensure_ascii=False) + "\n")
            number += 1
    _say(f"{number} records in {output}")


@app.command()
def evaluate(
    gold: Annotated[Path, typer.Argument(help="Gold annotations, JSON lines.")],
    output: Output = Path("runs/scores.json"),
    model: Model = None,
) -> None:
    """Scores on gold annotations, end to end and on gold mentions; JSON and Markdown."""
    from pipeline.corpus import read_records
    from pipeline.evaluate import markdown, score
    from pipeline.extraction import replacing
    from pipeline.predict import predict as run
    from pipeline.predict import with_gold

    records = list(read_records(gold))
    if not records:
        raise PipelineError("no record in it", path=gold, mend="one annotation record a line")
    nlp = _load(model)
    tables = {
        "End to end": score(records, list(run(nlp, records))),
        "On gold mentions": score(records, list(with_gold(nlp, records))),
    }
    with replacing(output) as out:
        json.dump(tables, out, indent=2, ensure_ascii=False)
    with replacing(output.with_suffix(".md")) as out:
        out.write(markdown(tables))
    for title, rows in tables.items():
        table = Table("", "precision", "recall", "F1", "gold", title=title, title_justify="left")
        for name, row in rows.items():
            cells = [f"{row.get(k, float('nan')):.2f}" if k in row else "" for k in ("precision", "recall")]
            table.add_row(name, *cells, f"{row.get('f1', row.get('accuracy', 0)):.2f}", str(row["gold"]))
        console.print(table)
    _say(f"saved to {output} and {output.with_suffix('.md')}")


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="Configuration.")] = Path("configs/extractor.cfg"),
    output: Output = Path("models/extractor"),
    work: Annotated[Path, typer.Option(help="Folder of the checkpoints; a killed run goes on there.")] = Path(
        "runs/extractor"
    ),
    fresh: Annotated[bool, typer.Option("--fresh", help="Start anew, leaving earlier checkpoints aside.")] = False,
) -> None:
    """Train the extractor on the annotations."""
    import shutil

    from pipeline.config import read_config
    from pipeline.train import ExtractorConfig
    from pipeline.train import train as run

    logging.getLogger("pipeline").setLevel(logging.INFO)
    if fresh:
        shutil.rmtree(work, ignore_errors=True)
    scores = run(read_config(config, ExtractorConfig), output, work=work)
    if not scores["entity"]["gold"]:
        console.print("too few documents to validate on: evaluate the model on sentences of your own")
    else:
        for name in ("entity", "relation", "fact~", "fact"):
            _say(f"{name:10} F1 {scores[name]['f1']:.2f} on the validation documents")
    _say(f"model in {output}")


@app.command()
def pretrain(
    corpus: Annotated[list[Path], typer.Argument(help=".txt or .jsonl files (also .xz, .gz), or folders.")],
    config: Annotated[Path, typer.Option(help="Configuration.")] = Path("configs/encoder.cfg"),
    output: Output = Path("models/encoder"),
    work: Annotated[Path, typer.Option(help="Folder of the checkpoints.")] = Path("runs/encoder"),
    steps: Annotated[int | None, typer.Option(help="Steps, instead of the configuration's.")] = None,
    start: Annotated[Path | None, typer.Option("--from", help="An encoder to go on from, of this command.")] = None,
) -> None:
    """Pre-train the character encoder on raw text; a killed run goes on from its last checkpoint."""
    from pipeline.config import read_config
    from pipeline.pretrain import EncoderConfig
    from pipeline.pretrain import pretrain as run

    logging.getLogger("pipeline").setLevel(logging.INFO)
    result = run(corpus, output, read_config(config, EncoderConfig), work=work, steps=steps, start=start)
    _say(f"perplexity {result['perplexity']:.2f} after {result['tokens']:,} tokens")


@app.command()
def segment(
    corpus: Annotated[list[Path] | None, typer.Argument(help=".txt or .jsonl files, or folders; may be left out.")] = None,
    config: Annotated[Path, typer.Option(help="Configuration.")] = Path("configs/segmenter.cfg"),
    output: Output = Path("models/segmenter"),
) -> None:
    """Train the word segmenter on the annotations and a raw corpus."""
    from pipeline.config import read_config
    from pipeline.segmenter import SegmenterConfig, train_segmenter

    scores = train_segmenter(corpus or [], output, read_config(config, SegmenterConfig))
    _say(f"word F1 {scores['f1']:.2f} on {scores['held_out']} held-out sentences; segmenter in {output}")


@app.command("check-annotations")
def check_annotations(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders.")] = [Path("annotations")],  # noqa: B006
    stats: Annotated[bool, typer.Option("--stats", help="Print counts as a Markdown table.")] = False,
) -> None:
    """Check annotations: offsets, scheme, ids, near-duplicates; all faults are listed."""
    from pipeline.corpus import annotation_files, check_record, near_duplicates, read_records, statistics

    records, faults, seen = [], [], set()
    for path in annotation_files(paths):
        for number, record in enumerate(read_records(path, check=False), start=1):
            faults += [f"{path}:{number}: {fault}" for fault in check_record(record)]
            if record["id"] in seen:
                faults.append(f"{path}:{number}: id {record['id']} stands twice")
            seen.add(record["id"])
            records.append(record)
    faults += [f"{a} and {b} are near-duplicates ({likeness})" for a, b, likeness in near_duplicates(records)]
    for fault in faults:
        errors.print(fault, style="red", markup=False, highlight=False)
    if stats:
        print("| what | number |\n|---|---:|")
        for name, value in statistics(records).items():
            print(f"| {name} | {value} |")
    if faults:
        raise typer.Exit(2)
    _say(f"{len(records)} records, no fault")


if __name__ == "__main__":
    main()
