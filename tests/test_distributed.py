"""The engine on a Ray cluster: the local engine's facts, whatever dies on the way."""

import json
import multiprocessing
import os
import signal
import sys
from functools import partial
from importlib.util import find_spec

import pytest

from pipeline import DEFAULT_MODEL, distributed
from pipeline.containers import Source, sources
from pipeline.distributed import extract_distributed
from pipeline.engine import extract_files
from pipeline.errors import ModelError, PipelineError
from pipeline.output import block_shard
from pipeline.workers import Job
from tests.test_cli import baogao

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install 'baogao[distributed]'"),
]
CHUNKS = 1  # a block: the corpus makes three


def run(read, output, **options):
    settings = {"workers": 2, "chunks": CHUNKS, "time_limit": 60, "job": Job(DEFAULT_MODEL)}
    return extract_distributed(read, output, **settings | options)


def shards(folder, form="jsonl"):
    return sorted(folder.glob(f"facts-*.{form}"))


def joined(folder):
    return b"".join(path.read_bytes() for path in shards(folder))


def write(path, texts):
    with open(path, "w", encoding="utf-8") as out:
        for n, text in enumerate(texts):
            out.write(json.dumps({"text": text, "region": "平川县", "year": 1990 + n % 30}, ensure_ascii=False) + "\n")
    return partial(sources, [path])


def texts(count=44):
    for n in range(count):
        sentence = (
            f"{n % 12 + 1}月份全县规上工业增加值增长{n % 9 + 1}.{n % 7}%，新建幼儿园{n + 2}所，改造小区{n + 5}个。"
        )
        yield sentence * (8 + n % 5) if n != 9 else ""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Forty-four short reports, one of which is empty, in one file."""
    return write(tmp_path_factory.mktemp("corpus") / "reports.jsonl", texts())


@pytest.fixture(scope="module")
def local(corpus, tmp_path_factory):
    output = tmp_path_factory.mktemp("local") / "facts.jsonl"
    summary = extract_files(corpus(), output, Job(DEFAULT_MODEL), workers=1, time_limit=60)
    assert (summary.reports, len(summary.errors)) == (43, 1) and summary.facts > 1000
    return output


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """One cluster for all tests, joined as a caller's own."""
    with distributed.cluster(None, 2):
        yield


@pytest.mark.parametrize("actors", [1, 2])
def test_the_shards_in_turn_are_the_local_output(corpus, local, tmp_path, actors):
    seen = []
    summary = run(corpus, tmp_path / "facts.jsonl", workers=actors, progress=lambda s: seen.append(s.done))
    assert joined(tmp_path) == local.read_bytes()
    assert [path.name for path in shards(tmp_path)] == [f"facts-{n:06d}.jsonl" for n in range(len(seen))]
    assert len(seen) >= 3 and seen[-1] == 44
    errors = (tmp_path / "facts.errors.jsonl").read_bytes()
    assert errors == local.with_suffix(".errors.jsonl").read_bytes()
    told, expected = (json.loads(p.with_suffix(".summary.json").read_text()) for p in (tmp_path / "facts", local))
    assert all(told[name] == expected[name] for name in ("reports", "failed", "facts", "characters", "model"))
    assert len(list(tmp_path.iterdir())) == len(seen) + 2 and summary.facts == expected["facts"]


class Dying(distributed.Actor):
    """An actor whose process is killed once, when it has made half of the second block's shard."""

    def __call__(self, row):
        once = self.output.with_name("killed")
        if row["block"][0] == 1 and not once.exists():
            with block_shard(self.output, 1) as out:
                out.write(b'{"report"')
                out.flush()
                once.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(row)


def test_a_block_whose_actor_is_killed_is_done_again(corpus, local, tmp_path, monkeypatch):
    monkeypatch.setattr(distributed, "Actor", Dying)
    run(corpus, tmp_path / "facts.jsonl")
    assert (tmp_path / "killed").exists() and joined(tmp_path) == local.read_bytes()
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


class Bomb:
    """What kills a worker process of an actor, and nothing else, when it arrives there."""

    def __reduce__(self):
        return _explode, ()

    def __repr__(self):
        return "Bomb()"


def _explode():
    if multiprocessing.parent_process() is not None:
        os._exit(9)
    return Bomb()


def test_a_report_that_kills_its_process_is_named(corpus, local, tmp_path):
    def bombed():
        for n, source in enumerate(corpus()):
            yield source
            if n == 20:
                yield Source("bomb", text="坏", known={"title": Bomb()})

    summary = run(bombed, tmp_path / "facts.jsonl")
    assert [(error["path"], error["class"]) for error in summary.errors[1:]] == [("bomb", "Crash")]
    assert summary.reports == 43


def stopped(corpus, output):
    """An unfinished run: the empty report has stopped it."""
    summary = run(corpus, output, max_errors=0, workers=1)
    assert summary.stopped and output.with_name("facts.jsonl.ledger").exists()
    return summary


