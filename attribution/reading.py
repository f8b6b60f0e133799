"""FILE → which of the two forms it has, checked, as tables: a log of touches, or paths that came counted.

CSV or Parquet. The form is told by the columns (`PATHS`, `LOG`; letter case does not matter). What is wrong with a cell
is said with file, row, column and the mend. A text without a time zone is UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

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
    row: str  # expression of the number people see beside a row

    def text(self, name: str) -> str:
        """A column as a text without blanks around it; empty is null."""
        return f"nullif(trim(cast({_quoted(self.columns[name][0])} as varchar)), '')"

    def has(self, name: str) -> bool:
        return name in self.columns


@dataclass(frozen=True)
class Check:
    """What must hold of a column: the condition that finds what is wrong, and what a person is told."""

    column: str
    wrong: str
    mend: str


def open_file(con: duckdb.DuckDBPyConnection, file: Path, forms: Sequence[str] = ("paths", "touches")) -> Table:
    """Open a CSV or Parquet file and recognise which of the forms it has; raises AttributionError with the mend."""
    if not file.is_file():
        raise AttributionError(f"{file}: there is no such file")
    name = str(file).replace("'", "''")
    try:
        if file.suffix.lower() in (".parquet", ".pq"):
            # file_row_number is the reader's own column, from 0.
            source, row = f"read_parquet('{name}', file_row_number = true)", "file_row_number + 1"
        else:
            con.execute(
                f"create or replace temp table raw as from read_csv('{name}', all_varchar = true, header = true)"
            )
            source, row = "raw", "rowid + 2"  # the header is row 1
        found = con.execute(f"describe select * from {source}").fetchall()
    except duckdb.Error as error:
        raise AttributionError(f"{file}: cannot be read: {str(error).splitlines()[0]}") from None
    types = {str(column).strip().lower(): (str(column), str(kind)) for column, kind, *_ in found}
    for form in forms:
        columns = _columns(FORMS[form], types)
        if all(needed in columns for needed in NEEDED[form]):
            return Table(file, form, source, columns, row)
    raise AttributionError(
        f"{file}: its columns ({', '.join(column for column, _ in types.values())}) are not those of "
        f"{' or of '.join(WANTED[form] for form in forms)}: rename them"
    )


def _columns(names: Mapping[str, tuple[str, ...]], types: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    found = {ours: next((types[name] for name in given if name in types), None) for ours, given in names.items()}
    return {ours: column for ours, column in found.items() if column is not None}


def _quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def number_sql(table: Table, name: str, kind: str) -> str:
    """A column as a number of a type, null where it is none."""
    column, given = table.columns[name]
    return f"try_cast({table.text(name) if given == 'VARCHAR' else _quoted(column)} as {kind})"


def flag_sql(table: Table, name: str) -> str:
    """A column as yes or no; empty is no, null what is neither."""
    if not table.has(name):
        return "false"
    column, given = table.columns[name]
    if given == "BOOLEAN":
        return f"coalesce({_quoted(column)}, false)"
    return f"try_cast(coalesce({table.text(name)}, 'false') as boolean)"


def time_sql(table: Table) -> str:
    """The time as microseconds since 1970 in UTC, null where it is none."""
    column, given = table.columns["time"]
    if given.startswith("TIMESTAMP"):
        return f"epoch_us({_quoted(column)})"
    if given == "DATE":
        return f"epoch_us(cast({_quoted(column)} as timestamp))"
    return f"epoch_us(try_cast({table.text('time')} as timestamptz))"


def person_sql(table: Table) -> str:
    column, given = table.columns["person"]
    return table.text("person") if given == "VARCHAR" and table.sql == "raw" else _quoted(column)


def label_sql(table: Table, name: str) -> str:
    return table.text(name) if table.sql == "raw" else f"nullif({_quoted(table.columns[name][0])}, '')"


def path_sql(table: Table, separator: str) -> str:
    """A path as a list of channels: a list as it is (whatever its names hold), a text cut at the separator."""
    column, given = table.columns["path"]
    if given.endswith("[]"):
        return f"coalesce({_quoted(column)}, [])"
    cut = separator.replace("'", "''")
    return (
        f"case when {table.text('path')} is null then [] else "
        f"list_transform(string_split({table.text('path')}, '{cut}'), lambda channel: trim(channel)) end"
    )


def path_checks(table: Table, separator: str) -> list[Check]:
    path = path_sql(table, separator)
    empty = f"list_contains({path}, '')"
    if table.columns["path"][1].endswith("[]"):
        empty += f" or len(list_filter({path}, lambda channel: channel is null)) > 0"
    checks = [
        Check("path", empty, f"a channel between two separators ('{separator}') is empty: name it or take it out")
    ]
    for name in ("conversions", "nulls"):
        if table.has(name):
            number = number_sql(table, name, PATH_MONEY)
            optional = "" if name == "conversions" else f"{table.text(name)} is not null and "
            wrong = f"{optional}({number} is null or {number} < 0 or {number} <> floor({number}))"
            checks.append(Check(name, wrong, "write a whole number of 0 or more"))
    if table.has("value"):
        value = number_sql(table, "value", PATH_MONEY)
        checks.append(Check("value", f"{table.text('value')} is not null and {value} is null", _AMOUNT))
        lost = f"coalesce({value}, 0) <> 0 and {number_sql(table, 'conversions', PATH_MONEY)} = 0"
        checks.append(Check("value", lost, "a path without conversions has no value: write 0, or its conversions"))
    return checks


_AMOUNT = "write an amount with a point, like 1234.50, without currency or thousands separators"


def log_checks(table: Table) -> list[Check]:
    converted = flag_sql(table, "converted")
    checks = [
        Check(
            "time",
            f"{time_sql(table)} is null",
            "write a date and time like 2026-03-31 12:00:00 (UTC unless it has a zone)",
        ),
        Check("converted", f"{converted} is null", "write 1 or 0, true or false"),
        Check(
            "channel", f"{label_sql(table, 'channel')} is null and not {converted}", "a touch needs a channel: name it"
        ),
    ]
    for name in ("lead_creating", "opportunity_creating"):
        if table.has(name):
            checks.append(Check(name, f"{flag_sql(table, name)} is null", "write 1 or 0, true or false"))
    if table.has("value"):
        value = number_sql(table, "value", MONEY)
        checks.append(Check("value", f"{converted} and {table.text('value')} is not null and {value} is null", _AMOUNT))
    return checks


def credit_checks(table: Table) -> list[Check]:
    conversions = number_sql(table, "conversions", PATH_MONEY)
    checks = [
        Check("channel", f"{label_sql(table, 'channel')} is null", "name the channel"),
        Check("conversions", f"{conversions} is null", "write a number with a point, like 12.5"),
    ]
    if table.has("value"):
        value = number_sql(table, "value", PATH_MONEY)
        checks.append(Check("value", f"{table.text('value')} is not null and {value} is null", _AMOUNT))
    return checks


def examine(con: duckdb.DuckDBPyConnection, table: Table, checks: list[Check]) -> None:
    """Raise AttributionError for the first row on which a check finds something wrong."""
    counts = ", ".join(f"count(*) filter (where {check.wrong})" for check in checks)
    try:
        found = con.execute(f"select {counts} from {table.sql}").fetchone()
    except duckdb.Error as error:
        raise AttributionError(f"{table.file}: cannot be read: {str(error).splitlines()[0]}") from None
    for check, wrong in zip(checks, found or (), strict=True):
        if wrong:
            cell = _quoted(table.columns[check.column][0])
            at, said = con.execute(
                f"select {table.row}, cast({cell} as varchar) from {table.sql} where {check.wrong} order by 1 limit 1"
            ).fetchall()[0]
            more = f" (and {wrong - 1:,} more)" if wrong > 1 else ""
            raise AttributionError(
                f"{table.file}, row {at}, column {table.columns[check.column][0]}{more}: "
                f"{'is empty' if said is None else repr(said)}: {check.mend}"
            )
