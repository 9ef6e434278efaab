import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.numerals import parse_numeral
from tests.conftest import ROOT

CASES = {
    "5.5亿": 5.5e8,
    "133.3万": 1_333_000,
    "1,100.9亿": 110_090_000_000,
    "二十万亿": 2e13,
    "3万4000": 34_000,
    "3万4": 34_000,
    "三万零五": 30_005,
    "一千": 1000,
    "一万五千亿": 1.5e12,
    "三十六点九": 36.9,
    "三百五": 350,
    "三百零五": 305,
    "百": 100,
    "千亿": 1e11,
    "万亿": 1e12,
    "两": 2,
    "十": 10,
    "十二": 12,
    "一百二十": 120,
    "八十六亿": 8.6e9,
    "四十七亿六千万": 4.76e9,
    "１２．３": 12.3,
    "二○二一": 2021,
    "第24": 24,
    "首": 1,
    "前十": 10,
    "后30": 30,
    "三分之一": 1 / 3,
    "四分之三": 0.75,
    "一半": 0.5,
    "翻一番": 2,
    "翻两番": 4,
    "2.5千": 2500,
    "壹佰贰拾": 120,
}


@pytest.mark.parametrize(("text", "number"), CASES.items())
def test_numbers(text, number):
    assert parse_numeral(text).number == pytest.approx(number, rel=1e-11)


@pytest.mark.parametrize(
    ("text", "number", "bound"),
    [
        ("40余万", 4e5, ">"),
        ("1000余", 1000, ">"),
        ("二百余万", 2e6, ">"),
        ("3200余万", 3.2e7, ">"),
        ("30多亿", 3e9, ">"),
        ("上千", 1000, ">="),
        ("近千", 1000, "~"),
        ("过半", 0.5, ">"),
    ],
)
def test_bounds(text, number, bound):
    parsed = parse_numeral(text)
    assert (parsed.number, parsed.bound) == (number, bound)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("6%—7", 6, 7),
        ("5至6", 5, 6),
        ("60—70万", 6e5, 7e5),
        ("1300～1500亿", 1.3e11, 1.5e11),
        ("十几", 11, 19),
        ("数十", 20, 90),
        ("几百", 200, 900),
        ("三四", 3, 4),
    ],
)
def test_ranges(text, low, high):
    parsed = parse_numeral(text)
    assert (parsed.number, parsed.low, parsed.high) == (None, low, high)


def test_ratio():
    assert parse_numeral("15:61.9:23.1").numbers == (15, 61.9, 23.1)


@pytest.mark.parametrize("text", ["", "若干", "第", "余", "分之", "亿吨级"])
def test_no_numeral(text):
    assert parse_numeral(text) is None


def by_hand():
    with open(ROOT / "tests" / "data" / "numerals.tsv", encoding="utf-8", newline="") as lines:
        return [tuple(row.values()) for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)]


def test_cases_decided_by_hand():
    rows, wrong = by_hand(), []
    assert len(rows) >= 500
    for text, number, low, high, numbers, bound in rows:
        wanted = [float(x) if x else None for x in (number, low, high)] + [float(x) for x in numbers.split(",") if x]
        parsed = parse_numeral(text)
        found = [parsed.number, parsed.low, parsed.high, *parsed.numbers] if parsed else []
        if not parsed or parsed.bound != bound or found != [w if w is None else pytest.approx(w, rel=1e-9) for w in wanted]:
            wrong.append((text, wanted, bound, parsed))
    assert wrong == []


def chinese(number: int) -> str:
    """A whole number below 10^12 in Chinese numerals, as they are written out."""
    if number >= 10**8:
        high, low = divmod(number, 10**8)
        return chinese(high) + "亿" + _rest(low, 10**7)
    if number >= 10**4:
        high, low = divmod(number, 10**4)
        return chinese(high) + "万" + _rest(low, 10**3)
    text, zero = "", False
    for size, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, number = divmod(number, size)
        if digit:
            text += ("零" if zero and text else "") + "零一二三四五六七八九"[digit] + name
            zero = False
        else:
            zero = True
    return text or "零"


def _rest(number: int, full: int) -> str:
    return "" if number == 0 else ("零" if number < full else "") + chinese(number)


@given(st.integers(0, 10**12 - 1))
def test_chinese_numerals_read_back(number):
    assert parse_numeral(chinese(number)).number == number


@given(st.integers(0, 10**7), st.sampled_from(["", "万", "亿"]), st.booleans())
def test_arabic_numerals_read_back(number, magnitude, grouped):
    text = (f"{number:,}" if grouped else str(number)) + magnitude
    expected = number * {"": 1, "万": 10**4, "亿": 10**8}[magnitude]
    assert parse_numeral(text).number == pytest.approx(expected, rel=1e-11)


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text):
    parsed = parse_numeral(text)
    assert parsed is None or parsed.number is not None or parsed.low is not None or parsed.numbers


@pytest.mark.parametrize("text", ["7" * 400, "7" * 5000, "九" * 5000, "亿" * 5000, "1-" * 3000, "翻9999番", "." * 33])
def test_what_no_float_holds_is_no_numeral(text):
    assert parse_numeral(text) is None