def test_a_stopped_run_goes_on_with_the_blocks_that_are_left(corpus, local, tmp_path):
    output = tmp_path / "facts.jsonl"
    first = stopped(corpus, output)
    assert 0 < first.reports < 43
    ledger = [json.loads(line) for line in (tmp_path / "facts.jsonl.ledger").read_text(encoding="utf-8").splitlines()]
    whole = [tmp_path / f"facts-{line['block']:06d}.jsonl" for line in ledger[1:]]
    made = {path: path.stat().st_mtime_ns for path in whole}
    with pytest.raises(PipelineError, match="an unfinished run is here.*--resume"):
        run(corpus, output)
    again = run(corpus, output, resume=True)
    assert made == {path: path.stat().st_mtime_ns for path in whole}
    assert again.earlier_reports == first.done and again.reports == 43
    assert joined(tmp_path) == local.read_bytes() and not output.with_name("facts.jsonl.ledger").exists()


def test_a_shard_that_was_lost_is_made_again_and_one_of_another_run_removed(corpus, local, tmp_path):
    output = tmp_path / "facts.jsonl"
    stopped(corpus, output)
    (tmp_path / "facts-000000.jsonl").unlink()
    (tmp_path / "facts-000099.jsonl").write_text("{}\n")
    assert run(corpus, output, resume=True).earlier_reports == 0
    assert joined(tmp_path) == local.read_bytes()


def test_what_has_changed_is_said(corpus, tmp_path):
    output = tmp_path / "facts.jsonl"
    stopped(corpus, output)
    with pytest.raises(PipelineError, match="begun with another --chunks"):
        run(corpus, output, resume=True, chunks=2)
    with pytest.raises(PipelineError, match="begun with another --shards"):
        extract_files(corpus(), output, Job(DEFAULT_MODEL), workers=1, time_limit=60, resume=True)
    other = write(tmp_path / "other.jsonl", ["全县新建公园3个。"] * 44)
    with pytest.raises(PipelineError, match="other.jsonl:1: the input here or just behind it has changed.*--restart"):
        run(other, output, resume=True)
    with pytest.raises(PipelineError, match="the input is shorter than when the run was begun"):
        run(partial(list, ()), output, resume=True)
    assert run(corpus, output, restart=True).reports == 43


def test_tables_hold_the_same_facts(corpus, local, tmp_path):
    import pandas

    expected = [json.loads(line)["value"]["number"] for line in local.read_text(encoding="utf-8").splitlines()]
    run(corpus, tmp_path / "facts.parquet", chunks=2)
    tables = [pandas.read_parquet(path) for path in shards(tmp_path, "parquet")]
    assert len(tables) > 1 and [n for table in tables for n in table["value.number"]] == expected


def test_faults_are_told_in_one_line(corpus, tmp_path):
    (tmp_path / "broken").mkdir()
    for name in ("meta.json", "config.cfg"):
        (tmp_path / "broken" / name).write_bytes((DEFAULT_MODEL / name).read_bytes())
    with pytest.raises(ModelError):
        run(corpus, tmp_path / "facts.jsonl", job=Job(tmp_path / "broken"))
    with pytest.raises(PipelineError, match="no such file"):
        run(partial(sources, [tmp_path / "none"]), tmp_path / "facts.jsonl")
    (tmp_path / "file").write_text("")
    with pytest.raises(PipelineError, match="cannot be written"):
        run(corpus, tmp_path / "file" / "facts.jsonl")
    assert not shards(tmp_path) and not list(tmp_path.glob("*.ledger"))


def test_the_command(tmp_path):
    (tmp_path / "a.txt").write_text("全县新建公园3个。", encoding="utf-8")
    told = baogao("extract", "a.txt", "--engine", "ray", "--workers", "1", "-o", "out/f.csv", cwd=tmp_path)
    assert told.returncode == 0 and "1 facts from 1 reports" in told.stdout.decode()
    assert "in out/f-*.csv" in told.stdout.decode() and "Traceback" not in told.stderr.decode()
    assert "公园" in (tmp_path / "out" / "f-000000.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--engine", "ray", "--address", "127.0.0.1:1"], "--address 127.0.0.1:1: no Ray cluster there (give"),
        (["--engine", "ray", "--address", "here"], "--address here: no Ray cluster there"),
        (["--engine", "ray", "--shards", "2"], "--engine ray with these options (local with --shards"),
        (["--engine", "spark"], "--engine spark with these options"),
        (["--address", "127.0.0.1:1"], "--engine local with these options"),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path, options, message):
    (tmp_path / "a.txt").write_text("全县新建公园3个。", encoding="utf-8")
    told = baogao("extract", "a.txt", *options, cwd=tmp_path)
    assert told.returncode == 2 and message in told.stderr.decode() and told.stderr.count(b"\n") == 1


def test_without_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray.data", None)
    absent = r"Ray is not installed \(pip install 'baogao\[distributed\]'\)"
    with pytest.raises(PipelineError, match=absent), distributed.cluster(None, 1):
        pass
