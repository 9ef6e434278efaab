"""What a table says of reports: title, issuer, year, date."""

from __future__ import annotations

import csv
import datetime
from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import ReportError
from pipeline.readers import whole

__all__ = ["KNOWN", "YEARS", "known_of", "read_manifest"]

KNOWN = ("title", "region", "year", "date")
YEARS = range(1900, 2100)


def read_manifest(path: Path) -> dict[str, dict]:
    """What a CSV table says of reports, by file name or path: columns path and any of title, region, year, date.

    Raises:
        ReportError: no such table, a column that is none of these, or a year or date that is none.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as lines:
            table = csv.DictReader(lines)
            rows, columns = list(table), table.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReportError("the manifest cannot be read", path=path, mend="give a CSV table in UTF-8") from error
    if "path" not in columns or set(columns) - {"path", *KNOWN}:
        raise ReportError(
            f"columns {', '.join(columns) or 'missing'}", path=path, mend=f"they are path and any of {', '.join(KNOWN)}"
        )
    found = {}
    for number, row in enumerate(rows, start=2):
        try:
            found[row["path"]] = known_of(row)
        except ValueError as error:
            raise ReportError(f"line {number}: {error}", path=path, mend="a year is 2022, a date 2022-01-11") from error
    return found


def known_of(row: Mapping) -> dict:
    """What a row of a table says of a report: its title, region, year and date, where it has them.

    Raises:
        ValueError: a year or date that is none.
    """
    known = {name: whole(str(row[name])).strip() for name in KNOWN if row.get(name) is not None}
    known = {name: value for name, value in known.items() if value}
    if "year" in known:
        known["year"] = int(known["year"].removesuffix(".0"))
        if known["year"] not in YEARS:
            raise ValueError(f"the year {known['year']}")
    if "date" in known:
        # a time of day may follow
        known["date"] = datetime.date.fromisoformat(known["date"][:10]).isoformat()
    return known
