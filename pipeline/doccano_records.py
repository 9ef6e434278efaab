"""Records as doccano holds them, and back.

doccano knows spans and links, no attributes: those of a VALUE travel as labels of their own on its span (`kind:rate`,
`bound:>=`). What a VALUE does not say is a level, actual and exact.
"""

from __future__ import annotations

from pipeline.corpus import check_record
from pipeline.schema import ATTRIBUTES, RELATIONS

__all__ = ["LABELS", "LINKS", "from_doccano", "half", "key_of", "same", "to_doccano"]

UNSAID = {"kind": "level", "status": "actual", "bound": "="}
_MENTIONS = {"VALUE": "#c62828", "UNIT": "#8e24aa", "METRIC": "#2e7d32", "YEAR": "#1565c0", "REGION": "#b26a00"}
_SHADES = {"kind": "#37474f", "dir": "#00695c", "status": "#5d4037", "bound": "#616161"}
_MARKS = [f"{name}:{c}" for name, choices in ATTRIBUTES.items() for c in choices if UNSAID.get(name) != c]

# label -> (colour, key): mentions by their initials, attributes by number as far as numbers go
LABELS = {label: (colour, label[0].lower()) for label, colour in _MENTIONS.items()} | {
    mark: (_SHADES[mark.split(":")[0]], "123456789"[n] if n < 9 else None) for n, mark in enumerate(_MARKS)
}
LINKS = {"metric": "#2e7d32", "unit": "#8e24aa", "year": "#1565c0", "region": "#b26a00", "base": "#455a64"}


def to_doccano(record: dict) -> dict:
    """A record as doccano imports it: attributes as labels on the VALUE's span, our id under `record`."""
    entities = [{k: e[k] for k in ("id", "label", "start_offset", "end_offset")} for e in record.get("entities", [])]
    following = max((e["id"] for e in entities), default=0) + 1
    for entity in record.get("entities", []):
        for name in ATTRIBUTES:
            if entity.get(name) not in (None, UNSAID.get(name)):
                place = {k: entity[k] for k in ("start_offset", "end_offset")}
                entities.append({"id": following, "label": f"{name}:{entity[name]}", **place})
                following += 1
    # every row has every field: doccano reads rows into one table, where a missing field becomes a number
    return {
        "record": record["id"], "text": record["text"], "entities": entities, "relations": record.get("relations", []),
        "context": record.get("context") or {}, "meta": record.get("meta") or {},
    }  # fmt: skip


def from_doccano(row: dict) -> tuple[dict, list[str]]:
    """The record of an exported row, numbered in text order, and what is wrong with it.

    An attribute belongs to the one VALUE that its label overlaps; a link that ends on such a label means that VALUE.
    """
    order = {id(e): (e["start_offset"], e["end_offset"], e["label"]) for e in row["entities"]}
    mentions = sorted((e for e in row["entities"] if ":" not in e["label"]), key=lambda e: order[id(e)])
    entities, numbers, said, faults = [], {}, {}, []
    for n, mention in enumerate(mentions, start=1):
        attributes = UNSAID if mention["label"] == "VALUE" else {}
        entities.append({**mention, "id": n, **attributes})
        numbers[mention["id"]] = n
    for mark in sorted((e for e in row["entities"] if ":" in e["label"]), key=lambda e: order[id(e)]):
        name, choice = mark["label"].split(":", 1)
        values = [e for e in entities if e["label"] == "VALUE" and _overlap(e, mark)]
        if len(values) != 1:
            faults.append(f"label {mark['label']} at {mark['start_offset']} does not stand on one VALUE")
            continue
        value = values[0]
        numbers[mark["id"]] = value["id"]
        if said.setdefault((value["id"], name), choice) != choice:
            faults.append(f"VALUE at {value['start_offset']} has {name} {said[value['id'], name]} and {choice}")
        value[name] = choice
    links = {(numbers.get(r["from_id"]), numbers.get(r["to_id"]), r["type"]) for r in row["relations"]}
    ordered = sorted(links, key=lambda k: (k[0] or 0, [*RELATIONS, k[2]].index(k[2]), k[1] or 0))
    relations = [{"id": n, "from_id": a, "to_id": b, "type": kind} for n, (a, b, kind) in enumerate(ordered, start=1)]
    kept = {k: row[k] for k in ("context", "meta") if row.get(k)}
    record = {"id": key_of(row), "text": row["text"], "entities": entities, "relations": relations, **kept}
    return record, faults + check_record(record)


def _overlap(one: dict, other: dict) -> bool:
    return one["start_offset"] < other["end_offset"] and other["start_offset"] < one["end_offset"]


def key_of(row: dict) -> str:
    """Our id; doccano's own where the example was not pushed from here."""
    return row["id"] if row.get("record") is None else row["record"]


def _spans(row: dict) -> list[tuple]:
    return sorted((e["start_offset"], e["end_offset"], e["label"]) for e in row["entities"])


def same(row: dict, pushed: dict) -> bool:
    """Whether a row holds the spans and as many links as were pushed."""
    return _spans(row) == _spans(pushed) and len(row["relations"]) == len(pushed["relations"])


def half(row: dict, pushed: dict) -> bool:
    """Whether an import stopped before this sentence's spans, or behind them before its links."""
    bare = not row["entities"] and bool(pushed["entities"])
    return bare or (_spans(row) == _spans(pushed) and not row["relations"] and bool(pushed["relations"]))
