"""Understanding cells: dates and numbers as French and English spreadsheets write them, and what to write instead.

Every ValueError raised for a row carries (column, reason with the mend). Amounts become Decimal, never binary floats.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from ingestion.rows import number
from ingestion.sources.spreadsheets.files import header
from ingestion.tables.model import Column, Table

Row = dict[str, Any]
SHOWN = 40
_DAY_FIRST = re.compile(r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4})(?:[ T].*)?$")
_MONTH = re.compile(r"(?:(\d{4})[/\-](\d{1,2})|(\d{1,2})[/\-](\d{4}))$")
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+$")
# Blank, no-break space, narrow no-break space, thin space, apostrophes: what separates thousands besides , and .
_SEPARATORS = str.maketrans("", "", " \u00a0\u202f\u2009'’")


def read_row(table: Table, cells: Mapping[str, Any], *, semicolons: bool) -> Row:
    """The cells of one row as the declared types, or ValueError(column, reason)."""
    row: Row = {}
    for name in header(table):
        column = table.column(name)
        value = cells.get(name)
        if isinstance(value, str):
            value = value.strip()
        if value is None or value == "":
            if not column.nullable:
                raise ValueError(name, f"is empty; fill it in ({column.description})")
            continue
        try:
            row[name] = _READERS[column.type](column, value, semicolons)
        except ValueError as error:
            raise ValueError(name, f"'{str(value)[:SHOWN]}' {error}") from None
    if "year_start" in {column.name for column in table.columns}:
        row["year_start"] = dt.date(row["year"], 1, 1)
    return row


def _text(column: Column, value: Any, _semicolons: bool) -> str:
    """Text; ids typed as numbers lose the .0 a spreadsheet gives them."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value)
    if column.name == "currency":
        text = text.upper()
        if not re.fullmatch(r"[A-Z]{3}", text):
            raise ValueError("is not a currency; write its ISO code, e.g. EUR")
    return text


def _date(column: Column, value: Any, _semicolons: bool) -> dt.date:
    day = _day(value)
    if day is None and column.name == "month" and isinstance(value, str) and (match := _MONTH.match(value)):
        day = _valid(int(match[1] or match[4]), int(match[2] or match[3]), 1)
    if day is None:
        raise ValueError("is not a date; write 2026-03-31 or 31/03/2026")
    return day.replace(day=1) if column.name == "month" else day


def _day(value: Any) -> dt.date | None:
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    if not isinstance(value, str):
        return None
    if match := _DAY_FIRST.match(value):
        return _valid(int(match[3]), int(match[2]), int(match[1]))
    try:
        return dt.date.fromisoformat(value[:10]) if "-" in value else None
    except ValueError:
        return None


def _valid(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def _number(value: Any, semicolons: bool) -> Decimal:
    """A number; a percentage is divided by 100. A lone comma before three digits is refused unless the file is
    French.
    """
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return number(value)
    text = str(value).translate(_SEPARATORS)
    percent = text.endswith("%")
    text = text.removesuffix("%")
    if "," in text and "." in text:
        decimal = max(",", ".", key=text.rfind)
        text = text.replace("," if decimal == "." else ".", "").replace(",", ".")
    elif _GROUPED.match(text) and not semicolons:
        raise ValueError("may mean two numbers; write 1234 or 1.234")
    elif text.count(".") > 1:
        text = text.replace(".", "")
    else:
        text = text.replace(",", ".")
    try:
        parsed = number(text)
    except ValueError:
        raise ValueError("is not a number; write 1234.56 or 1 234,56") from None
    return parsed / 100 if percent else parsed


def _integer(_column: Column, value: Any, semicolons: bool) -> int:
    parsed = _number(value, semicolons)
    if parsed != parsed.to_integral_value():
        raise ValueError("is not a whole number")
    return int(parsed)


_READERS: Mapping[str, Callable[[Column, Any, bool], Any]] = {
    "string": _text,
    "date": _date,
    "integer": _integer,
    "decimal": lambda _column, value, semicolons: _number(value, semicolons),
    "double": lambda _column, value, semicolons: float(_number(value, semicolons)),
}
