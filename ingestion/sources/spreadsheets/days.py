"""Understanding days and times as French and English spreadsheets write them: `cell → date or datetime`.

One rule: with slashes, points or dashes between them the day stands before the month (03/04/2026 is 3 April). A time
without a zone stays one: whose it is the reader of the file knows.
"""

import datetime as dt
import re
from typing import Any

from openpyxl.utils.datetime import from_excel

from ingestion.sources.spreadsheets.files import File
from ingestion.tables.model import Column

YEARS = range(1900, 2200)
# Excel's day numbers of 2000 to 2099: other whole numbers are no days.
SERIALS = range(36_526, 73_051)
_TIME = r"(?:[ T]\d{1,2}:\d{2}.*)?$"
_DAY_FIRST = re.compile(r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4})" + _TIME, re.ASCII)
_YEAR_FIRST = re.compile(r"(\d{4})(?:([/.\-])(\d{1,2})\2(\d{1,2})" + _TIME + r"|(\d{2})(\d{2})$)", re.ASCII)
_MONTH = re.compile(r"(?:(\d{4})[/.\-](\d{1,2})|(\d{1,2})[/.\-](\d{4}))$", re.ASCII)
_SERIAL = re.compile(r"\d{5}(?:[.,]\d+)?$", re.ASCII)
_CLOCK = re.compile(r"(\S+?)(?:[ T]+(\d{1,2})[:h](\d{2}(?::\d{2}(?:\.\d+)?)?) ?(Z|[+-]\d{2}:?\d{2})?)?$", re.ASCII)


def date(column: Column, value: Any, file: File) -> dt.date:
    day = _day(value, file)
    if day is None and column.name == "month" and isinstance(value, str) and (match := _MONTH.match(value)):
        day = _valid(match[1] or match[4], match[2] or match[3], 1)
    if day is None or day.year not in YEARS:
        raise ValueError("is not a date; write 2026-03-31 or 31/03/2026")
    return day.replace(day=1) if column.name == "month" else day


def timestamp(_column: Column, value: Any, file: File) -> dt.datetime:
    """A day, which stands for its beginning, or a time of a day; without a zone where a text names none."""
    at = _time(value, file)
    if at is None or at.year not in YEARS:
        raise ValueError("is neither a day nor a time; write 2026-03-31, 31/03/2026 or 2026-03-31 14:30")
    return at


def _day(value: Any, file: File) -> dt.date | None:
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    if isinstance(value, int | float):
        at = _of_number(value // 1, file)
        return at.date() if at else None
    if not isinstance(value, str):
        return None
    if match := _DAY_FIRST.match(value):
        return _valid(match[3], match[2], match[1])
    if match := _YEAR_FIRST.match(value):
        return _valid(match[1], match[3] or match[5], match[4] or match[6])
    return _day(int(value[:5]), file) if _SERIAL.match(value) else None


def _time(value: Any, file: File) -> dt.datetime | None:
    if isinstance(value, dt.datetime):
        return value
    if isinstance(value, int | float):
        return _of_number(value, file)
    if isinstance(value, str) and _SERIAL.match(value):
        return _of_number(float(value.replace(",", ".")), file)
    hour, minutes, zone = "00", "00", ""
    if isinstance(value, str):
        if (match := _CLOCK.match(value)) is None:
            return None
        value, hour, minutes, zone = match[1], match[2] or hour, match[3] or minutes, match[4] or zone
    if (day := _day(value, file)) is None:
        return None
    try:
        return dt.datetime.fromisoformat(f"{day}T{hour:0>2}:{minutes}{zone}")
    except ValueError:
        return None


def _of_number(value: float, file: File) -> dt.datetime | None:
    """What Excel's count of days stands for."""
    at = from_excel(value, file.epoch) if value == value and int(min(value, 1e9)) in SERIALS else None
    return at if isinstance(at, dt.datetime) else None


def _valid(year: str, month: str, day: str | int) -> dt.date | None:
    try:
        return dt.date(int(year), int(month), int(day))
    except ValueError:
        return None
