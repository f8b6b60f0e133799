"""FILE → which form it has, and its columns as SQL: a log of touches, paths that came counted, a tool's credits.

CSV (`opening`) or Parquet. The form is told by the columns (`PATHS`, `LOG`; letter case does not matter). A text
without a time zone is UTC.

Not here: what must hold of the cells (`checks`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from attribution import opening
from attribution.model import AttributionError

# Column of ours: the names exports have for it.
PATHS: Mapping[str, tuple[str, ...]] = {
    "path": ("path", "paths", "journey"),
    "conversions": ("conversions", "total_conversions"),
    "value": ("value", "total_conversion_value", "conversion_value", "revenue"),
    "nulls": ("nulls", "total_null", "null", "null_paths"),
}
LOG: Mapping[str, tuple[str, ...]] = {
    "person": ("person", "person_id", "user_id", "visitor_id", "client_id", "contact_id"),
    "time": ("time", "timestamp", "touched_at", "datetime", "date"),
    "channel": ("channel",),
    "converted": ("converted", "conversion", "is_conversion"),
    "value": ("value", "conversion_value", "revenue"),
    "campaign": ("campaign",),
    "lead_creating": ("lead_creating",),
    "opportunity_creating": ("opportunity_creating",),
    "touch_id": ("touch_id",),
}
CREDITS: Mapping[str, tuple[str, ...]] = {
    "channel": ("channel", "channel_name", "channels"),
    "campaign": ("campaign",),
    "conversions": ("conversions", "total_conversions"),
    "value": ("value", "total_conversion_value", "conversion_value", "revenue"),
}
FORMS = {"paths": PATHS, "touches": LOG, "credits": CREDITS}
NEEDED = {
    "paths": ("path", "conversions"),
    "touches": ("person", "time", "channel", "converted"),
    "credits": ("channel", "conversions"),
}
WANTED = {
    "paths": "counted paths (path, conversions, and if known value, nulls)",
    "touches": "a log of touches (person, time, channel, converted, and if known value, campaign, lead_creating, "
    "opportunity_creating, touch_id)",
    "credits": "credits (channel, conversions, and if known campaign, value)",
}
MONEY = "decimal(18, 2)"
PATH_MONEY = "decimal(38, 9)"  # exports sum values of many conversions, to more places than cents


@dataclass(frozen=True)
class Table:
    """A file opened: `sql` selects its rows, `columns` says which of its columns is which of ours, with its type."""

    file: Path
    form: str
    sql: str
    columns: Mapping[str, tuple[str, str]]
    row: str  # expression of a row's number, from 0
    place: Callable[[int], str]  # where people find that row

    def text(self, name: str) -> str:
        """A column as a text without blanks around it; empty is null."""
        return f"nullif(trim(cast({quoted(self.columns[name][0])} as varchar)), '')"

    def has(self, name: str) -> bool:
        return name in self.columns


def open_file(con: duckdb.DuckDBPyConnection, file: Path, forms: Sequence[str] = ("paths", "touches")) -> Table:
    """Open a CSV or Parquet file and recognise which of the forms it has; raises AttributionError with the mend."""
    if not file.is_file():
        raise AttributionError(f"{file}: there is no such file")
    wanted = " or of ".join(WANTED[form] for form in forms)
    if file.suffix.lower() in (".parquet", ".pq"):
        name = str(file).replace("'", "''")
        # file_row_number is the reader's own column.
        source, row, place = f"read_parquet('{name}', file_row_number = true)", "file_row_number", _row
        try:
            found = con.execute(f"describe select * from {source}").fetchall()
        except duckdb.Error as error:
            raise AttributionError(f"{file}: cannot be read: {str(error).splitlines()[0]}") from None
        types = {str(column).strip().lower(): (str(column), str(kind)) for column, kind, *_ in found}
    else:
        text = opening.look(file, lambda names: _form(_texts(names), forms) is not None, wanted)
        opening.load(con, text)
        source, row, place, types = "raw", "rowid", text.place, _texts(text.columns)
    form = _form(types, forms)
    if form is None:
        raise opening.strange(file, [column for column, _ in types.values()], wanted)
    return Table(file, form, source, _columns(FORMS[form], types), row, place)


def _row(number: int) -> str:
    return f"row {number + 1}"


def _texts(columns: Sequence[str]) -> dict[str, tuple[str, str]]:
    return {column.lower(): (column, "VARCHAR") for column in columns}


def _form(types: Mapping[str, tuple[str, str]], forms: Sequence[str]) -> str | None:
    """The first form all of whose needed columns are there."""
    return next((form for form in forms if set(NEEDED[form]) <= _columns(FORMS[form], types).keys()), None)


def _columns(names: Mapping[str, tuple[str, ...]], types: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    found = {ours: next((types[name] for name in given if name in types), None) for ours, given in names.items()}
    return {ours: column for ours, column in found.items() if column is not None}


def quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def number_sql(table: Table, name: str, kind: str) -> str:
    """A column as a number of a type, null where it is none."""
    column, given = table.columns[name]
    return f"try_cast({table.text(name) if given == 'VARCHAR' else quoted(column)} as {kind})"


def flag_sql(table: Table, name: str) -> str:
    """A column as yes or no; empty is no, null what is neither."""
    if not table.has(name):
        return "false"
    column, given = table.columns[name]
    if given == "BOOLEAN":
        return f"coalesce({quoted(column)}, false)"
    text = f"coalesce({table.text(name)}, '0')"
    number = f"case try_cast({text} as double) when 0 then false when 1 then true end"  # floats in programs
    return number if given != "VARCHAR" else f"coalesce(try_cast({text} as boolean), {number})"


def time_sql(table: Table) -> str:
    """The time as microseconds since 1970 in UTC, null where it is none."""
    column, given = table.columns["time"]
    if given.startswith("TIMESTAMP"):
        return f"epoch_us({quoted(column)})"
    if given == "DATE":
        return f"epoch_us(cast({quoted(column)} as timestamp))"
    return f"epoch_us(try_cast({table.text('time')} as timestamptz))"


def person_sql(table: Table) -> str:
    """Who a row is of, as whatever a Parquet file has; an empty text is nobody."""
    column, given = table.columns["person"]
    return label_sql(table, "person") if given == "VARCHAR" else quoted(column)


def label_sql(table: Table, name: str) -> str:
    """A column as a text, null where it is empty; a Parquet file's blanks are its own."""
    column, given = table.columns[name]
    return f"nullif({quoted(column)}, '')" if given == "VARCHAR" and table.sql != "raw" else table.text(name)


def order_sql(table: Table, name: str) -> str:
    """What puts rows in the order of an id: numbers by their size, before other texts."""
    label = label_sql(table, name)
    return f"try_cast({label} as decimal(38, 9)) nulls last, {label}"


def path_sql(table: Table, separator: str) -> str:
    """A path as a list of channels: a list as it is (whatever its names hold), a text cut at the separator."""
    column, given = table.columns["path"]
    if given.endswith("[]"):
        return f"coalesce({quoted(column)}, [])"
    cut = separator.replace("'", "''")
    return (
        f"case when {table.text('path')} is null then [] else "
        f"list_transform(string_split({table.text('path')}, '{cut}'), lambda channel: trim(channel)) end"
    )
