import json

import pytest

import pipeline
from pipeline.errors import ReportError
from pipeline.extraction import analyse, extract_files, find_reports, replacing
from pipeline.reports import from_text, read_report
from pipeline.schema import Fact
from tests.conftest import ROOT, SHARED

EXAMPLES = sorted((ROOT / "examples").iterdir())


def lines(path):
    with open(path, encoding="utf-8") as rows:
        return [json.loads(row) for row in rows]


def test_facts_of_the_examples_are_the_expected_ones(nlp, tmp_path):
    extract_files(EXAMPLES, nlp, tmp_path / "facts.jsonl")
    found, expected = lines(tmp_path / "facts.jsonl"), lines(ROOT / "tests" / "data" / "examples.facts.jsonl")
    for row in found + expected:
        row["confidence"] = round(row["confidence"], 1)
    assert found == expected


def test_what_the_example_says(nlp):
    facts = list(pipeline.extract(ROOT / "examples" / "云岭县-2023.txt", nlp=nlp))
    known = {
        (f.metric.text if f.metric else None, f.value.text, f.value.number, f.kind, f.status) for f in facts
    }
    assert ("地区生产总值", "186.4亿", 18_640_000_000, "level", "estimate") in known
    assert ("民生支出占一般公共预算支出", "81", 81, "share", "actual") in known or any(k[1] == "81" for k in known)
    assert {f.report["region"] for f in facts} == {"云岭县"}
    assert {"actual", "target", "estimate"} <= {f.status for f in facts}


def test_offsets_and_round_trip(nlp):
    for path in EXAMPLES:
        report = read_report(path)
        for _, facts in analyse(nlp, [report]):
            assert facts
            for fact in facts:
                parts = [fact.value, fact.unit, fact.period, fact.region, *fact.base]
                parts += fact.metric.parts if fact.metric else []
                for part in filter(None, parts):
                    if part.text is None:
                        assert part.source in ("section", "report")
                        continue
                    assert report.text[part.start : part.end] == part.text
                sentence = fact.sentence
                assert report.text[sentence["start"] : sentence["end"]] == sentence["text"]
                assert Fact.from_json(json.loads(json.dumps(fact.to_json()))) == fact


def test_an_invented_county_has_no_code_but_periods(nlp):
    for fact in pipeline.extract(EXAMPLES[0], nlp=nlp):
        assert fact.report["adcode"] is None
        assert fact.region is None or fact.region.text
        assert fact.period.start_date <= fact.period.end_date


def test_facts_of_a_real_place_are_resolved(nlp):
    text = (
        "政府工作报告\n——2022年1月11日在白城市第七届人民代表大会第一次会议上\n各位代表：\n一、2021年工作回顾\n"
        "全市地区生产总值完成550亿元，增长6.5%。粮食产量达到111.4亿斤。洮北区新建学校3所。\n"
        "二、2022年工作安排\n今年地区生产总值增长7%左右，城镇新增就业1万人以上。"
    )
    facts = {(f.metric.text, f.kind): f for f in pipeline.extract(from_text(text), nlp=nlp) if f.metric}
    level, target = facts["地区生产总值", "level"], facts["地区生产总值", "rate"]
    assert (level.report["adcode"], level.report["level"]) == ("220800", "prefecture")
    assert (level.metric.indicator, level.region.adcode, level.region.source) == ("gdp", "220800", "sentence")
    assert (level.period.start_date, level.period.source) == ("2021-01-01", "section")
    grain = facts["粮食产量", "level"]
    assert grain.value.number * grain.unit.factor == pytest.approx(5.57e9)
    assert (grain.region.adcode, grain.region.source) == ("220800", "paragraph")
    assert (target.period.text, target.period.end_date, target.status) == ("今年", "2022-12-31", "target")
    assert target.region.source == "report"


def test_one_bad_report_does_not_stop_the_rest(nlp, tmp_path):
    bad = tmp_path / "bad.docx"
    bad.write_bytes(b"no zip")
    output = tmp_path / "out.jsonl"
    summary = extract_files([EXAMPLES[0], bad, EXAMPLES[1]], nlp, output)
    assert summary.reports == 2 and len(summary.errors) == 1
    assert lines(tmp_path / "out.errors.jsonl")[0]["path"] == str(bad)
    extract_files([EXAMPLES[0]], nlp, output)
    assert not (tmp_path / "out.errors.jsonl").exists()


def test_reports_together_or_alone_give_the_same(nlp, tmp_path):
    extract_files(EXAMPLES * 6, nlp, tmp_path / "many.jsonl")
    extract_files(EXAMPLES, nlp, tmp_path / "few.jsonl")

    def bare(path):
        return [{**row, "confidence": None} for row in lines(path)]

    assert bare(tmp_path / "many.jsonl") == bare(tmp_path / "few.jsonl") * 6


def test_files_are_found(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("b.txt", "a.txt", "in/c.md", "in/d.xlsx"):
        (tmp_path / name).write_text("增长8%")
    assert [p.name for p in find_reports([tmp_path])] == ["a.txt", "b.txt", "c.md"]
    assert [p.name for p in find_reports([f"{tmp_path}/*.txt"])] == ["a.txt", "b.txt"]
    with pytest.raises(ReportError, match="no such"):
        find_reports([tmp_path / "none"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReportError, match="no report in this folder"):
        find_reports([tmp_path / "empty"])


def test_a_broken_run_leaves_the_old_file(tmp_path):
    path = tmp_path / "f.jsonl"
    path.write_text("old")
    with pytest.raises(KeyError), replacing(path) as out:
        out.write("new")
        raise KeyError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.shared
@pytest.mark.slow
def test_real_files_are_read_and_hold_facts(nlp, tmp_path):
    files = find_reports([SHARED / "reports"])
    summary = extract_files(files, nlp, tmp_path / "facts.jsonl")
    assert summary.errors == [] and summary.reports == len(files) >= 15
    facts = lines(tmp_path / "facts.jsonl")
    by_report = {}
    for fact in facts:
        by_report.setdefault(fact["report"]["id"], []).append(fact)
    assert sum(len(found) > 100 for found in by_report.values()) >= 13


@pytest.mark.shared
@pytest.mark.slow
def test_accuracy_on_real_sentences(nlp):
    from pipeline.corpus import read_records
    from pipeline.evaluate import score
    from pipeline.predict import predict

    gold = list(read_records(SHARED / "gold" / "dev.jsonl", check=False))
    table = score(gold, list(predict(nlp, gold)))
    assert table["entity"]["f1"] >= FLOOR["entity"]
    assert table["fact~"]["f1"] >= FLOOR["fact~"]


FLOOR = {"entity": 75, "fact~": 60}
