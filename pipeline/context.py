"""What a passage inherits: the year it speaks of, the period and the area of facts that name none.

A fact without a YEAR takes the nearest one before it in its paragraph that governs (one that another
fact links to as its year, or none as a base), else the period that its headings name, else the year
under review or planned for, as its section or its status says. A fact without a REGION takes the one
that opens its paragraph, else the issuer. Each says from where: paragraph, section or report.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from spacy.tokens import Doc, Span

from pipeline.periods import Clock, parse_period
from pipeline.regions import issuer_region, resolve
from pipeline.schema import Period, Place, Report, Sentence

__all__ = ["Context"]

_PLAN = re.compile(r"目标|安排|部署|今后|未来|重点工作|工作重点|总体要求|总体思路|展望|计划|打算|任务|方针|奋斗|建议|谋划|十[四五六]五.{0,6}规划")
_REVIEW = re.compile(r"回顾|总结|过去|以来|成就|成绩|工作情况|主要工作$|五年来|一年来|执行情况|完成情况")
_YEARS_IN_HEADING = re.compile(
    r"(?:19|20)\d\d[-—–~至到](?:19|20)\d\d年|(?:19|20)\d\d年|过去的?[一二三四五六七八九十\d]+年|"
    r"(?:今后|未来)[一二三四五六七八九十\d]+年|“?十?[一二三四五六七八九]五”?(?=时期|期间|计划)|今年|去年"
)
# 连续五年, 两年 say how long something has lasted, 上年 what it is compared with: not when the rest of the paragraph is
_NOT_GOVERNING = re.compile(r"连续|[一二两三四六七八九十]+年$|上一?年")
_DONE = re.compile(r"已|去年|截至|目前|现有|累计|以来|今天|了")
_SURE = 0.9
# a clock against which a word that counts from the report's own year reads otherwise
_FAR = 40
_REMEMBERED = 2**12  # headings, times and areas that are not read anew


@lru_cache(_REMEMBERED)
def _planned(section: str, year: int | None) -> bool | None:
    """Whether the headings, the nearest first, say that plans follow; None where they do not say."""
    for title in reversed(section.split(" / ")):
        named = _named(title, Clock(year, year)) if year else None
        if named:
            return int(named[1][:4]) >= year
        if _REVIEW.search(title):
            return False
        if _PLAN.search(title):
            return True
    return None


@lru_cache(_REMEMBERED)
def _named(title: str, clock: Clock) -> tuple[str, str] | None:
    """The period that a heading names; the first of several (过去五年及2007年)."""
    plain = unicodedata.normalize("NFKC", title)
    spans = (parse_period(text, clock) for text in _YEARS_IN_HEADING.findall(plain))
    return next(filter(None, spans), None)


@lru_cache(_REMEMBERED)
def _dates(text: str, clock: Clock | None) -> tuple[str | None, str | None]:
    """First and last day of a time expression, as far as they are certain."""
    if clock is None:
        # a word that needs the report's year reads differently by two clocks
        one, other = (parse_period(text, Clock(year, year - 1)) for year in (2000, 2000 + _FAR))
        return one if one == other and one else (None, None)
    return parse_period(text, clock) or (None, None)


_resolved = lru_cache(_REMEMBERED)(resolve)


class Context:
    """Reads periods and areas of one report, sentence by sentence in text order."""

    def __init__(self, doc: Doc, entities: Sequence[Span], report: Report) -> None:
        self.report, self.source = report, doc._.source
        self.breaks = [match.start() for match in re.finditer("\n", self.source)]
        linked: dict[int, set[str]] = {}
        for _, mention, kind, _ in doc._.relations:
            linked.setdefault(mention, set()).add(kind)
        governing = [
            n
            for n, e in enumerate(entities)
            if e.label_ == "YEAR" and "base" not in linked.get(n, ()) and not _NOT_GOVERNING.match(self.surface(e)[0])
        ]
        self.years = [entities[n] for n in governing]
        self.starts = [span.start for span in self.years]
        opening = (n for n, e in enumerate(entities) if e.label_ == "REGION" and "region" in linked.get(n, ()))
        self.openings = {
            self._paragraph(entities[n].start): entities[n] for n in reversed(list(opening)) if self._opens(entities[n])
        }

    def surface(self, span: Span) -> tuple[str, int, int]:
        """Text, start and end of a mention: `Span.text` would join its tokens anew."""
        return self.source[span.start : span.end], span.start, span.end

    def _paragraph(self, offset: int) -> int:
        """Offset of the first character of the paragraph."""
        place = bisect_right(self.breaks, offset)
        return self.breaks[place - 1] + 1 if place else 0

    def _opens(self, span: Span) -> bool:
        return span.start - self._paragraph(span.start) <= 6

    def _clock(self, sentence: Sentence, status: str) -> Clock | None:
        if self.report.year is None:
            return None
        planned = self._planned(sentence)
        if planned is None or (planned and status == "actual"):
            planned = status == "target"
        today = int(self.report.date[:4]) if self.report.date else None
        return Clock(self.report.year, self.report.year - (not planned), today)

    def _planned(self, sentence: Sentence) -> bool | None:
        return _planned(sentence.section, self.report.year)

    def status(self, said: str, sure: float, sentence: Sentence, text: str) -> str:
        """The status of a fact: the model's, but target under a heading of plans where it is unsure and nothing says done."""
        unsure = said == "actual" and sure < _SURE and not _DONE.search(text)
        return "target" if unsure and self._planned(sentence) else said

    def period(self, span: Span, sentence: Sentence, status: str) -> Period:
        """The period of a YEAR mention."""
        surface = self.surface(span)
        return Period(*surface, *_dates(surface[0], self._clock(sentence, status)))

    def inherited_period(self, value: Span, sentence: Sentence, status: str) -> Period | None:
        """The period of a fact that names none."""
        clock = self._clock(sentence, status)
        place = bisect_right(self.starts, value.start) - 1
        if place >= 0 and self.starts[place] >= self._paragraph(value.start):
            period = self.period(self.years[place], sentence, status)
            if period.start_date and (status != "target" or period.end_date[:4] >= str(self.report.year or 0)):
                return replace(period, source="paragraph")
        if clock is None:
            return None
        for title in reversed(sentence.section.split(" / ")):
            dates = _named(title, clock)
            if dates and (status == "target") == (dates[1][:4] >= str(clock.report)):
                return Period(None, None, None, *dates, source="section")
        source = "report" if self._planned(sentence) is None else "section"
        return Period(None, None, None, f"{clock.reference}-01-01", f"{clock.reference}-12-31", source=source)

    def place(self, span: Span) -> Place:
        """The area of a REGION mention."""
        surface = self.surface(span)
        region = _resolved(surface[0], self.report.adcode, self.report.region)
        named = (region.name, region.adcode, region.level) if region else (None, None, None)
        return Place(*surface, *named)

    def inherited_place(self, value: Span) -> Place | None:
        """The area of a fact that names none."""
        opening = self.openings.get(self._paragraph(value.start))
        if opening is not None and opening.start < value.start:
            place = self.place(opening)
            if place.name:
                return replace(place, source="paragraph")
        area = issuer_region(self.report.adcode, self.report.region)
        return Place(None, None, None, area.name, area.adcode, area.level, source="report") if area else None
