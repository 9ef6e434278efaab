"""The batch engine: order, resume, errors, forms; with real workers."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import jsonschema
import pytest

from pipeline import DEFAULT_MODEL
from pipeline.containers import sources
from pipeline.engine import chunked, extract_files
from pipeline.errors import ModelError, PipelineError
from pipeline.ledger import Ledger
from pipeline.output import replacing
from pipeline.schema import json_schema
from pipeline.workers import Job
from tests.conftest import ROOT
from tests.test_cli import baogao

EXAMPLES = sorted((ROOT / "examples").iterdir())


def run(paths, output, *, per="fact", known=None, **options):
    job = Job(DEFAULT_MODEL, known or {}, per=per)
    return extract_files(sources(paths), output, job, **{"workers": 1, "time_limit": 60} | options)


def lines(path):
    with open(path, encoding="utf-8") as rows:
        return [json.loads(row) for row in rows]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Sixty short reports, two of which cannot be read, in one file."""
    folder = tmp_path_factory.mktemp("corpus")
    with open(folder / "reports.jsonl", "w", encoding="utf-8") as out:
        for n in range(60):
            text = f"{n + 1}月份全县规上工业增加值增长{n % 9 + 1}.{n % 7}%，新建幼儿园{n + 2}所。" * (1 + n % 5)
            row = {"text": text, "region": "平川县", "year": 1990 + n % 30} if n not in (7, 40) else {"text": n}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    return folder / "reports.jsonl"


@pytest.fixture(scope="module")
def undisturbed(corpus, tmp_path_factory):
    output = tmp_path_factory.mktemp("undisturbed") / "facts.jsonl"
    summary = run([corpus], output, workers=2)
    assert (summary.reports, len(summary.errors)) == (58, 2) and summary.facts > 116
    return output


def test_output_is_in_the_order_of_the_input_and_the_same_whatever_the_workers(corpus, undisturbed, tmp_path):
    years = list(dict.fromkeys(fact["report"]["year"] for fact in lines(undisturbed)))
    assert years == [1990 + n for n in range(30) if n != 7] + [1997]
    run([corpus], tmp_path / "one.jsonl", workers=1)
    assert (tmp_path / "one.jsonl").read_bytes() == undisturbed.read_bytes()
    assert not list(tmp_path.glob("*.part")) and not list(tmp_path.glob("*.ledger"))
    told = json.loads((tmp_path / "one.summary.json").read_text())
    assert told["reports"] == 58 and told["failed"] == 2 and told["facts"] == len(lines(undisturbed))


def test_failed_reports_are_named(corpus, undisturbed):
    errors = lines(undisturbed.with_suffix(".errors.jsonl"))
    assert [error["path"] for error in errors] == [f"{corpus}:8", f"{corpus}:41"]
    assert all(error["class"] == "ReportError" and error["mend"] for error in errors)


@pytest.mark.slow
def test_a_run_killed_at_25_moments_gives_the_same_bytes(corpus, undisturbed, tmp_path):
    output, chance, kills = tmp_path / "facts.jsonl", random.Random(5), 0
    command = [sys.executable, "-m", "pipeline.cli", "extract", str(corpus), "-o", str(output), "--resume", "--workers", "2"]
    while kills < 25:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT)
        begun = time.monotonic()
        # most of the time goes by before the first facts are there: moments are drawn from then on, and before
        wanted, before = chance.random() * 1.0, chance.random() < 0.2
        while process.poll() is None and not before and not (tmp_path / "facts.jsonl.part").exists():
            time.sleep(0.01)
        deadline = begun + wanted if before else time.monotonic() + 2 * wanted
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        told = process.communicate()[1].decode()
        assert "Traceback" not in told
        if process.returncode >= 0:  # it came to its end before the moment
            assert process.returncode == 1, told
            assert output.read_bytes() == undisturbed.read_bytes()
            output.unlink()
    subprocess.run(command, check=False, capture_output=True, cwd=ROOT)
    assert output.read_bytes() == undisturbed.read_bytes()
    errors = output.with_suffix(".errors.jsonl").read_bytes()
    assert errors == undisturbed.with_suffix(".errors.jsonl").read_bytes()


def stopped(corpus, output, **options):
    """An unfinished run: the first failed report has stopped it."""
    summary = run([corpus], output, max_errors=0, **options)
    assert summary.stopped and not output.exists() and output.with_name(output.name + ".ledger").exists()
    return summary


def test_a_stopped_run_goes_on(corpus, undisturbed, tmp_path):
    output = tmp_path / "facts.jsonl"
    first = stopped(corpus, output)
    assert 0 < first.reports < 58
    with pytest.raises(PipelineError, match="an unfinished run is here.*--resume"):
        run([corpus], output)
    again = run([corpus], output, resume=True)
    assert again.earlier_reports == first.done and again.reports == 58
    assert output.read_bytes() == undisturbed.read_bytes()


def test_a_torn_ledger_and_output_are_mended(corpus, undisturbed, tmp_path):
    output = tmp_path / "facts.jsonl"
    stopped(corpus, output)
    with open(tmp_path / "facts.jsonl.ledger", "ab") as ledger, open(tmp_path / "facts.jsonl.part", "ab") as part:
        ledger.write(b'{"chunk": "12')
        part.write(b'{"report": {"id')
    run([corpus], output, resume=True)
    assert output.read_bytes() == undisturbed.read_bytes()


