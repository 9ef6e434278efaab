import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.language import has_numeral, sentences_of, split_sentences
from pipeline.reports import from_text


@given(st.text(alphabet="全市增长 \n。！；，“”12%\t", max_size=900))
def test_sentences_cover_all_but_blanks(text):
    spans = list(split_sentences(text))
    covered = "".join(text[a:b] for a, b in spans)
    assert "".join(covered.split()) == "".join(text.split())
    assert all(a < b for a, b in spans)
    assert all(before[1] <= after[0] for before, after in zip(spans, spans[1:], strict=False))


def test_quotes_stay_with_their_sentence():
    text = "他说：“增长8%。”全市增长9%。"
    assert [text[a:b] for a, b in split_sentences(text)] == ["他说：“增长8%。”", "全市增长9%。"]


@pytest.mark.parametrize("text", ["增长8%", "１２家", "三十户", "居首位", "约占一半", "翻番", "十几个", "一家企业", "百分之三", "第三位", "五千千瓦", "办好十件民生实事"])
def test_numerals_are_seen(text):
    assert has_numeral(text)


@pytest.mark.parametrize("text", ["统一思想", "进一步加强", "全面深化改革", "唯一", "二十大精神", "一是坚持创新", "第三产业", "（二）十分重要", "建设“四好”公路"])
def test_words_without_a_numeral(text):
    assert not has_numeral(text)


def test_context_of_sentences():
    report = from_text("某县政府工作报告\n一、2021年工作回顾\n全县增长8%。粮食增产。\n（一）工业\n新增3家。\n二、2022年工作安排\n增长7%。")
    found = {report.text[s.start : s.end]: s for s in sentences_of(report)}
    assert found["粮食增产。"].section == "一、2021年工作回顾"
    assert found["粮食增产。"].previous == "全县增长8%。"
    assert found["新增3家。"].section == "一、2021年工作回顾 / （一）工业"
    assert found["增长7%。"].section == "二、2022年工作安排"
    assert 0 < found["新增3家。"].position < found["增长7%。"].position < 1
