"""126 facts of nine real reports (1986 to 2025), resolved by hand from reading alone."""

import json
import lzma

import pytest

from pipeline.extraction import analyse
from pipeline.reports import from_text
from tests.conftest import ROOT, SHARED

pytestmark = pytest.mark.shared
FIELDS = {"number": 0.95, "unit": 0.95, "period": 0.95, "region": 0.95, "status": 0.95}


def reports(wanted):
    with lzma.open(SHARED / "corpus" / "reports.jsonl.xz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row["id"] in wanted:
                yield row["id"], row["text"]


def found_at(text, raw, gold, facts):
    """The fact whose VALUE stands where the hand-made one does: cleaning may have moved it."""
    at, value = gold["offset"], gold["value"]
    nth = raw[: at + len(value)].count(value) - 1
    overlapping = [f for f in facts if value in f.value.text or f.value.text in value]
    before = "".join(raw[max(0, at - 40) : at].split())[-8:]
    for fact in overlapping:
        if "".join(text[: fact.value.start].split()).endswith(before) and fact.value.text == value:
            return fact
    return next((f for f in overlapping if nth >= 0 and before[-3:] in text[max(0, f.value.start - 6) : f.value.start + 2]), None)


def right(fact, gold):
    if fact is None:
        return dict.fromkeys(FIELDS, False)
    value, unit, period, region = fact.value, fact.unit, fact.period, fact.region

    def same(a, b):
        return a == b or (a is not None and b is not None and abs(a - b) <= 1e-6 * abs(b))

    return {
        "number": all(same(getattr(value, k), gold[k]) for k in ("number", "low", "high")),
        "unit": (unit.canonical if unit else None) == gold["unit"],
        "period": (period.start_date, period.end_date) == (gold["start"], gold["end"]) if period else not gold["start"],
        "region": (region.adcode if region else None) == gold["adcode"],
        "status": fact.status == gold["status"],
    }


def judged(nlp):
    with open(ROOT / "tests" / "data" / "resolved.jsonl", encoding="utf-8") as lines:
        gold = [json.loads(line) for line in lines]
    for id_, raw in reports({g["report"] for g in gold}):
        report = from_text(raw, name=id_)
        facts = next(iter(analyse(nlp, [report])))[1]
        for row in (g for g in gold if g["report"] == id_):
            fact = found_at(report.text, raw, row, facts)
            yield row, fact, right(fact, row)


def test_resolved_as_by_hand(nlp):
    rows = list(judged(nlp))
    assert len(rows) >= 120
    extracted = [verdict for _, fact, verdict in rows if fact is not None]
    shares = {name: sum(v[name] for v in extracted) / len(extracted) for name in FIELDS}
    assert all(shares[name] >= least for name, least in FIELDS.items()), shares
    assert sum(all(v.values()) for v in extracted) / len(extracted) >= 0.9
