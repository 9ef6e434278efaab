"""Worker processes that die, hang or stumble: the report at fault is named, the others are done."""

import os
import signal
import time
from pathlib import Path

import pytest

from pipeline.containers import Source
from pipeline.errors import ModelError
from pipeline.workers import Job, Outcome, Pool

JOB = Job(Path("none"))


class Fake:
    """Obeys its sources: what a source's text says happens while it is read, or while all are analysed."""

    def __init__(self, job):
        pass

    def __call__(self, sources, *, at):
        for number, source in enumerate(sources):
            at(number)
            self.happen(source.text, "read")
        at(None)
        for source in sources:
            self.happen(source.text, "analyse")
        return [Outcome(source.path, lines=source.text) for source in sources]

    @staticmethod
    def happen(text, stage):
        if text == f"hang at {stage}":
            time.sleep(60)
        if text == f"die at {stage}":
            os.kill(os.getpid(), signal.SIGKILL)
        if text == f"stumble at {stage}":
            raise RecursionError("too deep\nfor one line")


def refusing(job):
    raise ModelError("no model here", path=job.model, mend="name another")


def chunk(*texts, n=0):
    return [Source(f"{n}:{i}", text=text) for i, text in enumerate(texts)]


def outcomes(chunks, **options):
    with Pool(JOB, start=Fake, **{"processes": 2, "time_limit": 0.8} | options) as pool:
        return list(pool.run(iter(chunks)))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("hang at read", "TimeLimit"),
        ("die at read", "Crash"),
        ("stumble at read", "RecursionError"),
        ("hang at analyse", "TimeLimit"),
        ("die at analyse", "Crash"),
        ("stumble at analyse", "RecursionError"),
    ],
)
def test_only_the_report_at_fault_fails(text, kind):
    chunks = [chunk("a", "b", text, "c", n=0), chunk("d", n=1), chunk(text, n=2), chunk("e", n=3)]
    found = outcomes(chunks)
    assert [[outcome.lines for outcome in part] for part in found] == [["a", "b", "", "c"], ["d"], [""], ["e"]]
    for error in (found[0][2].error, found[2][0].error):
        assert error["class"] == kind and error["error"] and error["mend"] and "\n" not in error["error"]


def test_chunks_come_in_order_and_few_are_taken_ahead():
    taken = []

    def chunks():
        for n in range(60):
            taken.append(n)
            yield chunk(str(n), n=n)

    with Pool(JOB, start=Fake, processes=2, time_limit=5) as pool:
        for n, part in enumerate(pool.run(chunks())):
            assert part[0].lines == str(n)
            assert len(taken) <= n + 9


def test_a_model_that_cannot_be_loaded_ends_the_run():
    with pytest.raises(ModelError, match="no model here"), Pool(JOB, start=refusing, processes=1, time_limit=5) as pool:
        list(pool.run([chunk("a")]))


def test_workers_end_with_the_pool():
    with Pool(JOB, start=Fake, processes=2, time_limit=5) as pool:
        list(pool.run([chunk("a")]))
        processes = [worker.process for worker in pool.workers]
    assert not any(process.is_alive() for process in processes)
