"""What flows through the pipeline: reports, sentences, mentions, relations and facts."""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass, field

__all__ = [
    "ATTRIBUTES",
    "LABELS",
    "MAX_LINKS",
    "RELATIONS",
    "SCHEMA_VERSION",
    "Fact",
    "Metric",
    "Place",
    "Period",
    "Report",
    "Section",
    "Sentence",
    "Surface",
    "Unit",
    "Value",
    "json_schema",
]

SCHEMA_VERSION = 1

LABELS = ("VALUE", "UNIT", "METRIC", "YEAR", "REGION")
# relation type -> labels of its tail
RELATIONS = {
    "metric": ("METRIC",),
    "unit": ("UNIT",),
    "year": ("YEAR",),
    "region": ("REGION",),
    "base": ("YEAR", "REGION"),
}
MAX_LINKS = {"metric": 4, "unit": 1, "year": 1, "region": 1, "base": 2}
ATTRIBUTES = {
    "kind": ("level", "rate", "change", "share", "rank", "multiple"),
    "dir": ("up", "down"),
    "status": ("actual", "estimate", "target"),
    "bound": ("=", ">=", ">", "<=", "<", "~"),
}


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it: `text[start:end]` begins with the heading.

    `level` is 1 for 一、 and unnumbered headings, 2 for （一）, 3 for 1. and the like.
    """

    title: str
    start: int
    end: int
    level: int


@dataclass(frozen=True)
class Sentence:
    """A sentence's place in its report and what the model may know of its surroundings.

    `section` is the headings above joined by " / ", `previous` the sentence before, `position` the
    part of the text that lies before it (0 to 1).
    """

    start: int
    end: int
    section: str = ""
    previous: str = ""
    position: float = 0.0


@dataclass(frozen=True)
class Report:
    """A report as read: its text, fixed once, and what is known of it.

    Offsets everywhere are Unicode code points into `text`, half-open. `region`, its `adcode` and
    `level`, `year` (the one it plans for) and `date` of delivery (ISO 8601) are None where the report
    does not say. `sources` says for region, year and date where it was found and how surely (0 to 1).
    """

    id: str
    text: str
    title: str = ""
    region: str | None = None
    year: int | None = None
    date: str | None = None
    sections: tuple[Section, ...] = ()
    adcode: str | None = None
    level: str | None = None
    sources: dict[str, tuple[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Surface:
    """A mention as it stands in the report."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Metric:
    """What is measured: its parts in text order, their joined text, the canonical indicator and how well it fits.

    `source` is "sentence", or "paragraph" where an elliptical metric (增幅) took the one before it.
    """

    text: str
    parts: tuple[Surface, ...]
    indicator: str | None = None
    indicator_score: float | None = None
    source: str = "sentence"


@dataclass(frozen=True)
class Value(Surface):
    """A numeral, its number, or the low and high ends of a range; ratios fill `numbers`."""

    number: float | None = None
    low: float | None = None
    high: float | None = None
    numbers: tuple[float, ...] = ()


@dataclass(frozen=True)
class Unit(Surface):
    """A unit, its canonical name, dimension and factor to the dimension's base unit."""

    canonical: str | None = None
    dimension: str | None = None
    factor: float | None = None


@dataclass(frozen=True)
class Period:
    """A time expression; `start_date` and `end_date` are ISO 8601.

    `source` says where it was taken from: sentence, paragraph, section or report. Text and offsets are
    None where only a heading or the report says it.
    """

    text: str | None
    start: int | None
    end: int | None
    start_date: str | None = None
    end_date: str | None = None
    source: str = "sentence"


@dataclass(frozen=True)
class Place:
    """An area, its official name, six-digit code and level; text, offsets and `source` as in `Period`."""

    text: str | None
    start: int | None
    end: int | None
    name: str | None = None
    adcode: str | None = None
    level: str | None = None
    source: str = "sentence"


@dataclass(frozen=True)
class Fact:
    """One VALUE with everything it points to: one line of the output.

    `report` holds id, region, adcode, level, year, date and sources; `sentence` text, start, end and section. `confidence` is the
    calibrated probability that the fact is right (`pipeline.calibration`).
    """

    report: dict
    sentence: dict
    value: Value
    metric: Metric | None = None
    unit: Unit | None = None
    period: Period | None = None
    region: Place | None = None
    base: tuple[Period | Place, ...] = ()
    kind: str = "level"
    direction: str | None = None
    status: str = "actual"
    bound: str = "="
    confidence: float | None = None
    schema_version: int = field(default=SCHEMA_VERSION)

    def to_json(self) -> dict:
        """The output record, ready for json.dumps; its `report` and `sentence` are the fact's own."""
        row = vars(self) | {name: _row(getattr(self, name)) for name in ("metric", "value", "unit", "period", "region")}
        if self.metric is not None:
            row["metric"]["parts"] = tuple(_row(part) for part in self.metric.parts)
        row["base"] = tuple(_row(other) for other in self.base)
        return row

    @classmethod
    def from_json(cls, row: dict) -> Fact:
        """The fact of an output record; the inverse of `to_json`."""

        def build(kind, value):
            return None if value is None else kind(**value)

        row = dict(row)
        if row["metric"] is not None:
            parts = tuple(Surface(**p) for p in row["metric"]["parts"])
            row["metric"] = Metric(**{**row["metric"], "parts": parts})
        row["value"] = Value(**{**row["value"], "numbers": tuple(row["value"]["numbers"])})
        row["unit"] = build(Unit, row["unit"])
        row["period"] = build(Period, row["period"])
        row["region"] = build(Place, row["region"])
        row["base"] = tuple((Place if "adcode" in b else Period)(**b) for b in row["base"])
        return cls(**row)


def _row(part: Surface | Metric | Period | Place | None) -> dict | None:
    """A part of a fact as a dict; dataclasses.asdict, which copies every string deeply, takes ten times as long."""
    return None if part is None else dict(vars(part))


_PLAIN = {str: "string", int: "integer", float: "number", dict: "object", type(None): "null"}
_CHOICES = {
    "kind": ATTRIBUTES["kind"],
    "direction": (*ATTRIBUTES["dir"], None),
    "status": ATTRIBUTES["status"],
    "bound": ATTRIBUTES["bound"],
}


def json_schema(kind: type = Fact) -> dict:
    """The JSON Schema (draft 2020-12) of an output record, read off the dataclasses."""
    properties = {name: _schema_of(hint) for name, hint in typing.get_type_hints(kind).items()}
    if kind is not Fact:
        about = {"description": kind.__doc__.split("\n")[0]}
        return {"type": "object", **about, "properties": properties, "required": list(properties), "additionalProperties": False}
    for name, choices in _CHOICES.items():
        properties[name] = {"enum": list(choices)}
    properties["schema_version"] = {"const": SCHEMA_VERSION}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A fact of a Chinese government work report",
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _schema_of(hint) -> dict:
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if dataclasses.is_dataclass(hint):
        return json_schema(hint)
    inner = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        return {"type": "array", "items": _schema_of(inner[0])}
    if isinstance(hint, types.UnionType):
        return {"anyOf": [_schema_of(part) for part in inner]}
    raise TypeError(f"no JSON Schema of {hint}")
