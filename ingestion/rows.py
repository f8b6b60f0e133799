"""Vendor rows become Arrow here, once, by the declared columns: `dicts → values by column → pa.Table + refused rows`.

Two faults are told apart. A value of another JSON type than declared means that the vendor changed the column: the
load fails and the lake keeps what it had. A value of the right type that cannot be parsed sends its row to
quarantine with the reason. Rows received = rows accepted + rows refused. Messages carry a value's type and length,
never the value.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingestion.errors import TypeChangedError
from ingestion.tables.model import Column, Table

# Turns the text a vendor sent into what the lake keeps (a hash, a list …); a ValueError refuses the row.
Convert = Callable[[str], Any]
# Rows one by one, as dicts by column name, where each is looked at anyway; or column by column, lists of one length by
# the name of every column, where a dict per row would cost more than all that is done with it.
ByRow = Sequence[Mapping[str, Any]]
ByColumn = Mapping[str, list[Any]]

CENT = Decimal("0.01")
MAX_AMOUNT = Decimal(10) ** 16
_JSON_NAMES: Mapping[type, str] = {
    str: "string", int: "number", float: "number", Decimal: "number", bool: "boolean", list: "array", dict: "object",
}  # fmt: skip
_NUMBERS = frozenset({int, float, Decimal})
_TEXT = frozenset({str})
_NATIVE: Mapping[str, frozenset[type]] = {
    "string": _TEXT,
    "integer": _NUMBERS,
    "double": _NUMBERS,
    "decimal": _NUMBERS,
    "boolean": frozenset({bool}),
    "date": frozenset({str, dt.date}),
    "timestamp": frozenset({str, dt.datetime}),
    "strings": frozenset({list}),
}
# Types whose values Arrow takes as they are; it would cut a float to a whole number, and round an amount otherwise.
_AT_ONCE: Mapping[str, Set[type]] = {
    "integer": {int},
    "double": {int, float},
    "boolean": {bool},
    "date": {dt.date},
    "timestamp": {dt.datetime},
    "strings": {list},
}


@dataclass(frozen=True)
class Refusal:
    """A row that stays out: its index among the rows given, the column at fault, the value's shape and the reason."""

    index: int
    column: str
    value_type: str
    reason: str


class UnparsableError(ValueError):
    """A value of the right type that cannot be parsed; the message does not repeat it."""


def by_column(table: Table, rows: ByRow | ByColumn) -> ByColumn:
    """The values of every declared column."""
    if isinstance(rows, Mapping):
        return {column.name: rows[column.name] for column in table.columns}
    return {column.name: [row.get(column.name) for row in rows] for column in table.columns}


def build(
    table: Table, rows: ByRow | ByColumn, convert: Mapping[str, Convert] | None = None
) -> tuple[pa.Table, list[Refusal]]:
    """The rows as an Arrow table of the declared schema, and those refused. Absent keys and empty texts are nulls."""
    refused: dict[int, Refusal] = {}
    arrays = []
    columns = by_column(table, rows)
    for column in table.columns:
        name = column.name
        values = columns[name]
        converter = (convert or {}).get(name)
        kinds = _check_types(table, column, values, as_text=column.as_text or converter is not None)
        array = _at_once(column, values, kinds, converter)
        if array is None:
            array = _one_by_one(column, values, converter, refused)
        if name == table.day_column:
            _require(column, array, refused)
        arrays.append(array)
    built = pa.Table.from_arrays(arrays, schema=table.arrow_schema())
    if refused:
        built = built.take(pa.array([index for index in range(built.num_rows) if index not in refused], pa.int64()))
    return built, [refused[index] for index in sorted(refused)]


def shape(value: Any) -> str:
    """JSON type of a value, with the length of a text: what an error may show of a value that may be personal."""
    name = _JSON_NAMES.get(type(value), type(value).__name__)
    return f"{name}({len(value)})" if isinstance(value, str | list | dict) else name


def _check_types(table: Table, column: Column, values: list[Any], *, as_text: bool) -> set[type]:
    """The types of the values that are not null, each of which the column may have."""
    allowed = _TEXT if as_text else _NATIVE[column.type]
    kinds = set(map(type, values)) - {type(None)}
    found = kinds - allowed
    if not found:
        return kinds
    offending = next(value for value in values if type(value) in found)
    declared = "/".join(sorted({_JSON_NAMES.get(kind, kind.__name__) for kind in allowed}))
    raise TypeChangedError(
        table.source,
        f"the type of {table.name}.{column.name} changed: declared {declared} ({column.type}), received"
        f" {shape(offending)}; nothing was loaded. If the change is meant, change ingestion/tables/{table.source}.py",
    )


def _require(column: Column, days: "pa.Array[Any]", refused: dict[int, Refusal]) -> None:
    """A row of a window table without its day belongs to no window."""
    empty: list[Any] = pc.indices_nonzero(days.is_null()).to_pylist()
    for index in empty:
        refused.setdefault(index, Refusal(index, column.name, "null", f"{column.name} is empty"))