def test_what_has_changed_is_said(corpus, tmp_path):
    output = tmp_path / "facts.jsonl"
    stopped(corpus, output)
    with pytest.raises(PipelineError, match="another manifest or option.*--restart"):
        run([corpus], output, resume=True, known={"year": 2001})
    with pytest.raises(PipelineError, match="another --per"):
        run([corpus], output, resume=True, per="report")
    other = tmp_path / "other.jsonl"
    other.write_text(corpus.read_text(encoding="utf-8").replace("幼儿园", "养老院"), encoding="utf-8")
    with pytest.raises(PipelineError, match="the input here or just behind it has changed"):
        run([other], output, resume=True)
    (tmp_path / "facts.jsonl.part").write_text("")
    with pytest.raises(PipelineError, match="shorter than its ledger says"):
        run([corpus], output, resume=True)
    assert run([corpus], output, restart=True).reports == 58


def test_a_run_killed_while_its_files_get_their_names(corpus, undisturbed, tmp_path):
    output = tmp_path / "facts.jsonl"
    stopped(corpus, output)
    ledger = tmp_path / "facts.jsonl.ledger"
    (tmp_path / "facts.jsonl.part").write_bytes(undisturbed.read_bytes())
    ledger.write_text(ledger.read_text(encoding="utf-8") + '{"finished": true}\n', encoding="utf-8")
    run([corpus], output, resume=True)
    assert output.read_bytes() == undisturbed.read_bytes() and not ledger.exists()


def test_shards_hold_the_reports_in_turn(corpus, undisturbed, tmp_path):
    run([corpus], tmp_path / "facts.jsonl", shards=3)
    files = sorted(tmp_path.glob("facts-*-of-00003.jsonl"))
    assert len(files) == 3
    rows = [row for file in files for row in file.read_bytes().splitlines()]
    assert sorted(rows) == sorted(undisturbed.read_bytes().splitlines())
    assert {fact["report"]["year"] for fact in lines(files[1])} & {1991, 1994, 1997} == {1991, 1994}


def test_a_line_a_report(corpus, undisturbed, tmp_path):
    run([corpus], tmp_path / "nested.jsonl", per="report")
    rows = lines(tmp_path / "nested.jsonl")
    assert len(rows) == 58 and rows[0]["report"]["region"] == "平川县"
    assert [fact for row in rows for fact in row["facts"]] == lines(undisturbed)


def test_tables_hold_the_same_facts(corpus, undisturbed, tmp_path):
    import pandas

    run([corpus], tmp_path / "facts.parquet")
    run([corpus], tmp_path / "facts.csv")
    expected = [fact["value"]["number"] for fact in lines(undisturbed)]
    for table in (pandas.read_parquet(tmp_path / "facts.parquet"), pandas.read_csv(tmp_path / "facts.csv")):
        assert table["value.number"].tolist() == expected
        assert table["report.region"].unique().tolist() == ["平川县"]
    parts = json.loads(pandas.read_parquet(tmp_path / "facts.parquet")["metric.parts"][0])
    assert parts == lines(undisturbed)[0]["metric"]["parts"]


def test_every_line_follows_the_schema(tmp_path):
    run(EXAMPLES, tmp_path / "facts.jsonl")
    schema = jsonschema.Draft202012Validator(json_schema())
    facts = lines(tmp_path / "facts.jsonl")
    for fact in facts:
        schema.validate(fact)
    assert not schema.is_valid(facts[0] | {"kind": "other"}) and not schema.is_valid(facts[0] | {"more": 1})
    printed = baogao("schema", cwd=tmp_path)
    assert json.loads(printed.stdout) == json_schema()


def test_no_model_leaves_nothing_behind(corpus, tmp_path):
    (tmp_path / "broken").mkdir()
    for name in ("meta.json", "config.cfg"):
        (tmp_path / "broken" / name).write_bytes((DEFAULT_MODEL / name).read_bytes())
    with pytest.raises(ModelError):
        extract_files(sources([corpus]), tmp_path / "f.jsonl", Job(tmp_path / "broken"), workers=1, time_limit=60)
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]


def test_an_output_that_cannot_be_written(corpus, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PipelineError, match="cannot be written"):
        run([corpus], tmp_path / "file" / "facts.jsonl")
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(PipelineError, match="it is no file"):
        run([corpus], tmp_path / "folder.jsonl")


def test_chunks_depend_on_the_sources_alone(corpus):
    sizes = [len(chunk) for chunk in chunked(sources([corpus] * 1))]
    assert sum(sizes) == 60 and sizes == [len(chunk) for chunk in chunked(sources([corpus]))]
    assert max(sizes) <= 64


def test_a_ledger_of_a_run_that_did_nothing_is_no_obstacle(tmp_path):
    for _ in range(2):
        Ledger(tmp_path / "f.jsonl", {"model": "1"}, resume=False, restart=False).close()


def test_a_broken_run_leaves_the_old_file(tmp_path):
    path = tmp_path / "f.jsonl"
    path.write_text("old")
    with pytest.raises(KeyError), replacing(path) as out:
        out.write("new")
        raise KeyError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
