"""What changed between two states of annotations, or between the readings of two models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.corpus import annotation_files, read_records
from pipeline.errors import AnnotationError
from pipeline.schema import ATTRIBUTES, LABELS, RELATIONS

__all__ = ["KINDS", "Change", "Difference", "compare", "count", "pieces", "read_state"]

KINDS = ("added", "removed", "border", "label")
Mention = tuple[int, int, str]


@dataclass(frozen=True)
class Change:
    """One difference.

    `what` is a label (METRIC), a relation type, an attribute's name, or "record"; `kind` is added, removed, border
    (the same mention, other ends) or label (the same place, link or VALUE, another label, type or choice: counted
    under the old one). `old` and `new` are what the reader sees, "" where there is nothing.
    """

    what: str
    kind: str
    old: str = ""
    new: str = ""


@dataclass(frozen=True)
class Difference:
    """A record whose states differ; `old` or `new` is None where only the other state has the record."""

    id: str
    text: str
    old: tuple[Mention, ...] | None
    new: tuple[Mention, ...] | None
    changes: tuple[Change, ...]


def read_state(path: Path) -> dict[tuple[str, str], dict]:
    """The records of a file or folder by id and text.

    Raises:
        AnnotationError: a line is no record, names offsets or mentions that are not there, or an id stands twice.
    """
    found, ids = {}, set()
    for file in annotation_files([path]):
        for number, record in enumerate(read_records(file, check=False), start=1):
            name = str(record["id"])
            fault = _fault(record) or (f"id {name} stands twice" if name in ids else "")
            if fault:
                raise AnnotationError(fault, path=file, line=number, mend="baogao check-annotations lists all")
            ids.add(name)
            found[name, record["text"]] = record
    return found


def _fault(record: dict) -> str:
    """What keeps a record from being compared; the scheme is not asked, a model's reading may break it."""
    entities, relations = record.get("entities", []), record.get("relations", [])
    try:
        for e in entities:
            if not 0 <= e["start_offset"] < e["end_offset"] <= len(record["text"]) or not isinstance(e["label"], str):
                return f"{e['label']} has impossible offsets {e['start_offset']}–{e['end_offset']}"
        known = {e["id"] for e in entities}
        if len(known) < len(entities):
            return "an entity id stands twice"
        lost = [r["type"] for r in relations if not {r["from_id"], r["to_id"]} <= known]
    except KeyError as error:
        return f"an entity or relation without {error}"
    except (TypeError, AttributeError):
        return "entities and relations must be lists of objects"
    return f"relation {lost[0]} names an entity that is not there" if lost else ""


def compare(old: dict[tuple[str, str], dict], new: dict[tuple[str, str], dict]) -> Iterator[Difference]:
    """The records that differ, in the order of `new`, then those that only `old` has.

    Records are the same where id and text are. Mentions are matched by span, else by the largest overlap within
    a label; links by the mentions they join, so that a moved border does not change them.
    """
    for key, record in new.items():
        if key not in old:
            yield Difference(*key, None, _mentions(record), (Change("record", "added", new=key[0]),))
        elif changes := tuple(_changes(old[key], record)):
            yield Difference(*key, _mentions(old[key]), _mentions(record), changes)
    for key, record in old.items():
        if key not in new:
            yield Difference(*key, _mentions(record), None, (Change("record", "removed", old=key[0]),))


def _changes(old: dict, new: dict) -> Iterator[Change]:
    text = new["text"]
    before, after = ({e["id"]: e for e in sorted(r.get("entities", []), key=_span)} for r in (old, new))
    same = _matched(list(before.values()), list(after.values()))
    for a, entity in before.items():
        if a in same:
            yield from _mention_changes(entity, after[same[a]], text)
        else:
            yield Change(entity["label"], "removed", old=_shown(entity, text))
    kept = set(same.values())
    yield from (Change(e["label"], "added", new=_shown(e, text)) for b, e in after.items() if b not in kept)
    # ends of the old links by their ids in the new state; what has no match there keeps one of its own
    now = {a: same.get(a, ("old", a)) for a in before}
    yield from _link_changes(
        _links(old, {a: (now[a], _shown(e, text)) for a, e in before.items()}),
        _links(new, {b: (b, _shown(e, text)) for b, e in after.items()}),
    )


