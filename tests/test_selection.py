import gzip
import json
import lzma

import numpy as np
import pytest

from pipeline.corpus import check_record
from pipeline.doubt import doubts
from pipeline.errors import ReportError
from pipeline.predict import record_doc, whole
from pipeline.selection import Candidate, choose, reports_of, select, select_at_random, sentences, weighed
from tests.conftest import ROOT
from tests.test_cli import baogao

REPORT = """2023年临汾市政府工作报告
——2023年1月9日在临汾市第五届人民代表大会第三次会议上
各位代表：
一、2022年工作回顾
全市地区生产总值完成2032亿元，增长5.1%。
我们深知差距仍在。
新建农村公路120公里，惠及群众3.6万人。
二、2023年工作安排
粮食总产量稳定在12亿斤以上。
"""


def corpus(folder):
    (folder / "临汾市.txt").write_text(REPORT, encoding="utf-8")
    line = json.dumps({"text": REPORT.replace("临汾", "运城").replace("农村公路", "乡村道路")}, ensure_ascii=False) + "\n"
    (folder / "more.jsonl.xz").write_bytes(lzma.compress(line.encode()))
    return folder


def read(nlp, text):
    with whole(nlp):
        (doc,) = nlp.pipe([record_doc(nlp, {"text": text})])
    return doc


def test_records_are_annotations_to_be(nlp, tmp_path):
    records = select(sentences([corpus(tmp_path)]), nlp, number=50, seed=1)
    assert {r["meta"]["region"] for r in records} == {"临汾市", "运城市"}
    assert len({r["id"] for r in records}) == len(records)
    for record in records:
        assert not check_record(record) and "entities" not in record
        assert any(c.isdigit() for c in record["text"])
        assert 0 < record["meta"]["score"] and record["meta"]["why"]
        assert record["meta"]["report_year"] == "2023" and "政府工作报告" in record["meta"]["report"]
    road = next(r for r in records if "公路" in r["text"])
    assert road["context"]["section"] == "一、2022年工作回顾" and road["context"]["previous"] == "我们深知差距仍在。"


def test_same_seed_same_choice(nlp, tmp_path):
    found = list(sentences([corpus(tmp_path), ROOT / "examples"]))
    assert select(found, nlp, number=8, seed=1) == select(found, nlp, number=8, seed=1)
    one, other = ([r["id"] for r in select_at_random(found, number=8, seed=seed)] for seed in (1, 2))
    assert one != other and one == [r["id"] for r in select_at_random(found, number=8, seed=1)]


def test_sentences_alike_but_for_figures_stand_once(nlp, tmp_path):
    lines = [f"{place}完成固定资产投资{n}.{n}亿元，同比增长{n}%。" for n, place in enumerate(["全市", "全市", "全市"], start=3)]
    (tmp_path / "a.md").write_text("\n".join([*lines, "新增城镇就业1.2万人，城镇调查失业率控制在5.5%以内。"]), encoding="utf-8")
    assert len(select(sentences([tmp_path]), nlp, number=9, seed=1)) == 2
    left = list(sentences([tmp_path], without=["全市完成固定资产投资880亿元，同比增长12.5%。"]))
    assert [r["text"][:6] for r in left] == ["新增城镇就业"]


def test_doubt_looks_at_every_head(nlp):
    found = doubts(nlp, read(nlp, "全市地区生产总值增长8%，粮食总产量达到57万吨。"))
    assert len(found) == 3  # two facts, and what is part of none
    assert all(0 <= doubt <= 1 for doubt, _ in found)
    plain, odd = ("全市地区生产总值完成550亿元，增长6.5%。", "争取再拿下三五个、力争七八成的老账旧欠在年内见底。")
    (sure,), (unsure,) = (list(weighed(nlp, [{"id": 1, "text": t, "meta": {"doc": "a"}}])) for t in (plain, odd))
    assert sure.score < unsure.score


def test_a_sentence_all_of_one_mention_is_weighed(nlp):
    (candidate,) = weighed(nlp, [{"id": 1, "text": "2021年", "meta": {"doc": "a"}}])
    assert candidate.score > 0


def candidate(number, score, vector, document="a"):
    record = {"id": number, "text": str(number), "meta": {"doc": document}}
    return Candidate(record, score, np.array(vector, dtype=float))


def test_the_choice_is_doubtful_and_spread():
    crowd = [candidate(i, 0.9, (1, 0.001 * i)) for i in range(50)]
    other, sure = candidate(90, 0.8, (-1, 1)), candidate(91, 0.001, (-1, -1))
    chosen = [r["id"] for r in choose([*crowd, other, sure], number=2, seed=1)]
    assert chosen == [0, 90]
    assert len(choose([*crowd, other, sure], number=99, seed=1)) == 52
    assert choose([], number=3, seed=1) == []


def test_the_choice_is_spread_over_reports():
    rng = np.random.default_rng(0)
    rows = [candidate(i, 0.5, rng.normal(size=8), "big" if i < 180 else f"small {i}") for i in range(200)]
    taken = [r["meta"]["doc"] for seed in range(5) for r in choose(rows, number=20, seed=seed)]
    assert 1 - taken.count("big") / len(taken) > 2 * 20 / 200


def test_corpora_of_every_form(tmp_path):
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress("全市增长8%。\n全市增长9%。\n".encode()))
    (tmp_path / "b.jsonl").write_text('{"text": "全市增长7%。"}\n', encoding="utf-8")
    (tmp_path / "notes.csv").write_text("1,2", encoding="utf-8")
    assert [r.text for r in reports_of([tmp_path])] == ["全市增长8%。\n全市增长9%。", "全市增长7%。"]


def test_reports_that_cannot_be_read_are_passed_over(tmp_path, caplog):
    with pytest.raises(ReportError, match="no such file"):
        list(reports_of([tmp_path / "none"]))
    (tmp_path / "a.docx").write_bytes(b"no zip")
    (tmp_path / "b.jsonl").write_text('{"text": null}\n{"text": "全市增长7%。"}\n', encoding="utf-8")
    assert [r.text for r in reports_of([tmp_path])] == ["全市增长7%。"]
    assert "a.docx" in caplog.text and "b.jsonl:1" in caplog.text


def test_command(tmp_path):
    run = baogao("select", corpus(tmp_path), "-n", 3, "-o", tmp_path / "s.jsonl", cwd=tmp_path)
    assert run.returncode == 0, run.stderr.decode()
    rows = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 3 and "3 sentences from 2 reports" in run.stdout.decode()
    run = baogao(
        "select", tmp_path, "--random", "-o", tmp_path / "r.jsonl", "--without", tmp_path / "s.jsonl", cwd=tmp_path
    )
    assert run.returncode == 0, run.stderr.decode()
    others = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text(encoding="utf-8").splitlines()]
    assert others and not {r["id"] for r in rows} & {r["id"] for r in others}
    assert all("score" not in r["meta"] for r in others)


def test_nothing_to_select(tmp_path):
    (tmp_path / "a.txt").write_text("我们深知差距仍在。", encoding="utf-8")
    run = baogao("select", "a.txt", cwd=tmp_path)
    assert run.returncode == 2 and "no sentence to choose from" in run.stderr.decode()
    assert not (tmp_path / "sentences.jsonl").exists()
