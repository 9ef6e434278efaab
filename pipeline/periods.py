"""Time expressions -> first and last day: 去年, 1至9月, “十三五”期间, 2017年以来, 过去五年, 二○二一年.

What a word means depends on the report and on the passage (`Clock`). As real reports use them:
今年, 去年 and 明年 count from the day of delivery (a report of December speaks of the closing year as
今年); 上年, 全年, 年末, 上半年 and bare months belong to the year that the passage speaks of;
过去五年 and 五年来 end with the year before the one that the report plans for, and 今后五年 begins
with that one. 末 and 底 name the whole year or month that they close, so that panels by year keep them.
"""

from __future__ import annotations

import re
import unicodedata
from calendar import monthrange
from dataclasses import dataclass
from datetime import date

from pipeline.numerals import parse_numeral

__all__ = ["Clock", "parse_period"]

Span = tuple[date, date]

# first year of each five-year plan by number; from the third on they follow each other (1963-65 stood between)
_FIRST = {1: 1953, 2: 1958, **{n: 1951 + 5 * n for n in range(3, 20)}}
_DAYS = {"夏": (6, 8), "秋": (9, 11), "春": (3, 5)}
# events that reports count from, and the day they began
_EVENTS = (
    (r"改革开放(?:\S*年)?", date(1978, 12, 18)),
    (r"(?:新中国|建国|共和国|解放)\S*", date(1949, 10, 1)),
    (r"(?:党的)?十八大", date(2012, 11, 8)),
    (r"(?:党的)?十九大", date(2017, 10, 18)),
    (r"(?:党的)?二十大", date(2022, 10, 16)),
    (r"(?:新|本)世纪", date(2001, 1, 1)),
)
_RELATIVE = {"前年": -2, "去年": -1, "今年": 0, "本年": 0, "明年": 1, "后年": 2, "来年": 1, "次年": 1}
_PAST = r"(?:(?:刚刚|已经)?过去的?|前|近|最近|这|上|连续|本届政府)?"
_NUMERAL = re.compile(r"[零〇○一二三四五六七八九十两]+(?=个?[年月日季]|届)")


@dataclass(frozen=True)
class Clock:
    """What relative words count from.

    Attributes:
        report: the year that the report plans for.
        reference: the year that the passage speaks of: the one before in a review, `report` in a plan.
        today: the calendar year of delivery; by default `report`.
    """

    report: int
    reference: int
    today: int | None = None

    @property
    def now(self) -> int:
        return self.today or self.report


def parse_period(text: str, clock: Clock) -> tuple[str, str] | None:
    """First and last day (ISO 8601) of a time expression, or None where it names none."""
    plain = unicodedata.normalize("NFKC", text)
    plain = re.sub(r"[“”\"'‘’\s()]|期间|时期|规划|之间|以前|之前|前后|左右|初步|度(?=$|内|末|底)", "", plain)
    plain = re.sub(r"(?<=[年月末底])(?:的)?(?:同期|间|里|内|中|前)?$", "", plain) or plain
    plain = re.sub(r"[一二][九〇○零O]?[零〇○O一二三四五六七八九]{2,3}(?=年)", lambda m: _digits(m.group()), plain)
    plain = _NUMERAL.sub(lambda m: _number(m.group()), re.sub(r"首季", "1季度", plain))
    try:
        found = _period(plain, clock)
    except ValueError:  # a day that no calendar has
        return None
    return None if found is None else (found[0].isoformat(), found[1].isoformat())


def _digits(text: str) -> str:
    return "".join(str("零一二三四五六七八九".find({"〇": "零", "○": "零", "O": "零"}.get(c, c))) for c in text)


def _number(text: str) -> str:
    parsed = parse_numeral(text)
    return text if parsed is None or parsed.number is None else f"{parsed.number:g}"


def _period(text: str, clock: Clock) -> Span | None:
    since = re.fullmatch(r"(?:自|从)?(.+?)(?:以来|以后|起|之后)", text)
    if since:
        began = _event(since.group(1)) or (_period(since.group(1), clock) or (None,))[0]
        return None if began is None else (began, max(date(clock.reference, 12, 31), _year(began.year)[1]))
    return _plan(text) or _duration(text, clock) or _range(text, clock) or _dated(text, clock)


def _event(text: str) -> date | None:
    return next((day for pattern, day in _EVENTS if re.fullmatch(pattern, text)), None)


def _years(first: int, last: int) -> Span:
    return date(first, 1, 1), date(last, 12, 31)


def _year(year: int) -> Span:
    return _years(year, year)


def _plan(text: str) -> Span | None:
    """十三五, 十二五末, 十一五前四年, 十五后两年."""
    match = re.fullmatch(r"(十?[一二三四五六七八九]|十)五(末|末期|初|初期|中期|前(\d)年|后(\d|两)年|第(\d)年|以来)?", text)
    if match is None:
        return None
    start = _FIRST[int(_number_of(match.group(1)))]
    last = start + 4
    part = match.group(2) or ""
    if part.startswith("末"):
        return _year(last)
    if part.startswith("初"):
        return _year(start)
    if part == "中期":
        return _year(start + 2)
    if match.group(3):
        return _years(start, start + int(match.group(3)) - 1)
    if match.group(4):
        return _years(last + 1 - int(_number_of(match.group(4))), last)
    return _year(start + int(match.group(5)) - 1) if match.group(5) else _years(start, last)


