"""Understanding cells: dates and numbers as French and English spreadsheets write them, and what to write instead.

Every ValueError raised for a row carries (column, reason with the mend). One rule each: a date with slashes, points or
dashes between day and month is day first (03/04/2026 is 3 April); a number that two conventions would read differently
(1,234) is refused, unless the file gives its decimal sign away. Amounts become Decimal, never binary floats; whether
they fit their column is `rows.build`'s to say.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from openpyxl.utils.datetime import from_excel

from ingestion.rows import number
from ingestion.sources.spreadsheets.files import File, Line, Unreadable, columns, shown
from ingestion.tables.model import Column, Table

Row = dict[str, Any]
YEARS = range(1900, 2200)
# Excel's day numbers of 2000 to 2099: other whole numbers are no days.
SERIALS = range(36_526, 73_051)
CURRENCIES = {"€": "EUR", "£": "GBP"}
AMOUNTS = ("spend", "amount", "mrr")
_TIME = r"(?:[ T]\d{1,2}:\d{2}.*)?$"
_DAY_FIRST = re.compile(r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4})" + _TIME, re.ASCII)
_YEAR_FIRST = re.compile(r"(\d{4})(?:([/.\-])(\d{1,2})\2(\d{1,2})" + _TIME + r"|(\d{2})(\d{2})$)", re.ASCII)
_MONTH = re.compile(r"(?:(\d{4})[/.\-](\d{1,2})|(\d{1,2})[/.\-](\d{4}))$", re.ASCII)
_SERIAL = re.compile(r"\d{5}(?:[.,]\d+)?$", re.ASCII)
_PLAIN = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d{1,3})?$", re.ASCII)
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:([.,' ])\d{3}(?:\1\d{3})*)(?:(?!\1)[.,]\d+)?$", re.ASCII)
_AMBIGUOUS = re.compile(r"[+-]?[1-9]\d{0,2}([.,])\d{3}$", re.ASCII)
# No-break, narrow no-break, thin and figure space are blanks; the typographic apostrophe and minus are plain ones.
_AS_TYPED = str.maketrans("\u00a0\u202f\u2009\u2007\u2019\u2212", "    '-")
# What Excel and LibreOffice show, in English and French, where a formula failed.
_ERROR = re.compile(
    r"#(?:N/A|REF!|VALUE!|DIV/0!|NAME\?|NULL!|NUM!|SPILL!|CALC!|VALEUR!|NOM\?|NUL!|NOMBRE!|#+)$", re.IGNORECASE
)
_SHORTENED = re.compile(r"\d(?:[.,]\d+)?E\+\d{1,3}$", re.ASCII)


def read_rows(table: Table, lines: Sequence[Line], file: File) -> list[Row | ValueError]:
    """Each row's cells as values of the declared types, or the ValueError(column, reason) that says why it has none."""
    columns_read = columns(table)
    faults = {
        index: ValueError(columns_read[0].name, line.fault)
        for index, line in enumerate(lines)
        if line.fault is not None
    }
    read = [_read_column(column, lines, file, faults) for column in columns_read]
    names = [column.name for column in columns_read]
    amounts = [name for name in AMOUNTS if name in names]
    rows: list[Row | ValueError] = []
    for index, values in enumerate(zip(*read, strict=True)):
        row = dict(zip(names, values, strict=True))
        fault = faults.get(index) or _disagreement(amounts, lines[index], row)
        if fault is None and "year" in row:
            row["year_start"] = dt.date(row["year"], 1, 1)
        rows.append(row if fault is None else fault)
    return rows


def _read_column(column: Column, lines: Sequence[Line], file: File, faults: dict[int, ValueError]) -> list[Any]:
    """What the cells of a column say; the first fault of a row is kept. Few values are not repeated (days, channels,
    zeros): each is read once.
    """
    name, read = column.name, []
    known: dict[tuple[type, Any], Any] = {}
    for index, line in enumerate(lines):
        value = line.cells.get(name)
        if isinstance(value, str):
            value = value.strip()
        meaning = None
        if value is not None and value != "":
            key = type(value), value
            if key not in known:
                known[key] = _understood(column, value, file)
            meaning = known[key]
        elif not column.nullable:
            meaning = ValueError(name, f"is empty; fill it in ({column.description})")
        if isinstance(meaning, ValueError):
            faults.setdefault(index, meaning)
        read.append(meaning)
    return read


def _understood(column: Column, value: Any, file: File) -> Any:
    """The value of one cell, or a ValueError(column, reason)."""
    try:
        if fault := _fault(column, value):
            raise ValueError(fault)
        return _READERS[column.type](column, value, file)
    except ValueError as error:
        said = "" if isinstance(value, Unreadable) else f"'{shown(value)}' "
        return ValueError(column.name, f"{said}{error}")


