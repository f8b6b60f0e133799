"""Understanding cells: numbers and texts as French and English spreadsheets write them, and what to write instead.

Every ValueError raised for a row carries (column, reason with the mend). A number that two conventions would read
differently (1,234) is refused, unless the file gives its decimal sign away. Amounts become Decimal, never binary
floats; whether they fit their column is `rows.build`'s to say. Of a file that names people no cell is ever quoted, and
no text of any file may hold an address. Days and times are understood in `days.py`.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ingestion.privacy import without_addresses
from ingestion.rows import number
from ingestion.sources.spreadsheets import days
from ingestion.sources.spreadsheets.days import YEARS
from ingestion.sources.spreadsheets.files import File, Line, Unreadable, columns, plain, shown
from ingestion.tables.model import Column, Table
from ingestion.tables.spreadsheets import TOUCH_TYPES

Row = dict[str, Any]
CURRENCIES = {"€": "EUR", "£": "GBP"}
AMOUNTS = ("spend", "amount", "mrr")
_ADDRESS = re.compile(r"[^@\s,;:<>]+@[^@\s,;:<>]+\.[^@\s,;:<>.]+$")
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
    names_people = bool(table.personal)
    read = [_read_column(column, lines, file, faults, quoted=not names_people) for column in columns_read]
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


def _read_column(
    column: Column, lines: Sequence[Line], file: File, faults: dict[int, ValueError], *, quoted: bool
) -> list[Any]:
    """What the cells of a column say; the first fault of a row is kept. Few values are not repeated (days, channels,
    zeros): each is read once. quoted: whether a fault repeats the beginning of its cell.
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
                known[key] = _understood(column, value, file, quoted=quoted)
            meaning = known[key]
        elif not column.nullable:
            meaning = ValueError(name, f"is empty; fill it in ({column.description})")
        if isinstance(meaning, ValueError):
            faults.setdefault(index, meaning)
        read.append(meaning)
    return read


def _understood(column: Column, value: Any, file: File, *, quoted: bool) -> Any:
    """The value of one cell, or a ValueError(column, reason)."""
    try:
        if fault := _fault(column, value):
            raise ValueError(fault)
        return _READERS[column.type](column, value, file)
    except ValueError as error:
        said = f"'{shown(value)}' " if quoted and not isinstance(value, Unreadable) else ""
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
    if column.name == "email":
        if not (_ADDRESS.match(text) and text.isprintable()):
            raise ValueError("is not an email address; write one address and nothing else")
    elif without_addresses(text) != text:
        raise ValueError("holds an email address; take it out")
    if column.name == "touch_type":
        text = plain(text)
        if text not in TOUCH_TYPES:
            raise ValueError(f"is no type of touch; write {', '.join(TOUCH_TYPES[:-1])} or {TOUCH_TYPES[-1]}")
    return text


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
    "date": days.date,
    "timestamp": days.timestamp,
    "integer": _integer,
    "decimal": lambda _column, value, file: _number(value, file),
    "double": lambda _column, value, file: float(_number(value, file)),
}
