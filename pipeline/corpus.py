"""Annotations: reading, checking, counting and splitting records; gold Docs."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import AnnotationError
from pipeline.language import has_numeral
from pipeline.regions import area_of
from pipeline.schema import ATTRIBUTES, LABELS, MAX_LINKS, RELATIONS, Sentence

if TYPE_CHECKING:
    from datasets import Dataset, Features

__all__ = [
    "annotation_files",
    "check_record",
    "content_hash",
    "filled",
    "load_dataset",
    "near_duplicates",
    "read_records",
    "sentence_of",
    "split_by_document",
    "statistics",
]

_EDGE = " \t\u3000，。、；：！？,;:!?"


def annotation_files(paths: Iterable[Path]) -> list[Path]:
    """The .jsonl files named by `paths`, folders searched (not deeply)."""
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise AnnotationError("no such file or folder", path=path, mend="name a .jsonl file of annotations")
        found += sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if not found:
        raise AnnotationError("no .jsonl file here", path=next(iter(paths)), mend="see annotations/README.md")
    return found


def read_records(path: Path, *, check: bool = True) -> Iterator[dict]:
    """The records of a JSONL file, checked one by one.

    Raises:
        AnnotationError: a line that is no record or breaks the scheme, with path and line.
    """
    try:
        with open(path, encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _parse(line, path, number, check=check)
    except UnicodeDecodeError as error:
        raise AnnotationError("not UTF-8 text", path=path, mend="save it as UTF-8") from error
    except OSError as error:
        raise AnnotationError(f"cannot be read: {error.strerror}", path=path) from error


def _parse(line: str, path: Path, number: int, *, check: bool) -> dict:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise AnnotationError(f"not JSON: {error.msg}", path=path, line=number, mend="one object a line") from error
    if not isinstance(record, dict) or not isinstance(record.get("text"), str) or "id" not in record:
        raise AnnotationError("a record needs id and text", path=path, line=number, mend="see annotations/README.md")
    faults = check_record(record) if check else []
    if faults:
        raise AnnotationError("; ".join(faults), path=path, line=number, mend="baogao check-annotations lists all")
    return record


def check_record(record: dict) -> list[str]:
    """What is wrong with a record: offsets, labels, links and attributes against the scheme."""
    text, faults = record["text"], []
    entities = sorted(record.get("entities", []), key=lambda e: e.get("start_offset", -1))
    by_id, last = {}, 0
    for entity in entities:
        start, end, label = (entity.get(k) for k in ("start_offset", "end_offset", "label"))
        if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end <= len(text):
            faults.append(f"{label} has impossible offsets {start}–{end}")
            continue
        surface = text[start:end]
        if label not in LABELS:
            faults.append(f"unknown label {label}")
        if surface[0] in _EDGE or surface[-1] in _EDGE:
            faults.append(f"{label} “{surface}” at {start} has a blank or mark at its edge (offset off by one?)")
        if start < last:
            faults.append(f"{label} “{surface}” at {start} overlaps another mention")
        last = max(last, end)
        if entity.get("id") in by_id:
            faults.append(f"entity id {entity.get('id')} stands twice")
        by_id[entity.get("id")] = entity
        faults += _attribute_faults(entity, surface)
    return faults + _link_faults(record.get("relations", []), by_id)


def _attribute_faults(entity: dict, surface: str) -> list[str]:
    faults = []
    for name, choices in ATTRIBUTES.items():
        value = entity.get(name)
        if entity.get("label") != "VALUE":
            if value is not None:
                faults.append(f"“{surface}” is no VALUE and has {name}")
        elif name == "dir":
            if (value is not None) != (entity.get("kind") in ("rate", "change")):
                faults.append(f"VALUE “{surface}”: dir belongs to rate and change, and to them only")
        elif value not in choices:
            faults.append(f"VALUE “{surface}”: {name} is {value!r}, not one of {' '.join(choices)}")
    return faults


def _link_faults(relations: list[dict], by_id: dict) -> list[str]:
    faults, counts, linked = [], Counter(), set()
    for relation in relations:
        head, tail = by_id.get(relation.get("from_id")), by_id.get(relation.get("to_id"))
        kind = relation.get("type")
        if head is None or tail is None:
            faults.append(f"relation {kind} names an entity that is not there")
        elif kind not in RELATIONS:
            faults.append(f"unknown relation {kind}")
        elif head["label"] != "VALUE" or tail["label"] not in RELATIONS[kind]:
            faults.append(f"relation {kind} from {head['label']} to {tail['label']}")
        else:
            counts[head["id"], kind] += 1
            linked.add(tail["id"])
    for (_, kind), number in counts.items():
        if number > MAX_LINKS[kind]:
            faults.append(f"a VALUE has {number} {kind} links, {MAX_LINKS[kind]} at most")
    for entity in by_id.values():
        if entity["label"] in ("METRIC", "UNIT") and entity["id"] not in linked:
            faults.append(f"{entity['label']} at {entity['start_offset']} is linked by no VALUE")
    return faults


def features() -> Features:
    """The columns of a dataset of records; what a record lacks is null or empty."""
    # imported here: extraction reads single records and need not wait for the library
    from datasets import Features, List, Value

    text, number = Value("string"), Value("int64")
    return Features(
        {
            "id": text,
            "text": text,
            "entities": List(
                {"id": number, "label": text, "start_offset": number, "end_offset": number}
                | dict.fromkeys(ATTRIBUTES, text)
            ),
            "relations": List({"id": number, "from_id": number, "to_id": number, "type": text}),
            "context": {"section": text, "previous": text, "position": Value("float64")},
            "meta": {"doc": text, "region": text, "level": text, "report_year": text},
        }
    )


def load_dataset(paths: Iterable[Path]) -> Dataset:
    """All records as one `datasets.Dataset` with fixed features; ids must be unique.

    Raises:
        AnnotationError: the first faulty record, with path and line.
    """
    from datasets import Dataset

    rows, seen = [], {}
    for path in annotation_files(list(paths)):
        for number, record in enumerate(read_records(path), start=1):
            if record["id"] in seen:
                raise AnnotationError(f"id {record['id']} stands in {seen[record['id']]} too", path=path, line=number)
            seen[record["id"]] = path
            rows.append(filled(record))
    return Dataset.from_list(rows, features=features())


def filled(record: dict) -> dict:
    """A record with every field of `features`."""
    context, meta = record.get("context") or {}, record.get("meta") or {}
    return {
        "id": str(record["id"]),
        "text": record["text"],
        "entities": [
            {k: e.get(k) for k in ("id", "label", "start_offset", "end_offset", *ATTRIBUTES)}
            for e in record.get("entities", [])
        ],
        "relations": [{k: r.get(k) for k in ("id", "from_id", "to_id", "type")} for r in record.get("relations", [])],
        "context": {
            "section": context.get("section") or "",
            "previous": context.get("previous") or "",
            "position": float(context.get("position") or 0.0),
        },
        "meta": {k: str(meta.get(k) or "") for k in ("doc", "region", "level", "report_year")},
    }


def sentence_of(record: dict) -> Sentence:
    """A record's text as one sentence with its context."""
    context = record.get("context") or {}
    return Sentence(
        0,
        len(record["text"]),
        context.get("section") or "",
        context.get("previous") or "",
        float(context.get("position") or 0.0),
    )