def _at_once(column: Column, values: list[Any], kinds: set[type], convert: Convert | None) -> "pa.Array[Any] | None":
    """The column by Arrow's own parsers, each distinct text converted once; None where a value needs a closer look."""
    array: pa.Array[Any] | None = None
    try:
        if kinds == _TEXT:
            array = _of_texts(column, pa.array(values, pa.string()), convert)
        elif not kinds or kinds <= _AT_ONCE.get(column.type, set()):
            array = pa.array(values, column.arrow_type)
    except (ValueError, TypeError, ArithmeticError, OSError):
        return None
    return array if _is_clean(column, array) else None


def _of_texts(column: Column, texts: Any, convert: Convert | None) -> Any:
    texts = pc.if_else(pc.equal(texts, pa.scalar("")), pa.scalar(None, pa.string()), texts)
    if convert is None and column.type in ("string", "timestamp"):
        return pc.cast(texts, column.arrow_type)
    encoded, parse = texts.dictionary_encode(), convert or _PARSERS[column.type]
    parsed = [None if text is None else parse(text) for text in encoded.dictionary.to_pylist()]
    return pa.array(parsed, column.arrow_type).take(encoded.indices)


def _is_clean(column: Column, array: Any) -> bool:
    """Whether it holds nothing that Arrow lets pass: a list with nulls in it, a number that is none."""
    if array is None:
        return False
    if column.type == "strings":
        return not array.flatten().null_count
    return column.type != "double" or not pc.any(pc.invert(pc.is_finite(array))).as_py()


def _one_by_one(
    column: Column, values: list[Any], convert: Convert | None, refused: dict[int, Refusal]
) -> "pa.Array[Any]":
    """The column value by value; a value that cannot be parsed refuses its row."""
    parse = convert or _PARSERS[column.type]
    known: dict[Any, Any] = {}
    parsed: list[Any] = []
    for index, value in enumerate(values):
        if value is None or value == "":
            parsed.append(None)
            continue
        if isinstance(value, list):
            if not all(isinstance(each, str) for each in value):
                refused.setdefault(index, Refusal(index, column.name, shape(value), f"{column.name}: not only texts"))
                value = None
            parsed.append(value)
            continue
        # True == 1 == 1.0: equal numbers of different types parse alike, so one memory serves them.
        if value not in known:
            try:
                known[value] = parse(value)
            except (ValueError, ArithmeticError, OSError) as error:
                known[value] = error
        result = known[value]
        if isinstance(result, Exception):
            refused.setdefault(index, Refusal(index, column.name, shape(value), f"{column.name}: {_reason(result)}"))
            result = None
        parsed.append(result)
    return pa.array(parsed, column.arrow_type)


def _reason(error: Exception) -> str:
    """What is wrong, in our own words: a library's would repeat the value."""
    return str(error) if isinstance(error, UnparsableError) else "not of its form"


def _timestamp(value: Any) -> dt.datetime:
    """ISO 8601 (UTC where it names no zone) or milliseconds since 1970."""
    if isinstance(value, dt.datetime):
        return value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    if value.lstrip("-").isdigit() and len(value) > 8:
        return dt.datetime.fromtimestamp(int(value) / 1000, tz=dt.UTC)
    try:
        parsed = dt.datetime.fromisoformat(value)
    except ValueError:
        raise UnparsableError("not a timestamp (ISO 8601)") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)


def _date(value: Any) -> dt.date:
    if isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        raise UnparsableError("not a date (ISO 8601)") from None


def number(value: Any) -> Decimal:
    """A finite number from a number or its text; a ValueError says what it is not."""
    try:
        parsed = Decimal(str(value).strip())
    except InvalidOperation:
        raise UnparsableError("not a number") from None
    if not parsed.is_finite():
        raise UnparsableError("not a finite number")
    return parsed


def _text(value: Any) -> str:
    try:
        value.encode()
    except UnicodeError:
        raise UnparsableError("not a text (half a character)") from None
    return str(value)


def _double(value: Any) -> float:
    parsed = float(number(value))
    if not isfinite(parsed):
        raise UnparsableError("too large a number")
    return parsed


def _integer(value: Any) -> int:
    parsed = number(value)
    if parsed != parsed.to_integral_value() or abs(parsed) >= 2**63:
        raise UnparsableError("not a whole number")
    return int(parsed)


def _decimal(value: Any) -> Decimal:
    parsed = number(value)
    if abs(parsed) >= MAX_AMOUNT:
        raise UnparsableError("too large for an amount (16 digits)")
    return parsed.quantize(CENT)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    lowered = value.strip().lower()
    if lowered not in {"true", "false"}:
        raise UnparsableError("neither true nor false")
    return bool(lowered == "true")


_PARSERS: Mapping[str, Callable[[Any], Any]] = {
    "string": _text,
    "integer": _integer,
    "double": _double,
    "decimal": _decimal,
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
    "strings": list,
}
