"""Records in doccano's form and back, and how far annotators agree: without a server."""

import copy
import json

import pytest

from pipeline.agreement import agreement, kappa, merge
from pipeline.corpus import read_records
from pipeline.doccano_records import from_doccano, to_doccano
from pipeline.reports import from_text
from pipeline.silver import records_of
from tests.conftest import ROOT
from tests.test_corpus import RECORD

GOLD = ROOT / "tests" / "data" / "gold.jsonl"


def given(number=None):
    return list(read_records(GOLD))[:number]


def alike(record):
    """A record without what carries no meaning: the order and numbers of its relations."""
    links = sorted((r["from_id"], r["to_id"], r["type"]) for r in record["relations"])
    return {**record, "relations": links}


def exported(record):
    return {"id": 7, **json.loads(json.dumps(to_doccano(record)))}


def test_records_survive_the_way_there_and_back():
    for record in given():
        back, faults = from_doccano(exported(record))
        assert (alike(back), faults) == (alike(record), [])


def test_attributes_are_labels_on_the_value():
    labels = [(e["label"], e["start_offset"], e["end_offset"]) for e in to_doccano(RECORD)["entities"]]
    assert labels[4:] == [("kind:rate", 7, 8), ("dir:up", 7, 8)]  # actual and = go without saying


def test_attribute_label_beside_its_value_and_link_from_it():
    row = exported(RECORD)
    kind = next(e for e in row["entities"] if e["label"] == "kind:rate")
    kind["end_offset"] += 1  # selected a character too far
    row["relations"][0]["from_id"] = kind["id"]  # drawn from the attribute's label
    back, faults = from_doccano(row)
    assert faults == [] and back["entities"][2]["kind"] == "rate"
    assert alike(back)["relations"] == alike(RECORD)["relations"]


def test_faults_of_annotators():
    row = exported(RECORD)
    row["entities"].append({"id": 90, "label": "kind:share", "start_offset": 7, "end_offset": 8})
    row["entities"].append({"id": 91, "label": "status:target", "start_offset": 0, "end_offset": 2})
    faults = from_doccano(row)[1]
    assert faults[0] == "label status:target at 0 does not stand on one VALUE"
    assert faults[1] == "VALUE at 7 has kind rate and share"
    row = exported(RECORD)
    row["entities"] = [e for e in row["entities"] if e["label"] != "dir:up"]
    assert from_doccano(row)[1] == ["VALUE “8”: dir belongs to rate and change, and to them only"]


def test_sentences_of_a_report():
    text = "各位代表：\n一、2021年工作回顾\n全市进出口增长8%。新增就业1.2万人。\n"
    records = list(records_of(from_text(text, region="白城市", year=2022)))
    last = records[-1]
    assert last["text"] == "新增就业1.2万人。"
    assert last["context"]["previous"] == "全市进出口增长8%。" and "2021年工作回顾" in last["context"]["section"]
    assert (last["meta"]["region"], last["meta"]["report_year"]) == ("白城市", "2022")
    assert len({r["id"] for r in records}) == len(records)


def test_agreement_and_conflicts():
    assert kappa([]) is None
    assert kappa([("a", "a"), ("a", "a")]) == 1
    # 20 yes, 15 no, 5 and 10 apart: the textbook's 0.4
    pairs = [("y", "y")] * 20 + [("n", "n")] * 15 + [("y", "n")] * 5 + [("n", "y")] * 10
    assert kappa(pairs) == pytest.approx(0.4)
    other = copy.deepcopy(RECORD)
    other["entities"][2]["status"] = "target"
    other["relations"].pop()
    found = agreement({"t-1": RECORD}, {"t-1": other, "t-2": RECORD})
    assert found["sentences"] == 1 and found["mentions"] == 100 and found["relations"] == 80
    assert found["kind"] == 1 and found["status"] == 0
    agreed, conflicts = merge({"an": {"t-1": RECORD, "t-2": RECORD}, "bo": {"t-1": other, "t-2": RECORD}})
    assert agreed == [RECORD] and conflicts[0]["versions"]["bo"]["entities"][2]["status"] == "target"