def _span(entity: dict) -> tuple[int, int]:
    return entity["start_offset"], entity["end_offset"]


def _matched(old: Sequence[dict], new: Sequence[dict]) -> dict[int, int]:
    """{old id: new id} of mentions that are the same; equal spans first, then the likest, a label's own."""
    pairs = []
    for a in old:
        for b in new:
            (start, end), (first, last) = _span(a), _span(b)
            shared, whole = min(end, last) - max(start, first), max(end, last) - min(start, first)
            if shared == whole or (shared > 0 and a["label"] == b["label"]):
                pairs.append((a["label"] == b["label"] and shared == whole, shared / whole, a["id"], b["id"]))
    found: dict[int, int] = {}
    for _, _, a, b in sorted(pairs, key=lambda pair: pair[:2], reverse=True):
        if a not in found and b not in found.values():
            found[a] = b
    return found


def _mention_changes(old: dict, new: dict, text: str) -> Iterator[Change]:
    if old["label"] != new["label"]:
        told = (f"{e['label']} {_shown(e, text)}" for e in (old, new))
        yield Change(old["label"], "label", *told)
    elif _span(old) != _span(new):
        yield Change(new["label"], "border", _shown(old, text), _shown(new, text))
    if old["label"] == new["label"] == "VALUE":
        for name in ATTRIBUTES:
            if old.get(name) != new.get(name):
                told = (f"{_shown(e, text)} {e.get(name) or 'none'}" for e in (old, new))
                yield Change(name, "label", *told)


def _links(record: dict, ends: dict[int, tuple]) -> dict[tuple, dict[str, str]]:
    """{(head, tail): {type: the two in words}}, given {entity id: (id to compare by, surface)}."""
    found: dict[tuple, dict[str, str]] = {}
    for link in record.get("relations", []):
        (head, one), (tail, other) = ends[link["from_id"]], ends[link["to_id"]]
        found.setdefault((head, tail), {})[link["type"]] = f"{one} – {other}"
    return found


def _link_changes(old: dict[tuple, dict[str, str]], new: dict[tuple, dict[str, str]]) -> Iterator[Change]:
    for ends in dict.fromkeys([*old, *new]):
        a, b = old.get(ends, {}), new.get(ends, {})
        gone, come = sorted(set(a) - set(b)), sorted(set(b) - set(a))
        if len(gone) == len(come) == 1:
            yield Change(gone[0], "label", f"{gone[0]} {a[gone[0]]}", f"{come[0]} {b[come[0]]}")
        else:
            yield from (Change(kind, "removed", old=a[kind]) for kind in gone)
            yield from (Change(kind, "added", new=b[kind]) for kind in come)


def _mentions(record: dict) -> tuple[Mention, ...]:
    return tuple(sorted((*_span(e), e["label"]) for e in record.get("entities", [])))


def _shown(entity: dict, text: str) -> str:
    return text[entity["start_offset"] : entity["end_offset"]]


def count(differences: Sequence[Difference]) -> dict[str, Counter[str]]:
    """{label, relation type or attribute: {kind of change: number}}, in the scheme's order."""
    table: dict[str, Counter[str]] = {}
    for difference in differences:
        for change in difference.changes:
            table.setdefault(change.what, Counter())[change.kind] += 1
    order = ("record", *LABELS, *RELATIONS, *ATTRIBUTES)
    return {name: table[name] for name in [*(n for n in order if n in table), *sorted(set(table) - set(order))]}


def pieces(text: str, mentions: Sequence[Mention], others: Sequence[Mention]) -> Iterator[tuple[str, str, bool]]:
    """`text` cut at its mentions: (piece, label or "", whether the other state lacks this mention)."""
    at = 0
    for start, end, label in mentions:
        if start < at:  # overlaps the mention before it: shown as far as it goes beyond
            start = min(at, end)
        yield text[at:start], "", False
        yield text[start:end], label, (start, end, label) not in others
        at = max(at, end)
    yield text[at:], "", False
