"""The batch engine on the machines of a Ray cluster: a corpus of reports -> a shard of facts for each block of it.

One task reads the sources and cuts them into blocks; actors, each with one worker process, make a shard of each; the
driver gets counts and errors only. A block is some consecutive chunks, so the shards, one behind the other, are what
the local engine writes. A block that is lost with its machine is done again, under the same name.
"""

from __future__ import annotations

import json
import os
import pickle
import socket
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from pipeline.cluster import cluster
from pipeline.containers import Source
from pipeline.engine import Summary, chunked, counted, fingerprint, head_of, write_beside
from pipeline.errors import PipelineError
from pipeline.ledger import Ledger, unchanged, whole
from pipeline.output import block_path, block_shard, keep_blocks, sweep_blocks
from pipeline.workers import Job, Pool

__all__ = ["Actor", "extract_distributed"]

_RETRIES = 3  # of a block whose actor died: no report kills an actor, but a machine may


def extract_distributed(
    read: Callable[[], Iterable[Source]],
    output: Path,
    job: Job,
    *,
    address: str | None = None,
    workers: int | None = None,
    chunks: int,
    resume: bool = False,
    restart: bool = False,
    max_errors: int | None = None,
    time_limit: float,
    progress: Callable[[Summary], None] = lambda summary: None,
) -> Summary:
    """Facts of all sources to shards beside `output`, errors and summary as the local engine writes them.

    Args:
        read: gives the sources; called on a machine of the cluster.
        output: what the shards are named after, on a disk that all machines share.
        job: model and form.
        address: host:port of a running cluster's head, or auto; None for a cluster of this machine alone.
        workers: actors, a core each; by default one a core of the cluster.
        chunks: how many make a block.
        resume, restart, max_errors, time_limit, progress: as for the local engine.

    Raises:
        PipelineError: as the local engine; or Ray is absent, not reached, or loses a block again and again.
    """
    read()  # what is not there is said before a cluster is started
    output, summary = output.absolute(), Summary()
    ledger = Ledger(output, head_of(job, **{"--engine": "ray", "--chunks": chunks}), resume=resume, restart=restart)
    try:
        done = {line["block"]: line for line in ledger.done if block_path(output, line["block"]).exists()}
        for line in done.values():
            summary.add(*line["counts"], line["errors"])
        summary.earlier_reports, summary.earlier_characters = summary.done, summary.characters
        marks = {block: line["chunk"] for block, line in done.items()}
        with cluster(address, workers) as actors:
            blocks = {"read": read, "output": output, "chunks": chunks, "done": marks, "here": os.getcwd()}
            for line in _lines(blocks, (output, job, time_limit, os.getcwd()), actors):
                done[line["block"]] = line
                ledger.add(line)
                ledger.settle()
                summary.add(*line["counts"], line["errors"])
                progress(summary)
                if max_errors is not None and len(summary.errors) > max_errors:
                    summary.stopped = True
                    break
        summary.errors = [error for _, line in sorted(done.items()) for error in line["errors"]]
        if not summary.stopped:
            keep_blocks(output, len(done))
        write_beside(output, summary, model=job.model)
        if not summary.stopped:
            ledger.remove()
    finally:
        ledger.close()
        sweep_blocks(output)
        if not summary.done:
            ledger.remove()
    return summary


def _lines(blocks: dict, actor: tuple, actors: int) -> Iterator[dict]:
    """The ledger's line of each block that is not done yet, as they become complete."""
    import ray.data

    context = ray.data.DataContext.get_current().copy()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.raise_original_map_exception = True
    context.target_max_block_size = 1  # each row travels alone, none waits for another
    with ray.data.DataContext.current(context):
        read = ray.data.from_items([None]).map_batches(_blocks, fn_kwargs=blocks, num_cpus=0)
        made = read.map_batches(
            Actor,
            fn_constructor_args=actor,
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=actors),
            num_cpus=1,
            max_restarts=-1,
            max_task_retries=_RETRIES,
        )
        yield from (json.loads(row["line"]) for row in made.iter_rows())


def _blocks(_, *, read: Callable, output: Path, chunks: int, done: dict[int, str], here: str) -> Iterator[dict]:
    """The blocks that are not done, their sources packed; one task, which waits while all actors are busy."""
    _go(here)
    parts, number = chunked(read()), 0
    while block := list(islice(parts, chunks)):
        mark = fingerprint([source for chunk in block for source in chunk])
        if number in done:
            unchanged(done[number], mark, block[0][0].path)
        else:
            yield {"block": [number], "mark": [mark], "sources": [pickle.dumps(block)]}
        number += 1
    whole(max(done, default=-1) + 1, number, output)


def _go(here: str) -> None:
    """Paths are relative to the driver's folder on every machine."""
    try:
        os.chdir(here)
    except OSError as error:
        mend = "run it in a folder that all machines of the cluster share"
        raise PipelineError(f"not on {socket.gethostname()}", path=here, mend=mend) from error


class Actor:
    """Makes shards of blocks, in a worker process of its own: what a report does to that does not reach here."""

    def __init__(self, output: Path, job: Job, time_limit: float, here: str) -> None:
        _go(here)
        self.output, self.pool = output, Pool(job, processes=1, time_limit=time_limit)

    def __call__(self, row: dict) -> dict:
        """The ledger's line of the block in a batch of one row."""
        block, outcomes = int(row["block"][0]), []
        with block_shard(self.output, block) as out:
            for found in self.pool.run(pickle.loads(row["sources"][0])):
                out.writelines(outcome.lines.encode("utf-8", "replace") for outcome in found)
                outcomes += found
        counts, errors = counted(outcomes)
        return {"line": [json.dumps({"block": block, "chunk": row["mark"][0], "counts": counts, "errors": errors})]}
