import json
from dataclasses import replace

import pytest

import pipeline
from pipeline.extraction import analyse
from pipeline.reports import from_text, read_report
from pipeline.schema import Fact
from tests.conftest import ROOT, SHARED
from tests.test_engine import EXAMPLES, lines, run


def test_facts_of_the_examples_are_the_expected_ones(tmp_path):
    run(EXAMPLES, tmp_path / "facts.jsonl")
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


def test_one_bad_report_does_not_stop_the_rest(tmp_path):
    bad = tmp_path / "bad.docx"
    bad.write_bytes(b"no zip")
    output = tmp_path / "out.jsonl"
    summary = run([EXAMPLES[0], bad, EXAMPLES[1]], output)
    assert summary.reports == 2 and len(summary.errors) == 1
    assert lines(tmp_path / "out.errors.jsonl")[0]["path"] == str(bad)
    run([EXAMPLES[0]], output)
    assert not (tmp_path / "out.errors.jsonl").exists()


def test_reports_together_or_alone_give_the_same(nlp):
    reports = [read_report(path) for path in EXAMPLES]

    def bare(reports):
        return [[replace(fact, confidence=None) for fact in facts] for _, facts in analyse(nlp, reports)]

    assert bare(reports * 6) == bare(reports) * 6


@pytest.mark.shared
@pytest.mark.slow
def test_real_files_are_read_and_hold_facts(tmp_path):
    summary = run([SHARED / "reports"], tmp_path / "facts.jsonl", workers=2)
    assert summary.errors == [] and summary.reports == len(list((SHARED / "reports").iterdir())) >= 15
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
