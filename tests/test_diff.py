import copy
import json
from html.parser import HTMLParser

import pytest

from pipeline.comparison import Change, compare, count, pieces, read_state
from pipeline.comparison_page import page
from pipeline.errors import AnnotationError
from tests.test_cli import baogao
from tests.test_corpus import RECORD


def state(*records):
    return {(str(r["id"]), r["text"]): r for r in records}


def changed(change):
    record = copy.deepcopy(RECORD)
    change(record)
    return record


def changes(change):
    (difference,) = compare(state(RECORD), state(changed(change)))
    return list(difference.changes)


def without_region(record):
    record["entities"].pop(0)
    record["relations"].pop()


def renumbered(record):
    for entity in record["entities"]:
        entity["id"] += 70
    for link in record["relations"]:
        link["from_id"], link["to_id"] = link["from_id"] + 70, link["to_id"] + 70
    record["entities"].reverse()
    record["meta"] = {"doc": "another"}


def test_equal_states_have_no_difference():
    assert list(compare(state(RECORD), state(changed(renumbered)))) == []


CHANGES = {
    "removed": (without_region, [Change("REGION", "removed", "全市"), Change("region", "removed", "8 – 全市")]),
    "border": (lambda r: r["entities"][1].update(end_offset=7), [Change("METRIC", "border", "进出口", "进出口增长")]),
    "label": (lambda r: r["entities"][0].update(label="YEAR"), [Change("REGION", "label", "REGION 全市", "YEAR 全市")]),
    "attribute": (
        lambda r: r["entities"][2].update(kind="level", dir=None),
        [Change("kind", "label", "8 rate", "8 level"), Change("dir", "label", "8 up", "8 none")],
    ),
    "type": (
        lambda r: r["relations"][2].update(type="base"),
        [Change("region", "label", "region 8 – 全市", "base 8 – 全市")],
    ),
    "link": (lambda r: r["relations"].pop(0), [Change("metric", "removed", "8 – 进出口")]),
    "another mention": (
        lambda r: r["entities"][0].update(start_offset=5, end_offset=7),
        [
            Change("REGION", "removed", "全市"),
            Change("REGION", "added", new="增长"),
            Change("region", "removed", "8 – 全市"),
            Change("region", "added", new="8 – 增长"),
        ],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_kind_of_change(name):
    change, expected = CHANGES[name]
    assert changes(change) == expected


def test_added_is_removed_the_other_way():
    (difference,) = compare(state(changed(without_region)), state(RECORD))
    assert list(difference.changes) == [Change("REGION", "added", new="全市"), Change("region", "added", new="8 – 全市")]


def test_a_split_mention_keeps_its_longest_part():
    def split(record):
        record["entities"][1].update(end_offset=4)
        record["entities"].append({"id": 9, "label": "METRIC", "start_offset": 4, "end_offset": 5})

    assert changes(split) == [Change("METRIC", "border", "进出口", "进出"), Change("METRIC", "added", new="口")]


def test_records_of_one_side_only_and_counts():
    other = {"id": "t-2", "text": "全省增长9%。"}
    reworded = {**RECORD, "text": RECORD["text"] + "！"}
    found = list(compare(state(RECORD), state(reworded, other)))
    assert [(d.id, d.changes[0].kind) for d in found] == [("t-1", "added"), ("t-2", "added"), ("t-1", "removed")]
    assert found[0].old is None and found[2].new is None
    assert count(found) == {"record": {"added": 2, "removed": 1}}
    both = list(compare(state(RECORD), state(changed(CHANGES["another mention"][0]))))
    assert count(both) == {"REGION": {"removed": 1, "added": 1}, "region": {"removed": 1, "added": 1}}


def test_pieces_are_the_text():
    mentions = [(0, 4, "METRIC"), (2, 3, "YEAR"), (3, 6, "UNIT"), (7, 8, "VALUE")]
    cut = list(pieces("甲乙丙丁戊己庚辛壬", mentions, [(7, 8, "VALUE")]))
    assert "".join(piece for piece, *_ in cut) == "甲乙丙丁戊己庚辛壬"
    assert ("辛", "VALUE", False) in cut and ("甲乙丙丁", "METRIC", True) in cut


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.marked = [""], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        if self.tags[-1] == "mark":
            self.marked.append(data)
            self.tags.append("")


def test_the_page_escapes_everything_and_needs_nothing():
    evil = "<script>alert('1')</script>&\"8%"
    entity = {"id": 1, "label": "VALUE", "start_offset": 0, "end_offset": 8}
    old = {"id": "<b>7</b>", "text": evil, "entities": [entity]}
    new = {**old, "entities": [{**entity, "label": '"><img src=x>'}]}
    html = page(list(compare(state(old), state(new))), old="<old>", new="http://new", summary="<s>")
    reader = Reader()
    reader.feed(html)
    assert not {"script", "img", "b>", "link", "iframe"} & set(reader.tags)
    assert not {"src", "href", "onerror"} & {name for name, _ in reader.attributes}
    assert "url(" not in html and "@import" not in html
    assert reader.marked == ["<script>"] * 2
    assert "&lt;script&gt;" in html and "&lt;old&gt;" in html and "&lt;b&gt;7" in html


def write(path, *records):
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
    return path


FAULTS = {
    "impossible offsets": lambda r: r["entities"][0].update(end_offset=99),
    "without 'label'": lambda r: r["entities"][0].pop("label"),
    "not there": lambda r: r["entities"].pop(0),
    "entity id stands twice": lambda r: r["entities"][0].update(id=2),
    "lists of objects": lambda r: r.update(entities="none"),
}


@pytest.mark.parametrize("message", FAULTS)
def test_records_that_cannot_be_compared(tmp_path, message):
    path = write(tmp_path / "a.jsonl", changed(FAULTS[message]))
    with pytest.raises(AnnotationError, match=message) as caught:
        read_state(path)
    assert f"{path}:1:" in str(caught.value)


def test_an_id_twice(tmp_path):
    with pytest.raises(AnnotationError, match="a.jsonl:2: id t-1 stands twice"):
        read_state(write(tmp_path / "a.jsonl", RECORD, RECORD))


def test_exit_status_as_of_diff(tmp_path):
    bracketed = {"id": "[/x]", "text": "[bold]增长[/x]8%", "entities": []}
    old = write(tmp_path / "old.jsonl", RECORD, bracketed)
    marked = {**bracketed, "entities": [{"id": 1, "label": "YEAR", "start_offset": 6, "end_offset": 12}]}
    new = write(tmp_path / "new.jsonl", changed(without_region), marked)
    same = baogao("diff", old, old, cwd=tmp_path)
    assert (same.returncode, same.stdout.decode().strip()) == (0, "2 records, no difference")
    run = baogao("diff", old, new, "--html", tmp_path / "d.html", cwd=tmp_path)
    told = run.stdout.decode()
    assert run.returncode == 1, run.stderr.decode()
    assert "REGION removed: 全市" in told and "YEAR added: 增长[/x]" in told and "2 of 2 records differ" in told
    assert f"- {RECORD['text']}" in told and "进出口" in (tmp_path / "d.html").read_text(encoding="utf-8")
    bad = baogao("diff", old, tmp_path / "none.jsonl", cwd=tmp_path)
    assert bad.returncode == 2 and "no such file" in bad.stderr.decode()
