"""What must hold of a file's cells, by its form. What is wrong is said in one line: file, line, column and the mend."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from attribution.model import AttributionError
from attribution.reading import MONEY, PATH_MONEY, Table, flag_sql, label_sql, number_sql, path_sql, quoted, time_sql

# Beyond what anything counts or costs; below, sums are exact.
MOST_COUNTED = 10**12
MOST_MONEY = 10**15


@dataclass(frozen=True)
class Check:
    """What must hold of a column: the condition that finds what is wrong, and what a person is told."""

    column: str
    wrong: str
    mend: str


def paths(table: Table, separator: str) -> list[Check]:
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
            checks.append(Check(name, f"{number} > {MOST_COUNTED}", f"write at most {MOST_COUNTED:,}"))
    if table.has("value"):
        value = number_sql(table, "value", PATH_MONEY)
        checks.append(_amount(table, PATH_MONEY))
        lost = f"coalesce({value}, 0) <> 0 and {number_sql(table, 'conversions', PATH_MONEY)} = 0"
        checks.append(Check("value", lost, "a path without conversions has no value: write 0, or its conversions"))
    return checks


def _amount(table: Table, kind: str, where: str = "true") -> Check:
    """A value is empty or an amount."""
    value = number_sql(table, "value", kind)
    return Check(
        "value",
        f"{where} and {table.text('value')} is not null and ({value} is null or abs({value}) >= {MOST_MONEY})",
        "write an amount with a point, like 1234.50, without currency or thousands separators, of at most 15 digits",
    )


def log(table: Table) -> list[Check]:
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
        checks.append(_amount(table, MONEY, converted))
    return checks


def credits(table: Table) -> list[Check]:
    conversions = number_sql(table, "conversions", PATH_MONEY)
    checks = [
        Check("channel", f"{label_sql(table, 'channel')} is null", "name the channel"),
        Check(
            "conversions",
            f"{conversions} is null or abs({conversions}) > {MOST_COUNTED}",
            f"write a number with a point, like 12.5, of at most {MOST_COUNTED:,}",
        ),
    ]
    if table.has("value"):
        checks.append(_amount(table, PATH_MONEY))
    return checks


def examine(con: duckdb.DuckDBPyConnection, table: Table, checks: list[Check]) -> None:
    """Raise AttributionError for the first row on which a check finds something wrong."""
    counts = ", ".join(f"count(*) filter (where {check.wrong})" for check in checks)
    try:
        found = con.execute(f"select {counts} from {table.sql}").fetchone()
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        raise AttributionError(f"{table.file}: cannot be read: {str(error).splitlines()[0]}") from None
    for check, wrong in zip(checks, found or (), strict=True):
        if wrong:
            cell = quoted(table.columns[check.column][0])
            at, said = con.execute(
                f"select {table.row}, cast({cell} as varchar) from {table.sql} where {check.wrong} order by 1 limit 1"
            ).fetchall()[0]
            more = f" (and {wrong - 1:,} more)" if wrong > 1 else ""
            raise AttributionError(
                f"{table.file}, {table.place(at)}, column {table.columns[check.column][0]}{more}: "
                f"{'is empty' if said is None else repr(said)}: {check.mend}"
            )
