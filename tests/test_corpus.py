import copy
import json

import pytest

from pipeline.corpus import (
    annotation_files,
    check_record,
    load_dataset,
    near_duplicates,
    read_records,
    split_by_document,
    statistics,
)
from pipeline.errors import AnnotationError
from pipeline.schema import ATTRIBUTES, LABELS, RELATIONS
from tests.conftest import ROOT

RECORD = {
    "id": "t-1",
    "text": "全市进出口增长8%。",
    "entities": [
        {"id": 1, "label": "REGION", "start_offset": 0, "end_offset": 2},
        {"id": 2, "label": "METRIC", "start_offset": 2, "end_offset": 5},
        {
            "id": 3, "label": "VALUE", "start_offset": 7, "end_offset": 8,
            "kind": "rate", "dir": "up", "status": "actual", "bound": "=",
        },
        {"id": 4, "label": "UNIT", "start_offset": 8, "end_offset": 9},
    ],
    "relations": [
        {"id": 1, "from_id": 3, "to_id": 2, "type": "metric"},
        {"id": 2, "from_id": 3, "to_id": 4, "type": "unit"},
        {"id": 3, "from_id": 3, "to_id": 1, "type": "region"},
    ],
}  # fmt: skip


def test_sound_record():
    assert check_record(RECORD) == []


def broken(change):
    record = copy.deepcopy(RECORD)
    change(record)
    return record


FAULTS = {
    "edge": lambda r: r["entities"][3].update(end_offset=10),
    "overlaps": lambda r: r["entities"][1].update(start_offset=1),
    "impossible offsets": lambda r: r["entities"][1].update(end_offset=99),
    "unknown label": lambda r: r["entities"][0].update(label="PLACE"),
    "kind is 'growth'": lambda r: r["entities"][2].update(kind="growth"),
    "dir belongs": lambda r: r["entities"][2].update(kind="level"),
    "no VALUE and has": lambda r: r["entities"][0].update(status="actual"),
    "linked by no VALUE": lambda r: r["relations"].pop(0),
    "not there": lambda r: r["relations"][0].update(to_id=9),
    "from VALUE to UNIT": lambda r: r["relations"][0].update(to_id=4),
    "unknown relation": lambda r: r["relations"][0].update(type="of"),
    "stands twice": lambda r: r["entities"][1].update(id=1),
}


@pytest.mark.parametrize("message", FAULTS)
def test_faults_are_named(message):
    assert message in "; ".join(check_record(broken(FAULTS[message])))


def test_fault_has_path_and_line(tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [RECORD, broken(FAULTS["edge"])]
    path.write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in rows), encoding="utf-8")
    with pytest.raises(AnnotationError) as caught:
        list(read_records(path))
    assert f"{path}:2:" in str(caught.value)


@pytest.mark.parametrize("line", ["{", "[]", '{"id": 1}', '{"text": "a"}'])
def test_lines_that_are_no_record(tmp_path, line):
    path = tmp_path / "a.jsonl"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(AnnotationError, match=":1:"):
        list(read_records(path))


def test_the_shipped_annotations_are_sound_and_cover_the_scheme():
    records = list(load_dataset([ROOT / "annotations"]))
    counts = statistics(records)
    assert counts["sentences"] >= 600
    for label in LABELS:
        assert counts[f"label {label}"] >= 100
    for relation in RELATIONS:
        assert counts[f"relation {relation}"] >= 50
    for name, choices in ATTRIBUTES.items():
        for choice in choices:
            assert counts[f"{name} {choice}"] >= 5, (name, choice)
    assert counts["sentences without a fact"] >= counts["sentences"] * 0.3
    assert near_duplicates(records) == []
    assert len(annotation_files([ROOT / "annotations"])) >= 3


def test_documents_are_not_split():
    records = list(load_dataset([ROOT / "annotations"]))
    training, validation = split_by_document(records, share=0.2, seed=1)
    assert training and validation
    assert not {r["meta"]["doc"] for r in training} & {r["meta"]["doc"] for r in validation}
    assert len(training) + len(validation) == len(records)


def test_near_duplicates_are_found():
    rows = [{"id": i, "text": t} for i, t in enumerate(["全市新建改建农村公路120公里。", "全市新建改建农村公路130公里。", "完全不同的另一句话。"])]
    assert [(a, b) for a, b, _ in near_duplicates(rows, threshold=0.3)] == [(0, 1)]