def split_by_document(records: Sequence[dict], *, share: float, seed: int) -> tuple[list[dict], list[dict]]:
    """(training, validation) records; a document stands wholly on one side."""

    def drawn(document: str) -> float:
        digest = hashlib.sha256(f"{seed}:{document}".encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64

    training, validation = [], []
    for record in records:
        document = record["meta"]["doc"] or record["id"]
        (validation if drawn(document) < share else training).append(record)
    return training, validation


def content_hash(records: Iterable[dict]) -> str:
    """SHA-256 of the records, order included."""
    digest = hashlib.sha256()
    for record in records:
        digest.update(json.dumps(record, ensure_ascii=False, sort_keys=True).encode())
    return digest.hexdigest()


def near_duplicates(records: Sequence[dict], *, threshold: float = 0.6) -> list[tuple[str, str, float]]:
    """Pairs of ids whose texts share character 5-grams to a Jaccard of `threshold` or more."""
    grams = [{r["text"][i : i + 5] for i in range(max(1, len(r["text"]) - 4))} for r in records]
    holders: dict[str, list[int]] = {}
    pairs = []
    for i, own in enumerate(grams):
        shared: Counter[int] = Counter()
        for gram in own:
            shared.update(holders.get(gram, ()))
            holders.setdefault(gram, []).append(i)
        for j, common in shared.items():
            likeness = common / (len(own) + len(grams[j]) - common)
            if likeness >= threshold:
                pairs.append((records[j]["id"], records[i]["id"], round(likeness, 2)))
    return pairs


_FROM_TO = re.compile(r"[由从][^，。；]{0,20}?[增提上扩升降减下压缩][^，。；]{0,4}[到至为]")
_RANGE = re.compile(r"[-—–~～至到]")


def statistics(records: Sequence[dict]) -> dict[str, int | float]:
    """Counts a reader of the corpus wants: sentences, documents, places, forms, mentions, links, attributes."""
    counts: Counter[str] = Counter()
    facts = Counter(_count_record(record, counts) for record in records)
    places = {t for r in records for t in _surfaces(r, "REGION")}
    lengths = sorted(len(r["text"]) for r in records)
    years = sorted({int(r["meta"]["report_year"]) for r in records if str(r["meta"].get("report_year", "")).isdigit()})
    head = {
        "sentences": len(records),
        "documents": len({r["meta"]["doc"] for r in records}),
        "issuers": len({r["meta"].get("region") for r in records} - {"", None}),
        "provinces": len(_provinces(records)),
        "names and words of areas": len(places),
        "report years": f"{years[0]}–{years[-1]}" if years else "",
        "mean length": round(sum(lengths) / max(1, len(lengths)), 1),
        "deciles of the length": " ".join(str(lengths[len(lengths) * k // 10]) for k in range(1, 10)) if lengths else "",
        "facts a sentence": " ".join(f"{n}:{facts[n]}" for n in sorted(facts)),
    }
    return head | dict(sorted(counts.items()))


def _provinces(records: Sequence[dict]) -> set[str]:
    areas = (area_of(name) for name in {r["meta"].get("region") or "" for r in records})
    return {area.code[:2] for area in areas if area}


def _surfaces(record: dict, label: str) -> list[str]:
    found = [e for e in record["entities"] if e["label"] == label]
    return [record["text"][e["start_offset"] : e["end_offset"]] for e in found]


def _count_record(record: dict, counts: Counter[str]) -> int:
    """Add a record to `counts`; returns its facts, ten and more as ten."""
    text, relations = record["text"], record["relations"]
    values = [e for e in record["entities"] if e["label"] == "VALUE"]
    counts[f"level {record['meta'].get('level') or 'not given'}"] += 1
    counts["facts"] += len(values)
    counts["sentences without a fact"] += not values
    counts["sentences without a fact, with a numeral"] += not values and has_numeral(text)
    counts["sentences over 120 characters"] += len(text) > 120
    counts["sentences with 分别"] += "分别" in text
    counts["sentences with 由…到…"] += bool(_FROM_TO.search(text))
    counts["VALUEs that are ranges"] += sum(bool(_RANGE.search(v)) for v in _surfaces(record, "VALUE"))
    for entity in record["entities"]:
        counts[f"label {entity['label']}"] += 1
    for value in values:
        for name in ATTRIBUTES:
            if value.get(name):
                counts[f"{name} {value[name]}"] += 1
    for relation in relations:
        counts[f"relation {relation['type']}"] += 1
    metrics = [r for r in relations if r["type"] == "metric"]
    counts["facts with a METRIC in parts"] += sum(n > 1 for n in Counter(r["from_id"] for r in metrics).values())
    counts["METRICs with two or more facts"] += sum(n > 1 for n in Counter(r["to_id"] for r in metrics).values())
    return min(len(values), 10)
