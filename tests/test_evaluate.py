import copy

from pipeline.evaluate import markdown, score
from tests.test_corpus import RECORD


def test_equal_is_full_marks():
    table = score([RECORD], [RECORD])
    assert all(row.get("f1", row.get("accuracy")) == 100 for row in table.values() if row["gold"])


def test_missing_prediction_counts():
    table = score([RECORD], [])
    assert table["entity"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "gold": 4}


def test_shorter_metric_is_lenient_only():
    predicted = copy.deepcopy(RECORD)
    predicted["entities"][1]["start_offset"] = 3
    table = score([RECORD], [predicted])
    assert (table["fact"]["f1"], table["fact~"]["f1"]) == (0, 100)
    assert (table["entity/METRIC"]["f1"], table["entity/METRIC~"]["f1"]) == (0, 100)


def test_wrong_region_is_no_fact():
    predicted = copy.deepcopy(RECORD)
    predicted["relations"].pop()
    assert score([RECORD], [predicted])["fact~"]["f1"] == 0


def test_attributes_on_found_values():
    predicted = copy.deepcopy(RECORD)
    predicted["entities"][2]["kind"] = "share"
    table = score([RECORD], [predicted])
    assert (table["attribute/kind"]["accuracy"], table["attribute/status"]["accuracy"]) == (0, 100)


def test_markdown_has_a_row_a_score():
    table = score([RECORD], [RECORD])
    text = markdown({"End to end": table})
    assert text.startswith("## End to end") and all(f"| {name} |" in text for name in table)