def _fault(column: Column, value: Any) -> str | None:
    """Why no cell of that column may hold it, whatever it says."""
    if isinstance(value, Unreadable):
        return value.reason
    if isinstance(value, bool):
        return "is a yes/no cell; write the value as text or number"
    if column.type == "string" and isinstance(value, dt.date | dt.time | dt.timedelta):
        return "is a date or time; format the cell as text and type it again"
    if not isinstance(value, str):
        return None
    if _ERROR.match(value):
        return "is an error of the spreadsheet; mend its formula"
    if "\ufffd" in value:
        return "holds a letter that cannot be read; save the file as CSV UTF-8"
    if not value.isprintable() and any(unicodedata.category(each) in ("Cs", "Cc") for each in value):
        return "holds an invisible character or a line break; type it again"
    return None


def _disagreement(amounts: Sequence[str], line: Line, row: Row) -> ValueError | None:
    """A sign in an amount must not contradict the currency beside it."""
    for name in amounts:
        for sign, currency in CURRENCIES.items():
            if sign in str(line.cells.get(name)) and row.get("currency") != currency:
                return ValueError(name, f"is in {sign}, but the currency is {row.get('currency')}; make them agree")
    return None


def _text(column: Column, value: Any, _file: File) -> str:
    """Text; ids typed as numbers lose the .0 a spreadsheet gives them."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value)
    if column.name == "currency":
        text = CURRENCIES.get(text, text.upper())
        if not re.fullmatch(r"[A-Z]{3}", text):
            raise ValueError("is not a currency; write its ISO code, e.g. EUR")
    if column.name.endswith("_id") and _SHORTENED.match(text):
        raise ValueError("was shortened by the spreadsheet; format the column as text and enter the ids again")
    return text


def _date(column: Column, value: Any, file: File) -> dt.date:
    day = _day(value, file)
    if day is None and column.name == "month" and isinstance(value, str) and (match := _MONTH.match(value)):
        day = _valid(match[1] or match[4], match[2] or match[3], 1)
    if day is None or day.year not in YEARS:
        raise ValueError("is not a date; write 2026-03-31 or 31/03/2026")
    return day.replace(day=1) if column.name == "month" else day


def _day(value: Any, file: File) -> dt.date | None:
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    if isinstance(value, int | float):
        day = from_excel(int(value), file.epoch) if value == value and int(min(value, 1e9)) in SERIALS else None
        return day.date() if isinstance(day, dt.datetime) else None
    if not isinstance(value, str):
        return None
    if match := _DAY_FIRST.match(value):
        return _valid(match[3], match[2], match[1])
    if match := _YEAR_FIRST.match(value):
        return _valid(match[1], match[3] or match[5], match[4] or match[6])
    return _day(int(value[:5]), file) if _SERIAL.match(value) else None


def _valid(year: str, month: str, day: str | int) -> dt.date | None:
    try:
        return dt.date(int(year), int(month), int(day))
    except ValueError:
        return None


def _number(value: Any, file: File) -> Decimal:
    """A number; a percentage is divided by 100, a currency's sign left out."""
    if isinstance(value, int | float | Decimal):
        return number(value)
    text = str(value).translate(_AS_TYPED)
    percent = text.endswith("%")
    text = text.removesuffix("%").strip().strip("".join(CURRENCIES)).strip()
    ambiguous = _AMBIGUOUS.match(text)
    if ambiguous and ambiguous[1] != file.decimal:
        whole, _, rest = text.partition(ambiguous[1])
        raise ValueError(f"may mean two numbers; write {whole}{rest} or {whole}{file.decimal or '.'}{rest}0")
    if _PLAIN.match(text):
        text = text.replace(",", ".")
    elif match := _GROUPED.match(text):
        text = text.replace(match[1], "").replace(",", ".")
    else:
        raise ValueError("is not a number; write 1234.56 or 1 234,56")
    parsed = number(text)
    return parsed / 100 if percent else parsed


def _integer(column: Column, value: Any, file: File) -> int:
    parsed = _number(value, file)
    if parsed != parsed.to_integral_value() or abs(parsed) >= 2**63:
        raise ValueError("is not a whole number")
    if column.name == "year" and parsed not in YEARS:
        raise ValueError("is not a year; write it with four digits")
    return int(parsed)


_READERS: Mapping[str, Callable[[Column, Any, File], Any]] = {
    "string": _text,
    "date": _date,
    "integer": _integer,
    "decimal": lambda _column, value, file: _number(value, file),
    "double": lambda _column, value, file: float(_number(value, file)),
}
