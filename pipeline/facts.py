"""An analysed Doc and its Report -> facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from spacy.tokens import Doc, Span

from pipeline.calibration import apply, raw
from pipeline.context import Context
from pipeline.indicators import match_indicator
from pipeline.numerals import Number, parse_numeral
from pipeline.schema import Fact, Metric, Report, Sentence, Surface, Unit, Value
from pipeline.units import parse_unit

__all__ = ["facts_of"]


# words that only point back to a metric named before
_ELLIPTICAL = frozenset("增幅 增速 涨幅 降幅 增长率 总量 占比 比重 其中 同比".split())


def facts_of(doc: Doc, report: Report, *, calibration: Sequence[float] = (1.0, 0.0)) -> Iterator[Fact]:
    """One fact for each VALUE of `doc`, in text order, resolved in the report's context.

    What neither the sentence nor its context gives stays None. `calibration` is the line of
    `calibration.fit`, as the model's meta holds it.
    """
    links: dict[int, list[tuple[int, str, float]]] = {}
    for value, mention, kind, sure in doc._.relations:
        links.setdefault(value, []).append((mention, kind, sure))
    entities = doc.ents  # once: spaCy builds them anew at each access
    context, sentences = Context(doc, entities, report), iter(doc._.sentences)
    sentence, before = next(sentences, None), None
    about = {k: getattr(report, k) for k in ("id", "region", "adcode", "level", "year", "date")}
    about["sources"] = {k: {"source": source, "confidence": sure} for k, (source, sure) in report.sources.items()}
    for n, entity in enumerate(entities):
        if entity.label_ != "VALUE":
            continue
        while sentence.end <= entity.start:
            sentence = next(sentences)
        confidence = apply(raw(doc, entities, n, links.get(n, [])), calibration)
        fact = _completed(_fact(doc, entities, n, links.get(n, []), context, sentence, about, confidence), before)
        if fact.metric is not None:
            before = fact
        yield fact


def _completed(fact: Fact, before: Fact | None) -> Fact:
    """An elliptical metric (增幅) joined to the fuller one before it in the paragraph."""
    if fact.metric is None or fact.metric.text not in _ELLIPTICAL or before is None:
        return fact
    if fact.sentence["start"] - before.sentence["end"] > 1:
        return fact
    parts = before.metric.parts + fact.metric.parts
    metric = replace(before.metric, text="".join(p.text for p in parts), parts=parts, source="paragraph")
    return replace(fact, metric=metric)


def _fact(
    doc: Doc, entities: tuple[Span, ...], n: int, links: list, context: Context, sentence: Sentence, about: dict, confidence: float
) -> Fact:
    value, attributes = entities[n], doc._.attributes[n]
    linked = {kind: sorted(m for m, k, _ in links if k == kind) for _, kind, _ in links}
    first = {kind: entities[numbers[0]] for kind, numbers in linked.items()}
    text = context.source[sentence.start : sentence.end]
    kind, status = attributes["kind"][0], context.status(*attributes["status"], sentence, text)
    surface = context.surface(value)
    parsed = parse_numeral(surface[0])
    unit = _unit(*context.surface(first["unit"]), rank=kind == "rank") if "unit" in first else None
    parts = tuple(Surface(*context.surface(entities[m])) for m in linked.get("metric", ()))
    span = {"start": sentence.start, "end": sentence.end, "section": sentence.section or None}
    return Fact(
        report=about,
        sentence={"text": text, **span},
        value=Value(*surface, parsed.number, parsed.low, parsed.high, parsed.numbers) if parsed else Value(*surface),
        metric=_metric(parts, unit, kind) if parts else None,
        unit=unit,
        period=context.period(first["year"], sentence, status)
        if "year" in first
        else context.inherited_period(value, sentence, status),
        region=context.place(first["region"]) if "region" in first else context.inherited_place(value),
        base=tuple(
            (context.period(e, sentence, status) if e.label_ == "YEAR" else context.place(e))
            for e in (entities[m] for m in linked.get("base", ()))
        ),
        kind=kind,
        direction=attributes["dir"][0] if "dir" in attributes else None,
        status=status,
        bound=_bound(attributes["bound"][0], parsed),
        confidence=round(confidence, 4),
    )


def _bound(said: str, parsed: Number | None) -> str:
    """The bound of the words around the numeral, else the one that it holds itself (百余, 数十)."""
    return parsed.bound if said == "=" and parsed is not None else said


def _metric(parts: tuple[Surface, ...], unit: Unit | None, kind: str) -> Metric:
    text = "".join(part.text for part in parts)
    return Metric(text, parts, *(match_indicator(text, unit.dimension if unit else None, kind) or (None, None)))


def _unit(text: str, start: int, end: int, *, rank: bool) -> Unit:
    return Unit(text, start, end, *(parse_unit(text, rank=rank) or (None, None, None)))
