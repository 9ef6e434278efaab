"""Facts -> a panel: one row for each region, period, indicator, kind and status."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from pipeline.errors import PipelineError
from pipeline.indicators import catalogue
from pipeline.regions import by_code

__all__ = ["growth_targets", "panel", "read_facts", "write_table"]

CELL = ["adcode", "start_date", "end_date", "indicator", "kind", "status"]
# values that differ by less are one value rounded differently
_ROUNDING = 0.005
_TONE = re.compile(r"力争|确保|保持|预期|左右|上下|以上|以内|高于|不低于|不超过|超过|突破|争取|努力|达到|区间|同步|快于")


def read_facts(path: Path) -> Iterator[dict]:
    """The facts of a file that `baogao extract` wrote.

    Raises:
        PipelineError: a line is no fact.
    """
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                fact = json.loads(line)
                fact["value"]["text"], fact["sentence"]["start"]
            except (ValueError, KeyError, TypeError) as error:
                raise PipelineError(
                    "no fact of baogao extract", path=path, line=number, mend="name a facts.jsonl"
                ) from error
            yield fact


def panel(facts: Iterable[dict]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(panel, conflicts) of facts that have an indicator, a period and a region with a code.

    Values are in the base unit of the fact's dimension (元, m², kg; rates and shares as parts of one). Of
    several facts for a cell the surest stands in the panel; where their values differ, all of them stand
    in the conflicts.
    """
    rows = pd.DataFrame([_row(fact) for fact in facts if _complete(fact)], columns=list(_row_names()))
    if rows.empty:
        return rows, rows
    rows = rows.sort_values([*CELL, "confidence"], ascending=[True] * len(CELL) + [False], kind="stable")
    rows["facts"] = rows.groupby(CELL)["value"].transform("size")
    cells = rows.drop_duplicates(CELL).reset_index(drop=True)
    spread = rows.groupby(CELL)["value"].transform(lambda v: v.max() - v.min())
    size = rows.groupby(CELL)["value"].transform(lambda v: v.abs().max())
    units = rows.groupby(CELL)["dimension"].transform("nunique", dropna=False)
    return cells, rows[(spread > _ROUNDING * size) | (units > 1)].reset_index(drop=True)


def _complete(fact: dict) -> bool:
    metric, period, region = fact["metric"], fact["period"], fact["region"]
    named = metric and metric["indicator"] and period and period["start_date"] and region and region["adcode"]
    return bool(named) and _number(fact) is not None


def _number(fact: dict) -> float | None:
    value = fact["value"]
    if value["number"] is not None:
        return value["number"]
    return None if value["low"] is None else (value["low"] + value["high"]) / 2


def _row_names() -> Iterator[str]:
    yield from CELL
    yield from "region region_level name_zh name_en value low high dimension as_written direction bound".split()
    yield from "report report_year section sentence start end confidence period_source region_source".split()


def _row(fact: dict) -> dict:
    value, unit, indicator = fact["value"], fact["unit"] or {}, catalogue()[fact["metric"]["indicator"]]
    factor = unit.get("factor") or 1.0
    sign = -1 if fact["direction"] == "down" else 1

    def based(number: float | None) -> float | None:
        return None if number is None else float(f"{sign * number * factor:.12g}")

    return {
        "adcode": fact["region"]["adcode"],
        "region": fact["region"]["name"],
        "region_level": fact["region"]["level"],
        "start_date": fact["period"]["start_date"],
        "end_date": fact["period"]["end_date"],
        "indicator": indicator.code,
        "name_zh": indicator.zh,
        "name_en": indicator.en,
        "kind": fact["kind"],
        "status": fact["status"],
        "value": based(_number(fact)),
        "low": based(value["low"]),
        "high": based(value["high"]),
        "dimension": unit.get("dimension"),
        "as_written": value["text"] + (unit.get("text") or ""),
        "direction": fact["direction"],
        "bound": fact["bound"],
        "report": fact["report"]["id"],
        "report_year": fact["report"]["year"],
        "section": fact["sentence"]["section"],
        "sentence": fact["sentence"]["text"],
        "start": value["start"],
        "end": value["end"],
        "confidence": fact["confidence"],
        "period_source": fact["period"]["source"],
        "region_source": fact["region"]["source"],
    }


def growth_targets(facts: Iterable[dict]) -> pd.DataFrame:
    """GDP growth targets in the form economists trade in: sentence, place and codes, year, rate in per cent, tone word."""
    rows = []
    for fact in facts:
        if not (_complete(fact) and fact["metric"]["indicator"] == "gdp"):
            continue
        if fact["kind"] != "rate" or fact["status"] != "target" or fact["region"]["adcode"] != fact["report"]["adcode"]:
            continue
        code = fact["region"]["adcode"]
        province = by_code(code[:2] + "0000")
        rows.append(
            {
                "sentence": fact["sentence"]["text"],
                "province": province.name if province else None,
                "province_code": code[:2] + "0000",
                "city": fact["region"]["name"] if not code.endswith("0000") else None,
                "city_code": code if not code.endswith("0000") else None,
                "year": int(fact["period"]["end_date"][:4]),
                "target": _number(fact),
                "low": fact["value"]["low"],
                "high": fact["value"]["high"],
                "tone": _tone(fact),
                "bound": fact["bound"],
            }
        )
    names = "sentence province province_code city city_code year target low high tone bound".split()
    return pd.DataFrame(rows, columns=names)


def _tone(fact: dict) -> str | None:
    """The words around the VALUE that say how firm a target is: 力争…以上, 左右."""
    sentence, value = fact["sentence"], fact["value"]
    text, start, end = sentence["text"], value["start"] - sentence["start"], value["end"] - sentence["start"]
    clause = max(text.rfind(mark, 0, start) for mark in "，；。：") + 1
    found = _TONE.findall(text[clause:start]) + _TONE.findall(text[end : end + 5])
    return "…".join(dict.fromkeys(found)) or None


def write_table(table: pd.DataFrame, path: Path) -> None:
    """The table as .csv, .parquet or .xlsx, by the path's ending, complete or not at all.

    Raises:
        PipelineError: another ending, or the place cannot be written.
    """
    writers = {
        ".csv": lambda to: table.to_csv(to, index=False, encoding="utf-8-sig"),
        ".parquet": lambda to: table.to_parquet(to, index=False),
        ".xlsx": lambda to: table.to_excel(to, index=False, engine="openpyxl"),
    }
    if path.suffix not in writers:
        raise PipelineError("no such form of table", path=path, mend="end the name in .csv, .parquet or .xlsx")
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writers[path.suffix](part)
        part.replace(path)
    except OSError as error:
        raise PipelineError(f"cannot be written: {error.strerror}", path=path, mend="choose another place") from error
    finally:
        part.unlink(missing_ok=True)
