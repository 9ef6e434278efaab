"""Reports out of folders, globs, archives and corpora."""

import bz2
import csv
import gzip
import hashlib
import io
import json
import logging
import lzma
import os
import pickle
import random

import pyarrow as pa
import pytest
from datasets import Dataset, DatasetDict
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from pipeline import tables
from pipeline.containers import Source, read, sources
from pipeline.errors import ReportError
from pipeline.reports import from_text

LINE = "全县地区生产总值增长8.2%，新建公路12公里。"
OTHER = "新增城镇就业1.2万人。"
ROWS = [
    {"text": LINE, "title": "云岭县政府工作报告", "region": "云岭县", "year": 2022, "date": "2022-01-11"},
    {"text": OTHER, "title": None, "region": "", "year": None, "date": None},
]


def told(*patterns, **options) -> list[tuple[str, str]]:
    """(path, text or the error's what) of all sources, each taken through pickle as a worker would get it."""
    found = []
    for source in sources(patterns, **options):
        try:
            found.append((source.path, read(pickle.loads(pickle.dumps(source)))[0]))
        except ReportError as error:
            assert str(error).startswith(source.path) and error.mend
            found.append((source.path, error.what))
    return found


def jsonl(rows) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def table(path, rows=ROWS):
    with open(path, "w", encoding="utf-8-sig", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def corpus(folder, kind):
    """ROWS as a corpus of a kind; returns its path."""
    path = folder / f"c.{kind}"
    if kind == "saved":
        Dataset.from_list(ROWS).save_to_disk(str(path))
    elif kind == "parquet":
        parquet.write_table(pa.Table.from_pylist(ROWS), path)
    elif kind.startswith("csv"):
        table(folder / "c.csv")
    else:
        (folder / "c.jsonl").write_text("\ufeff" + jsonl(ROWS), encoding="utf-8")
    for ending, pack in (("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)):
        if kind.endswith(ending):
            plain = folder / f"c.{kind.removesuffix('.' + ending)}"
            path.write_bytes(pack(plain.read_bytes()))
            plain.unlink()
    return path


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet", "saved", "jsonl.gz", "jsonl.xz", "csv.bz2"])
def test_a_corpus_is_a_report_a_row(tmp_path, kind):
    path = corpus(tmp_path, kind)
    first, second = sources([path])
    assert (first.path, second.path) == (f"{path}:1", f"{path}:2")
    known = {"title": "云岭县政府工作报告", "region": "云岭县", "year": 2022, "date": "2022-01-11"}
    assert read(first) == (LINE, hashlib.sha256(LINE.encode()).hexdigest()[:16], known)
    assert read(second)[::2] == (OTHER, {})
    # the same rows, found in the folder
    assert list(sources([tmp_path])) == [first, second]
    report = from_text(first.text, name=first.name, **first.known)
    assert (report.title, report.year, report.sources["region"]) == ("云岭县政府工作报告", 2022, ("given", 1.0))


def test_another_column_holds_the_text(tmp_path):
    (tmp_path / "c.jsonl").write_text(jsonl([{"content": LINE, "text": 1}]), encoding="utf-8")
    assert told(tmp_path / "c.jsonl", text_column="content") == [(f"{tmp_path}/c.jsonl:1", LINE)]


def test_splits_of_a_dataset(tmp_path):
    DatasetDict({name: Dataset.from_list(ROWS) for name in ("train", "test")}).save_to_disk(str(tmp_path / "d"))
    rows = [f"{tmp_path}/d/{split}:{n}" for split in ("test", "train") for n in (1, 2)]
    assert [path for path, _ in told(tmp_path / "d")] == rows


def test_folders_are_read_deeply_and_in_order(tmp_path):
    (tmp_path / "b" / "deep").mkdir(parents=True)
    for name in ("z.txt", "a.md", "b/deep/c.TXT", "b/a.txt.gz", "x.py", ".hidden.txt", "~$z.docx"):
        data = f"{name}：{LINE}".encode()
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    os.symlink(tmp_path, tmp_path / "b" / "up")
    os.symlink(tmp_path, tmp_path / "b" / "again")
    names = ["a.md", "z.txt", "b/a.txt.gz", "b/deep/c.TXT"]
    assert told(tmp_path) == [(f"{tmp_path}/{name}", f"{name}：{LINE}") for name in names]
    # named twice, read once; the order is that of the names
    again = [path for path, _ in told(tmp_path / "z.txt", tmp_path)]
    assert again == [f"{tmp_path}/{name}" for name in ("z.txt", "a.md", *names[2:])]
    globs = [path for path, _ in told(f"{tmp_path}/**/*.md", f"{tmp_path}/*/*.gz")]
    assert globs == [f"{tmp_path}/{name}" for name in ("a.md", "b/a.txt.gz")]
    assert [source.name for source in sources([tmp_path])] == ["a", "z", "a", "c"]


def test_relative_patterns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text(LINE, encoding="utf-8")
    assert told("*.txt", "a.txt", ".") == [("a.txt", LINE)]


def test_nothing_there_is_said_at_once(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.txt").write_text(LINE, encoding="utf-8")
    for pattern in (tmp_path / "none", f"{tmp_path}/*.pdf", f"{tmp_path}/**x", f"{tmp_path}/none/a.txt"):
        with pytest.raises(ReportError, match="no such file or folder"):
            sources([tmp_path / "a.txt", pattern])
    with pytest.raises(ReportError, match="no report in this folder"):
        sources([tmp_path / "empty"])


def test_a_folder_that_cannot_be_listed(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text(LINE, encoding="utf-8")
    (tmp_path / "shut").mkdir()
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    shut = (f"{tmp_path}/shut", "cannot be read: Permission denied")
    assert told(tmp_path) == [(f"{tmp_path}/a.txt", LINE), shut]


def test_tables_of_other_things_are_passed_over_in_a_folder(tmp_path, caplog):
    (tmp_path / "a.txt").write_text(LINE, encoding="utf-8")
    (tmp_path / "facts.jsonl").write_text(jsonl([{"value": 1}]), encoding="utf-8")
    table(tmp_path / "manifest.csv", [{"path": "a.txt", "region": "云岭县"}])
    with caplog.at_level(logging.WARNING):
        assert told(tmp_path) == [(f"{tmp_path}/a.txt", LINE)]
    assert {r.message.split(":")[0] for r in caplog.records} == {f"{tmp_path}/facts.jsonl", f"{tmp_path}/manifest.csv"}
    # but not where they are named
    assert told(tmp_path / "facts.jsonl") == [(f"{tmp_path}/facts.jsonl", "no column text")]
    (tmp_path / "a.txt").unlink()
    with pytest.raises(ReportError, match="no report in this folder"):
        sources([tmp_path])


BAD_LINES = {
    '{"text": ': "no JSON in UTF-8",
    "7": "no JSON object",
    "[]": "no JSON object",
    '"text"': "no JSON object",
    "[" * 100_000: "no JSON in UTF-8",
    '{"n": ' + "9" * 5000 + "}": "no JSON in UTF-8",
    '{"title": "a"}': "text is NoneType, not text",
    '{"text": ["a"]}': "text is list, not text",
    '{"text": ""}': "no text in it",
    '{"text": "words"}': "no Chinese in it",
    jsonl([{"text": LINE, "year": "last"}]).strip(): "invalid literal",
    jsonl([{"text": LINE, "year": 99999999999}]).strip(): "the year 99999999999",
    jsonl([{"text": LINE, "date": "2022-13-01"}]).strip(): "month must be in",
}


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_bad_line_is_named_and_the_rest_is_read(tmp_path, line):
    path = tmp_path / "c.jsonl"
    path.write_text(f"{jsonl(ROWS)}\n{line}\n{jsonl(ROWS)}", encoding="utf-8")
    first, second, bad, third, fourth = told(path)
    assert [first, second] == [(f"{path}:1", LINE), (f"{path}:2", OTHER)]
    assert [third, fourth] == [(f"{path}:5", LINE), (f"{path}:6", OTHER)]
    assert bad[0] == f"{path}:4" and BAD_LINES[line] in bad[1]


def test_halves_of_characters_in_json(tmp_path):
    (tmp_path / "c.jsonl").write_text(f'{{"text": "{LINE}\\ud800", "region": "县\\udfff"}}\n', encoding="utf-8")
    (source,) = sources([tmp_path])
    assert (source.text, source.known) == (f"{LINE}\ufffd", {"region": "县\ufffd"})


def test_a_line_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_LONGEST_LINE", 1000)
    text = jsonl([ROWS[0], {"text": LINE * 100}, ROWS[1]])
    (tmp_path / "c.jsonl").write_text(text, encoding="utf-8")
    first, last = told(tmp_path / "c.jsonl")
    assert first[1] == LINE and last[1] == "a line of 16 MiB or more"
    (tmp_path / "c.csv").write_text(f"text\n{LINE}\n{LINE * 100}\n", encoding="utf-8")
    first, last = told(tmp_path / "c.csv")
    assert first[1] == LINE and last[1] == "a line of 16 MiB or more"


def test_csv_with_zeros_long_fields_and_short_rows(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text(f'title,text\n甲,"{LINE * 9000}"\n乙\n丙,{LINE}\x00\n丁,"{LINE}\n{OTHER}",more\n', encoding="utf-8")
    assert told(path) == [
        (f"{path}:1", LINE * 9000),
        (f"{path}:2", "text is NoneType, not text"),
        (f"{path}:3", f"{LINE}\x00"),
        (f"{path}:4", f"{LINE}\n{OTHER}"),
    ]


def write(folder, name, data):
    (folder / name).write_bytes(data)
    return folder / name


def parquet_bytes(**columns) -> bytes:
    out = io.BytesIO()
    parquet.write_table(pa.table(columns), out)
    return out.getvalue()


def without(folder, name):
    next(folder.glob(name)).unlink()
    return folder


def cut(folder):
    data = next(folder.glob("*.arrow"))
    data.write_bytes(data.read_bytes()[:100])
    return folder


BROKEN = {
    "csv without the column": (lambda d: write(d, "c.csv", b"path,year\na,1\n"), "no column text"),
    "csv in another encoding": (lambda d: write(d, "c.csv", f"text\n{LINE}\n".encode("gb18030")), "no CSV in UTF-8"),
    "empty csv": (lambda d: write(d, "c.csv", b""), "no column text"),
    "parquet without the column": (lambda d: write(d, "c.parquet", parquet_bytes(a=[LINE])), "no column text"),
    "parquet of numbers": (lambda d: write(d, "c.parquet", parquet_bytes(text=[1])), "text is int, not text"),
    "truncated parquet": (lambda d: write(d, "c.parquet", parquet_bytes(text=[LINE])[:-20]), "no readable parquet"),
    "no parquet": (lambda d: write(d, "c.parquet", b"text"), "no readable parquet"),
    "packed parquet": (lambda d: write(d, "c.parquet.gz", gzip.compress(b"PAR1")), "a packed parquet"),
    "corpus of nothing but noise": (lambda d: write(d, "c.jsonl", random.Random(4).randbytes(50)), "no JSON in UTF-8"),
    "truncated pack": (lambda d: write(d, "c.jsonl.xz", lzma.compress(b"{}")[:-9]), "damaged"),
    "empty zip": (lambda d: write(d, "c.zip", b"PK\x05\x06" + bytes(18)), "no report in this archive"),
    "no zip": (lambda d: write(d, "c.zip", b"text"), "damaged"),
    "dataset without its information": (lambda d: without(corpus(d, "saved"), "*.arrow"), "no readable dataset"),
    "truncated dataset": (lambda d: cut(corpus(d, "saved")), "no readable dataset"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_container_is_named_and_the_run_goes_on(tmp_path, kind):
    make, what = BROKEN[kind]
    path = make(tmp_path)
    (tmp_path / "good.txt").write_text(LINE, encoding="utf-8")
    bad, good = told(path, tmp_path / "good.txt")
    assert bad[0].startswith(str(path)) and what in bad[1] and good[1] == LINE


def test_a_pack_that_breaks_off_gives_what_it_holds(tmp_path):
    rows = jsonl({"text": f"{n}：{LINE}{random.Random(n).random()}"} for n in range(20_000))
    whole = lzma.compress(rows.encode())
    path = write(tmp_path, "c.jsonl.xz", whole[: len(whole) // 2])
    *rows, last = told(path)
    assert len(rows) > 100 and rows[0][1].startswith("0：") and last[0] == str(path) and "damaged" in last[1]


def test_sources_are_taken_one_by_one(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_text(jsonl(ROWS), encoding="utf-8")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.txt").write_text(LINE, encoding="utf-8")
    stream = sources([path, tmp_path / "d"])
    assert next(stream).path == f"{path}:1"
    (tmp_path / "d" / "a.txt").rename(tmp_path / "d" / "b.txt")
    # the folder is not looked into before its turn
    assert [source.path for source in stream] == [f"{path}:2", f"{tmp_path}/d/b.txt"]


def test_a_source_that_holds_nothing_is_no_report():
    with pytest.raises(ReportError, match="^c.jsonl:1: no text in it"):
        read(Source("c.jsonl:1", text=""))


@given(st.binary(max_size=2000), st.sampled_from(["jsonl", "csv", "parquet", "zip", "jsonl.gz", "csv.xz", "txt.bz2"]))
@settings(deadline=None)
def test_any_bytes(tmp_path_factory, data, kind):
    path = tmp_path_factory.mktemp("any") / f"a.{kind}"
    path.write_bytes(data)
    for name, what in told(path):
        assert name.startswith(str(path)) and what
