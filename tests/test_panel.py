import json

import pandas as pd
import pytest

from pipeline.errors import PipelineError
from pipeline.panel import growth_targets, panel, read_facts, write_table
from pipeline.schema import Fact, Metric, Period, Place, Surface, Unit, Value

REPORT = {"id": "r", "region": "白城市", "adcode": "220800", "level": "prefecture", "year": 2022, "date": None, "sources": {}}


def fact(number=6.5, text="6.5", *, kind="rate", status="actual", unit=("%", "ratio", 0.01), year=2021, **more):
    sentence = f"地区生产总值增长{text}{unit[0]}左右"
    start = sentence.index(text)
    row = Fact(
        report=REPORT,
        sentence={"text": sentence, "start": 0, "end": len(sentence), "section": None},
        value=Value(text, start, start + len(text), number),
        metric=Metric("地区生产总值", (Surface("地区生产总值", 0, 6),), "gdp", 1.0),
        unit=Unit(unit[0], start + len(text), start + len(text) + len(unit[0]), *unit),
        period=Period(None, None, None, f"{year}-01-01", f"{year}-12-31", "section"),
        region=Place(None, None, None, "白城市", "220800", "prefecture", "report"),
        kind=kind,
        direction="up" if kind == "rate" else None,
        status=status,
        **{"confidence": 0.9, **more},
    )
    return json.loads(json.dumps(row.to_json()))


def test_values_in_the_base_unit():
    cells, conflicts = panel([fact(), fact(111.4e8, "111.4亿", kind="level", unit=("斤", "mass", 0.5))])
    assert sorted(cells["value"]) == [0.065, 55.7e8]
    assert conflicts.empty


def test_conflicts_are_listed_and_the_surest_stands():
    cells, conflicts = panel([fact(confidence=0.5), fact(7.0, "7", confidence=0.8), fact(year=2020)])
    assert cells.set_index("start_date")["value"].to_dict() == {"2021-01-01": 0.07, "2020-01-01": 0.065}
    assert sorted(conflicts["value"]) == [0.065, 0.07]


def test_the_same_value_twice_is_no_conflict():
    cells, conflicts = panel([fact(), fact(6.51, "6.51")])
    assert list(cells["facts"]) == [2] and conflicts.empty


def test_a_fall_is_negative():
    row = fact()
    row["direction"] = "down"
    assert panel([row])[0]["value"].item() == -0.065


def test_incomplete_facts_are_left_out():
    row = fact()
    row["region"]["adcode"] = None
    assert panel([row])[0].empty and panel([])[0].empty


def test_growth_targets():
    table = growth_targets([fact(status="target", year=2022), fact(), fact(kind="level", status="target")])
    row = table.iloc[0].to_dict()
    assert len(table) == 1
    assert (row["province_code"], row["city_code"], row["year"], row["target"], row["tone"]) == ("220000", "220800", 2022, 6.5, "左右")


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".xlsx"])
def test_forms(tmp_path, suffix):
    cells, _ = panel([fact()])
    path = tmp_path / f"panel{suffix}"
    write_table(cells, path)
    read = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".xlsx": pd.read_excel}[suffix](path)
    assert read["value"].item() == 0.065 and read["region"].item() == "白城市"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_bad_input_is_told(tmp_path):
    (tmp_path / "f.jsonl").write_text('{"value": 1}\n', encoding="utf-8")
    with pytest.raises(PipelineError, match="no fact"):
        list(read_facts(tmp_path / "f.jsonl"))
    with pytest.raises(PipelineError, match="no such form"):
        write_table(panel([])[0], tmp_path / "panel.doc")
