"""An analysed Doc and its Report -> facts."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from spacy.tokens import Doc, Span

from pipeline.numerals import parse_numeral
from pipeline.schema import Fact, Metric, Period, Place, Report, Surface, Unit, Value
from pipeline.units import parse_unit

__all__ = ["facts_of"]


def facts_of(doc: Doc, report: Report) -> Iterator[Fact]:
    """One fact for each VALUE of `doc`, in text order.

    Periods, areas and indicators keep their text; what they resolve to stays None.
    """
    links: dict[int, list[tuple[int, str, float]]] = {}
    for value, mention, kind, sure in doc._.relations:
        links.setdefault(value, []).append((mention, kind, sure))
    sentences = iter(doc._.sentences)
    sentence = next(sentences, None)
    text, entities = doc._.source, doc.ents
    about = {"id": report.id, "region": report.region, "year": report.year}
    for n, entity in enumerate(entities):
        if entity.label_ != "VALUE":
            continue
        while sentence.end <= entity.start:
            sentence = next(sentences)
        place = {
            "text": text[sentence.start : sentence.end],
            "start": sentence.start,
            "end": sentence.end,
            "section": sentence.section or None,
        }
        yield _fact(doc, entities, n, links.get(n, []), report=about, sentence=place)


def _fact(doc: Doc, entities: tuple[Span, ...], n: int, links: list[tuple[int, str, float]], **where: dict) -> Fact:
    value, attributes = entities[n], doc._.attributes[n]
    linked = {kind: sorted(m for m, k, _ in links if k == kind) for _, kind, _ in links}
    first = {kind: entities[numbers[0]] for kind, numbers in linked.items()}
    kind = attributes["kind"][0]
    spans = [value] + [entities[m] for m, _, _ in links]
    sure = [doc._.certainty.get((s.start, s.end), 1.0) for s in spans]
    sure += [s for _, _, s in links] + [s for _, s in attributes.values()]
    return Fact(
        **where,
        value=_value(value),
        metric=_metric([entities[m] for m in linked["metric"]]) if "metric" in linked else None,
        unit=_unit(first["unit"], rank=kind == "rank") if "unit" in first else None,
        period=Period(*_surface(first["year"])) if "year" in first else None,
        region=Place(*_surface(first["region"])) if "region" in first else None,
        base=tuple(_base(entities[m]) for m in linked.get("base", ())),
        kind=kind,
        direction=attributes["dir"][0] if "dir" in attributes else None,
        status=attributes["status"][0],
        bound=attributes["bound"][0],
        confidence=round(prod(sure), 4),
    )


def _surface(span: Span) -> tuple[str, int, int]:
    return span.text, span.start_char, span.end_char


def _value(span: Span) -> Value:
    parsed = parse_numeral(span.text)
    if parsed is None:
        return Value(*_surface(span))
    return Value(*_surface(span), parsed.number, parsed.low, parsed.high, parsed.numbers)


def _metric(spans: list[Span]) -> Metric:
    return Metric("".join(s.text for s in spans), tuple(Surface(*_surface(s)) for s in spans))


def _unit(span: Span, *, rank: bool) -> Unit:
    return Unit(*_surface(span), *(parse_unit(span.text, rank=rank) or (None, None, None)))


def _base(span: Span) -> Period | Place:
    return (Period if span.label_ == "YEAR" else Place)(*_surface(span))