def _number_of(text: str) -> float:
    return parse_numeral(text).number


def _duration(text: str, clock: Clock) -> Span | None:
    """过去五年, 五年来, 连续3年, 近十年, 今后五年, 前三年, 过去一年."""
    if text in ("新的1年", "新1年"):
        return _year(clock.report)
    ahead = re.fullmatch(r"(?:今后|未来|下)的?(\d+)年", text)
    if ahead:
        return _years(clock.report, clock.report + int(ahead.group(1)) - 1)
    match = re.fullmatch(rf"{_PAST}第?(\d+)(?:个年头|周年|年)(?:多)?(?:来|以来|累计)?", text)
    if match is None or len(match.group(1)) > 2 or re.fullmatch(r"[789]\d年|上1年", text):
        return None
    number = int(match.group(1))
    if clock.reference >= clock.report and not re.search("过去|近|来|前|上|连续", text):
        return _years(clock.report, clock.report + number - 1)
    last = clock.report - 1
    return _years(last - number + 1, last) if number else None


def _range(text: str, clock: Clock) -> Span | None:
    """2016—2020年, 2020年9月至2021年3月."""
    match = re.fullmatch(r"(\d{4})年?[-—–~至到]+(\d{4})年", text)
    if match:
        return _years(int(match.group(1)), int(match.group(2)))
    match = re.fullmatch(r"(.*年.*?)[-—–~至到]+(.*年.*)", text)
    if match:
        first, last = _dated(match.group(1), clock), _dated(match.group(2), clock)
        return (first[0], last[1]) if first and last else None
    return None


def _dated(text: str, clock: Clock) -> Span | None:
    year, rest = _base(text, clock)
    if year is None:
        return None
    if rest in ("", "全年", "年", "当年", "末", "底", "年末", "年底", "年终", "初", "年初"):
        return _year(year)
    decade = re.fullmatch(r"年代(初期?|中期|末期?)?", rest)
    if decade:
        first, last = {"初": (0, 3), "中": (4, 6), "末": (7, 9)}.get((decade.group(1) or "?")[0], (0, 9))
        return _years(year + first, year + last)
    return _part(year, rest)


def _base(text: str, clock: Clock) -> tuple[int | None, str]:
    """The year that an expression stands in, and what is left of it."""
    match = re.match(r"(\d{4})年?|([789]\d)(?:年(?!代))", text)
    if match:
        return int(match.group(1) or f"19{match.group(2)}"), text[match.end() :]
    match = re.match(r"(?:(?:20|上)世纪)?([2-9]0)(?=年代)", text)
    if match:
        return 1900 + int(match.group(1)), text[match.end() :]
    if re.fullmatch(r"(?:本|20)世纪末", text):
        return 2000, ""
    for word, distance in _RELATIVE.items():
        if text.startswith(word):
            return clock.now + distance, text[len(word) :]
    match = re.match(r"上1?年|上年", text)
    if match:
        return clock.reference - 1, text[match.end() :]
    match = re.match(r"全年|当年|年度|年内|年|(?=\d+个?[月季]|\d+[-—–~至到]+\d+月|[前上下第])", text)
    if match and text != "年代":
        return clock.reference, text[match.end() :]
    return None, text


def _months(year: int, first: int, last: int) -> Span:
    return date(year, first, 1), date(year, last, monthrange(year, last)[1])


def _part(year: int, rest: str) -> Span | None:
    """Halves, quarters, months, days and seasons of a year."""
    rest = rest.removesuffix("末").removesuffix("底").removesuffix("份")
    half = re.fullmatch(r"([上下])半年", rest)
    if half:
        return _months(year, *((1, 6) if half.group(1) == "上" else (7, 12)))
    quarter = re.fullmatch(r"(前)?(?:第)?(\d)个?季度?", rest)
    if quarter and 1 <= int(quarter.group(2)) <= 4:
        last = 3 * int(quarter.group(2))
        return _months(year, 1 if quarter.group(1) else last - 2, last)
    first = re.fullmatch(r"前(\d+)个?月", rest)
    if first:
        return _months(year, 1, int(first.group(1)))
    months = re.fullmatch(r"(\d+)月?份?[-—–~至到]+(\d+)月", rest)
    if months:
        return _months(year, int(months.group(1)), int(months.group(2)))
    month = re.fullmatch(r"(\d+)月(?:[上中下]旬)?", rest)
    if month:
        return _months(year, int(month.group(1)), int(month.group(1)))
    day = re.fullmatch(r"(\d+)月(\d+)[日号]", rest)
    if day:
        there = date(year, int(day.group(1)), int(day.group(2)))
        return there, there
    season = re.fullmatch(r"([春夏秋])[季天]", rest)
    return _months(year, *_DAYS[season.group(1)]) if season else None
