"""Commands around the models: train, pretrain, label, segment, predict, evaluate, check-annotations."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from pipeline.errors import PipelineError
from pipeline.terminal import Model, Output, console, errors, load_model, say

__all__ = ["app"]

app = typer.Typer()


@app.command()
def predict(
    source: Annotated[Path, typer.Argument(help="Records with id and text, JSON lines.")],
    output: Output = Path("predicted.jsonl"),
    model: Model = None,
) -> None:
    """Annotation records (mentions, attributes, relations) for records with id and text."""
    from pipeline.corpus import read_records
    from pipeline.output import replacing
    from pipeline.predict import predict as run

    records, number = read_records(source, check=False), 0
    first = next(records, None)
    if first is None:
        raise PipelineError("no record in it", path=source, mend="one JSON object with id and text a line")
    nlp = load_model(model)
    with replacing(output) as out:
        for record in run(nlp, (r for part in ([first], records) for r in part)):
            out.write(json.dumps(record, ensure_ascii=False) + "\n")
            number += 1
    say(f"{number} records in {output}")


@app.command()
def evaluate(
    gold: Annotated[Path, typer.Argument(help="Gold annotations, JSON lines.")],
    output: Output = Path("runs/scores.json"),
    model: Model = None,
) -> None:
    """Scores on gold annotations, end to end and on gold mentions; JSON and Markdown."""
    from pipeline.corpus import read_records
    from pipeline.evaluate import markdown, score
    from pipeline.output import replacing
    from pipeline.predict import predict as run
    from pipeline.predict import with_gold

    records = list(read_records(gold))
    if not records:
        raise PipelineError("no record in it", path=gold, mend="one annotation record a line")
    nlp = load_model(model)
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
    say(f"saved to {output} and {output.with_suffix('.md')}")


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="Configuration.")] = Path("configs/extractor.cfg"),
    output: Output = Path("models/extractor"),
    work: Annotated[Path, typer.Option(help="Folder of the checkpoints; a killed run goes on there.")] = Path(
        "runs/extractor"
    ),
    fresh: Annotated[bool, typer.Option("--fresh", help="Start anew, leaving earlier checkpoints aside.")] = False,
    silver: Annotated[list[Path] | None, typer.Option(help="Records of `baogao label` to learn from as well.")] = None,
) -> None:
    """Train the extractor on the annotations."""
    import shutil

    from pipeline.config import read_config
    from pipeline.train import ExtractorConfig
    from pipeline.train import train as run

    logging.getLogger("pipeline").setLevel(logging.INFO)
    if fresh:
        shutil.rmtree(work, ignore_errors=True)
    scores = run(read_config(config, ExtractorConfig), output, work=work, silver=silver or ())
    if not scores["entity"]["gold"]:
        console.print("too few documents to validate on: evaluate the model on sentences of your own")
    else:
        for name in ("entity", "relation", "fact~", "fact"):
            say(f"{name:10} F1 {scores[name]['f1']:.2f} on the validation documents")
    say(f"model in {output}")


@app.command()
def label(
    corpus: Annotated[list[Path], typer.Argument(help=".txt or .jsonl files (also .xz, .gz), or folders.")],
    output: Output = Path("runs/silver.jsonl"),
    model: Annotated[list[Path] | None, typer.Option("--model", help="Trained pipelines; several judge together.")] = None,
    sentences: Annotated[int, typer.Option(help="How many sentences to label.")] = 10000,
    per_report: Annotated[int, typer.Option(help="How many to draw from each report.")] = 8,
    sure: Annotated[float, typer.Option(help="Least probability of all that is found in a sentence.")] = 0.5,
    seed: int = 1,
) -> None:
    """Label sentences of raw reports with trained models, to train another on (self-training)."""
    from pipeline.output import replacing
    from pipeline.predict import DEFAULT_MODEL
    from pipeline.silver import ensemble
    from pipeline.silver import label as run

    nlp, number = ensemble(model or [DEFAULT_MODEL]), 0
    with replacing(output) as out:
        for record in run(corpus, nlp, sentences=sentences, per_report=per_report, sure=sure, seed=seed):
            out.write(json.dumps(record, ensure_ascii=False) + "\n")
            number += 1
    say(f"{number} records in {output}")


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
    say(f"perplexity {result['perplexity']:.2f} after {result['tokens']:,} tokens")


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
    say(f"word F1 {scores['f1']:.2f} on {scores['held_out']} held-out sentences; segmenter in {output}")


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
    say(f"{len(records)} records, no fault")
