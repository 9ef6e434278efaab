import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.periods import Clock, parse_period

REVIEW, PLAN = Clock(2022, 2021), Clock(2022, 2022)


def years(first, last=None):
    return f"{first}-01-01", f"{last or first}-12-31"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2021年", years(2021)),
        ("２０２１年", years(2021)),
        ("二○二一年", years(2021)),
        ("二〇二一年", years(2021)),
        ("一九八五年", years(1985)),
        ("97年", years(1997)),
        ("2021年度", years(2021)),
        ("去年", years(2021)),
        ("今年", years(2022)),
        ("前年", years(2020)),
        ("明年", years(2023)),
        ("上年", years(2020)),
        ("上年末", years(2020)),
        ("上一年", years(2020)),
        ("上年同期", years(2020)),
        ("全年", years(2021)),
        ("年末", years(2021)),
        ("年底", years(2021)),
        ("年内", years(2021)),
        ("当年", years(2021)),
        ("2020年底", years(2020)),
        ("去年底", years(2021)),
        ("过去五年", years(2017, 2021)),
        ("过去的五年", years(2017, 2021)),
        ("五年来", years(2017, 2021)),
        ("五年", years(2017, 2021)),
        ("前五年", years(2017, 2021)),
        ("近十年", years(2012, 2021)),
        ("连续5年", years(2017, 2021)),
        ("连续第四年", years(2018, 2021)),
        ("连续十二年", years(2010, 2021)),
        ("过去一年", years(2021)),
        ("一年来", years(2021)),
        ("刚刚过去的一年", years(2021)),
        ("今后五年", years(2022, 2026)),
        ("未来三年", years(2022, 2024)),
        ("新的一年", years(2022)),
        ("上半年", ("2021-01-01", "2021-06-30")),
        ("下半年", ("2021-07-01", "2021-12-31")),
        ("去年上半年", ("2021-01-01", "2021-06-30")),
        ("一季度", ("2021-01-01", "2021-03-31")),
        ("第四季度", ("2021-10-01", "2021-12-31")),
        ("首季", ("2021-01-01", "2021-03-31")),
        ("2021年前三季度", ("2021-01-01", "2021-09-30")),
        ("1至9月", ("2021-01-01", "2021-09-30")),
        ("1—11月", ("2021-01-01", "2021-11-30")),
        ("前10个月", ("2021-01-01", "2021-10-31")),
        ("9月底", ("2021-09-01", "2021-09-30")),
        ("7月份", ("2021-07-01", "2021-07-31")),
        ("2020年2月", ("2020-02-01", "2020-02-29")),
        ("2021年12月31日", ("2021-12-31", "2021-12-31")),
        ("九月三日", ("2021-09-03", "2021-09-03")),
        ("2016—2020年", years(2016, 2020)),
        ("2016年至2020年", years(2016, 2020)),
        ("2020年9月至2021年3月", ("2020-09-01", "2021-03-31")),
        ("“十三五”期间", years(2016, 2020)),
        ("“十三五”末", years(2020)),
        ("“十三五”", years(2016, 2020)),
        ("“十一五”前四年", years(2006, 2009)),
        ("“十五”时期后两年", years(2004, 2005)),
        ("“十六五”时期", years(2031, 2035)),
        ("“一五”时期", years(1953, 1957)),
        ("“七五”期间", years(1986, 1990)),
        ("“十三五”以来", years(2016, 2021)),
        ("2017年以来", years(2017, 2021)),
        ("改革开放以来", ("1978-12-18", "2021-12-31")),
        ("党的十八大以来", ("2012-11-08", "2021-12-31")),
        ("2026年", years(2026)),
        ("2035年", years(2035)),
        ("本世纪末", years(2000)),
        ("90年代", years(1990, 1999)),
        ("昨天", None),
        ("13月", None),
        ("2021年2月30日", None),
        ("", None),
    ],
)
def test_in_a_review(text, expected):
    assert parse_period(text, REVIEW) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("今年", years(2022)),
        ("全年", years(2022)),
        ("年内", years(2022)),
        ("上年", years(2021)),
        ("上半年", ("2022-01-01", "2022-06-30")),
        ("五年", years(2022, 2026)),
        ("过去五年", years(2017, 2021)),
        ("年底前", years(2022)),
    ],
)
def test_in_a_plan(text, expected):
    assert parse_period(text, PLAN) == expected


def test_december_congress_calls_the_closing_year_this_year():
    clock = Clock(2022, 2021, today=2021)
    assert parse_period("今年", clock) == years(2021)
    assert parse_period("明年", clock) == years(2022)


@given(st.integers(1950, 2060), st.integers(1, 12), st.integers(1, 12))
def test_months_of_a_year(year, first, last):
    first, last = sorted((first, last))
    start, end = parse_period(f"{year}年{first}月至{year}年{last}月", REVIEW)
    assert (start[:7], end[:7]) == (f"{year}-{first:02d}", f"{year}-{last:02d}")


@given(st.text("0123456789年月日上下半前后去今明“十三五”期间末底以来至—第季度一二个连续过去", max_size=12))
def test_any_text_gives_two_ordered_days_or_none(text):
    found = parse_period(text, REVIEW)
    assert found is None or all(re.fullmatch(r"\d{4}-\d\d-\d\d", day) for day in found)
