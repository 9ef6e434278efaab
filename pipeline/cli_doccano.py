"""Commands around doccano: up, push, pull."""

from __future__ import annotations

import itertools
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from pipeline.errors import PipelineError
from pipeline.terminal import Model, Output, console, errors, load_model, say

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Correct pre-annotated sentences in doccano, and get them back.")

Sources = Annotated[list[str], typer.Argument(help="Records (.jsonl), or reports: files, folders, globs.")]
Again = Annotated[bool, typer.Option("--predict", help="Annotate anew what the records bring.")]
Alone = Annotated[
    bool, typer.Option("--independent", help="Make the project so that members annotate alone, to be compared.")
]


@app.callback()
def quiet() -> None:
    """Correct pre-annotated sentences in doccano, and get them back."""
    # a server that is down is told in one line, not in one for every try
    logging.getLogger("urllib3").setLevel(logging.ERROR)


@app.command()
def push(
    sources: Sources,
    project: Annotated[str, typer.Option(help="Project, made if it is not there.")],
    predict: Again = False,
    independent: Alone = False,
    model: Model = None,
) -> None:
    """Send sentences with the model's annotations; a second push adds only what is new."""
    from pipeline.doccano import Doccano, credentials

    server = Doccano(*credentials())
    _push(server, sources, project, predict=predict, independent=independent, model=model)


def _push(server, sources: list[str], name: str, *, predict: bool, independent: bool, model: Path | None) -> None:
    records = _annotated(_records(sources), predict=predict, model=model)
    project = server.prepare(name, independent=independent)
    with Progress(console=errors, disable=not errors.is_terminal, transient=True) as progress:
        task = progress.add_task("sentences", total=len(records))
        added = server.push(project, records, progress=lambda done: progress.advance(task, done))
    where = f"{server.url}/projects/{project.id}"
    say(f"{added} sentences added to project {name}, {len(records) - added} were there: {where}")


def _records(sources: list[str]) -> list[dict]:
    """Records of .jsonl files, and the sentences with a numeral of reports; ids are unique."""
    from pipeline.corpus import read_records
    from pipeline.selection import sentences

    found: dict[str, dict] = {}
    for source in sources:
        given = read_records(Path(source)) if source.endswith(".jsonl") else sentences([source])
        for record in given:
            if found.setdefault(str(record["id"]), record) is not record:
                raise PipelineError(f"id {record['id']} stands twice", path=source, mend="every sentence needs its own")
    if not found:
        raise PipelineError("no sentence in it", path=sources[0], mend="name records with id and text, or reports")
    return list(found.values())


def _annotated(records: list[dict], *, predict: bool, model: Path | None) -> list[dict]:
    from pipeline.predict import predict as run

    bare = [record for record in records if predict or "entities" not in record]
    filled = {record["id"]: record for record in run(load_model(model), bare)} if bare else {}
    return [filled.get(record["id"], record) for record in records]


@app.command()
def pull(
    project: Annotated[list[str], typer.Option(help="Project; several are compared as annotators.")],
    output: Output = Path("mine.jsonl"),
    approved: Annotated[bool, typer.Option("--approved", help="Only sentences that were approved.")] = False,
) -> None:
    """Fetch corrected records; what breaks the scheme or is in conflict is listed and left out."""
    from pipeline.agreement import agreement, merge
    from pipeline.doccano import Doccano, credentials
    from pipeline.output import replacing

    server = Doccano(*credentials())
    annotators, faults = {}, []
    for name in project:
        for who, held in server.pull(name, approved=approved).items():
            if who in annotators:
                who = f"{name}/{who}"
            annotators[who], told = _sound(held, f"{name}/{who}" if who != name else name)
            faults += told
    if not any(annotators.values()) and not faults:
        mend = "approve some in doccano, or leave --approved out" if approved else "push some first"
        raise PipelineError("no sentence to fetch", path=f"{server.url} {', '.join(project)}", mend=mend)
    agreed, conflicts = merge(annotators)
    beside = output.with_name(f"{output.stem}.conflicts{output.suffix}")
    with replacing(output) as out:
        out.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in agreed)
    beside.unlink(missing_ok=True)
    if conflicts:
        with replacing(beside) as out:
            out.writelines(json.dumps(conflict, ensure_ascii=False) + "\n" for conflict in conflicts)
    pairs = list(itertools.combinations([who for who, held in annotators.items() if held], 2))
    if pairs:
        _agreements({pair: agreement(*(annotators[who] for who in pair)) for pair in pairs})
    for fault in faults:
        errors.print(f"baogao: {fault}", style="red", markup=False, highlight=False)
    say(f"{len(agreed)} records in {output}")
    if conflicts:
        say(f"{len(conflicts)} sentences are in conflict: {beside}")
    if faults:
        say(f"{len(faults)} sentences break the scheme and were left out: correct them in doccano and pull again")
        raise typer.Exit(1)


def _sound(held: list[tuple[dict, list[str]]], where: str) -> tuple[dict[str, dict], list[str]]:
    """(sound records by id, a line for every other sentence)."""
    sound, told = {}, []
    for record, faults in held:
        if str(record["id"]) in sound and sound[str(record["id"])] != record:
            faults = [*faults, "stands twice, annotated otherwise: delete one"]
        if faults:
            told.append(f"{where}: sentence {record['id']}: {'; '.join(faults)}")
        else:
            sound[str(record["id"])] = record
    return sound, told


def _agreements(table: dict[tuple[str, str], dict[str, float | None]]) -> None:
    shown = Table(title="agreement (F1 in per cent; Cohen's κ for attributes)", title_justify="left")
    shown.add_column("annotators")
    for name in next(iter(table.values())):
        shown.add_column(name, justify="right")
    for (one, other), row in table.items():
        cells = ["" if v is None else str(v) if isinstance(v, int) else f"{v:.2f}" for v in row.values()]
        shown.add_row(f"{one} – {other}", *cells)
    console.print(shown)


@app.command()
def up(
    sources: Annotated[list[str] | None, typer.Argument(help="Records or reports to push at once.")] = None,
    project: Annotated[str, typer.Option(help="Project, made if it is not there.")] = "baogao",
    folder: Annotated[Path, typer.Option(help="Database, password and logs.")] = Path("doccano"),
    server: Annotated[
        Path, typer.Option(envvar="BAOGAO_DOCCANO_SERVER", help="Virtual environment with doccano in it.")
    ] = Path(".venv-doccano"),
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 for other machines' annotators.")] = "127.0.0.1",
    port: int = 8000,
    independent: Alone = False,
    model: Model = None,
) -> None:
    """Run a doccano server, with a project and sentences in it, until Ctrl-C."""
    from pipeline.doccano import Doccano
    from pipeline.doccano_server import kept_secret, serving

    user = os.environ.get("BAOGAO_DOCCANO_USER", "admin")
    given = os.environ.get("BAOGAO_DOCCANO_PASSWORD")
    secret = "BAOGAO_DOCCANO_PASSWORD" if given else folder / "password"
    password = given or kept_secret(folder / "password")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is stopped then, too
    say("starting doccano …")
    with serving(folder, environment=server, user=user, password=password, host=host, port=port) as running:
        desk = Doccano(running.url, user, password)
        if sources:
            _push(desk, sources, project, predict=False, independent=independent, model=model)
        else:
            desk.prepare(project, independent=independent)
        say(f"doccano: {running.url}, user {user}, password in {secret}")
        say(f"for push and pull: export BAOGAO_DOCCANO_URL={running.url}, and the password as BAOGAO_DOCCANO_PASSWORD")
        say("Ctrl-C stops it; all is kept")
        running.wait()
