"""What passages inherit, on Docs whose mentions are set by hand."""

import pytest
import spacy
from spacy.tokens import Span

import pipeline.language  # noqa: F401  (registers the tokenizer)
from pipeline.context import Context
from pipeline.language import sentences_of
from pipeline.reports import from_text

HEAD = "政府工作报告\n——2022年1月11日在白城市第七届人民代表大会第一次会议上\n各位代表：\n"


def read(body, *marks, base=(), region=(), head=HEAD):
    """(context, doc, report) of a text; `marks` are (surface, label) in text order."""
    report = from_text(head + body)
    nlp = spacy.blank("zh", config={"nlp": {"tokenizer": {"@tokenizers": "baogao.characters.v1"}}})
    doc, at, spans = nlp.make_doc(report.text), len(head) - 1, []
    doc._.sentences = sentences_of(report)
    for surface, label in marks:
        at = report.text.index(surface, at)
        spans.append(Span(doc, at, at + len(surface), label))
        at += len(surface)
    doc.ents = spans
    links = [(0, n, "base", 1.0) for n, (s, _) in enumerate(marks) if s in base]
    doc._.relations = links + [(0, n, "region", 1.0) for n, (s, _) in enumerate(marks) if s in region]
    return Context(doc, doc.ents, report), doc, report


def value(doc, surface):
    return next(e for e in doc.ents if e.text == surface)


def sentence(doc, span):
    return next(s for s in doc._.sentences if s.start <= span.start < s.end)


def period_of(context, doc, surface, status="actual"):
    span = value(doc, surface)
    found = context.inherited_period(span, sentence(doc, span), status)
    return (found.start_date[:4], found.end_date[:4], found.source) if found else None


def test_the_year_before_in_the_paragraph_governs():
    context, doc, _ = read("一、2021年工作回顾\n2020年投资12亿元。新增企业3家。\n另建学校5所。", ("2020年", "YEAR"), ("12亿", "VALUE"), ("3", "VALUE"), ("5", "VALUE"))
    assert period_of(context, doc, "3") == ("2020", "2020", "paragraph")
    assert period_of(context, doc, "5") == ("2021", "2021", "section")


def test_a_base_or_a_duration_does_not_govern():
    marks = (("连续五年", "YEAR"), ("上年", "YEAR"), ("8", "VALUE"), ("3", "VALUE"))
    context, doc, _ = read("一、2021年工作回顾\n连续五年增长，比上年增长8%。企业3家。", *marks, base=("上年",))
    assert period_of(context, doc, "3") == ("2021", "2021", "section")


@pytest.mark.parametrize(
    ("heading", "status", "expected"),
    [
        ("一、2021年工作回顾", "actual", ("2021", "2021", "section")),
        ("一、过去五年工作回顾", "actual", ("2017", "2021", "section")),
        ("二、2022年工作安排", "target", ("2022", "2022", "section")),
        ("二、今后五年奋斗目标", "target", ("2022", "2026", "section")),
        ("二、“十四五”时期主要目标", "target", ("2021", "2025", "section")),
        ("二、2022年工作安排", "actual", ("2021", "2021", "section")),
        ("各位代表", "actual", ("2021", "2021", "report")),
        ("各位代表", "target", ("2022", "2022", "report")),
    ],
)
def test_headings(heading, status, expected):
    context, doc, _ = read(f"{heading}\n新建学校5所。", ("5", "VALUE"))
    assert period_of(context, doc, "5", status) == expected


def test_words_count_from_the_passage():
    context, doc, _ = read("二、2022年工作安排\n全年新建学校5所。", ("全年", "YEAR"), ("5", "VALUE"))
    span = doc.ents[0]
    assert context.period(span, sentence(doc, span), "target").start_date == "2022-01-01"


def test_without_a_year_only_full_dates_are_read():
    context, doc, report = read("2020年建学校5所，去年3所。", ("2020年", "YEAR"), ("5", "VALUE"), ("去年", "YEAR"), head="各位代表：\n")
    first, last = doc.ents[0], doc.ents[2]
    assert report.year is None
    assert context.period(first, sentence(doc, first), "actual").end_date == "2020-12-31"
    assert context.period(last, sentence(doc, last), "actual").end_date is None


def test_areas():
    marks = (("洮北区", "REGION"), ("5", "VALUE"), ("3", "VALUE"), ("2", "VALUE"))
    context, doc, _ = read("洮北区建学校5所。医院3所。\n又建2所。", *marks, region=("洮北区",))
    near, far = context.inherited_place(value(doc, "3")), context.inherited_place(value(doc, "2"))
    assert (near.adcode, near.source, near.text) == ("220802", "paragraph", "洮北区")
    assert (far.adcode, far.source, far.text) == ("220800", "report", None)
    nowhere, doc, _ = read("建学校5所。", ("5", "VALUE"), head="各位代表：\n")
    assert nowhere.inherited_place(value(doc, "5")) is None


def test_plans_are_targets_unless_the_sentence_says_done():
    context, doc, _ = read("二、2022年工作安排\n新建学校5所。已建医院3所。", ("5", "VALUE"), ("3", "VALUE"))
    plan, done = (sentence(doc, value(doc, v)) for v in "53")
    assert context.status("actual", 0.6, plan, "新建学校5所。") == "target"
    assert context.status("actual", 0.99, plan, "新建学校5所。") == "actual"
    assert context.status("actual", 0.6, done, "已建医院3所。") == "actual"
