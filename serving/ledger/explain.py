"""What is known about one KPI cell: what it says, what it said before and why it changed, and where it comes from.

Flow: current release (`kpi_values`, `kpi_ledger`, `kpi_inputs`, facts) and the lake's own list of loads → Explanation.
How it looks is `serving.report.explanation`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import PurePosixPath
from typing import Any

import duckdb

from ingestion.errors import KpiloteError
from ingestion.lake import LakePlace, committed_loads, let_read, source_url, table_glob
from ingestion.registry import SOURCES, Table, bookkeeping, table
from serving import marts
from serving.folder import Release
from serving.ledger.facts import Input, last_day_over
from serving.ledger.periods import Period


class ExplainError(KpiloteError):
    """A cell that does not exist; the message says which ones do."""


@dataclass(frozen=True)
class Said:
    """What a cell said: its value, and of a ratio what it was divided from."""

    value: float | None
    numerator: float | None
    denominator: float | None


@dataclass(frozen=True)
class Entry:
    """One publication that changed the cell."""

    release_id: str
    published_at: datetime
    cause: str
    was_final: bool
    old: Said
    new: Said


@dataclass(frozen=True)
class Rows:
    """The rows of a fact one input of the KPI counts in this cell."""

    input_name: str
    fact: str
    aggregation: str
    expression: str
    filter: str | None
    days: str
    rows: int


@dataclass(frozen=True)
class Files:
    """Files of one lake table the cell rests on: of the loads that speak for its days, or of all loads of records."""

    table: str
    loads: int
    files: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """Everything about one cell. `cell` and `catalogue` are the marts' own rows, empty where there is none any more."""

    kpi: str
    cell: dict[str, Any]
    catalogue: dict[str, Any]
    history: tuple[Entry, ...]
    inputs: tuple[Rows, ...]
    lake: tuple[Files, ...]


def explain(
    settings: LakePlace, release: Release, kpi: str, period: Period, dimension: str = "total", value: str = "total"
) -> Explanation:
    """Explain one cell of the release, or what the ledger knows of one of a KPI that was renamed or removed. Raises
    ExplainError when there is no such cell.
    """
    with release.connect() as connection:
        key = [kpi, period.cadence, period.start, dimension, value]
        catalogue = _one(connection, "select * from kpi_catalogue where kpi = ?", [kpi])
        if catalogue is None:
            past = tuple(_history(connection, key))
            if not past:
                raise ExplainError(_what_there_was(connection, kpi, period))
            return Explanation(kpi, {}, {}, past, (), ())
        cell = _one(
            connection,
            "select * from kpi_values where kpi = ? and cadence = ? and period_start = ? and dimension = ?"
            " and dimension_value = ?",
            key,
        )
        history = tuple(_history(connection, key))
        if cell is None and not history:
            raise ExplainError(_what_there_is(connection, catalogue, period, dimension))
        last_day = min(cell["period_end"], cell["data_through"]) if cell else period.start
        inputs = _inputs(connection, kpi)
        rows = tuple(_rows(connection, one, period, last_day, dimension, value) for one in inputs)
    tables = sorted({name for one in inputs for name in one.lake_tables.split(", ")})
    lake = tuple(_files(settings, table(name), period.start, last_day) for name in tables)
    return Explanation(kpi, cell or {}, catalogue, history, rows, lake)


def _one(connection: duckdb.DuckDBPyConnection, query: str, values: list[Any]) -> dict[str, Any] | None:
    found = connection.execute(query, values)
    names = [column[0] for column in found.description or ()]
    row = found.fetchone()
    return dict(zip(names, row, strict=True)) if row else None


def _what_there_is(
    connection: duckdb.DuckDBPyConnection, catalogue: dict[str, Any], period: Period, dimension: str
) -> str:
    name = catalogue["kpi"]
    bounds = connection.execute(
        "select min(period_start), max(period_start) from kpi_values where kpi = ? and cadence = ?",
        [name, period.cadence],
    ).fetchone()
    if not bounds or bounds[0] is None:
        return f"{name} is not computed per {period.cadence}: its cadences are {catalogue['cadences']}"
    if not bounds[0] <= period.start <= bounds[1]:
        return f"{name} has no {period.cadence} that starts on {period.start}: there are {bounds[0]} to {bounds[1]}"
    values = connection.execute(
        "select distinct dimension_value from kpi_values where kpi = ? and cadence = ? and period_start = ?"
        " and dimension = ? order by 1 limit 20",
        [name, period.cadence, period.start, dimension],
    ).fetchall()
    if values:
        return f"{name} has no such {dimension} in that {period.cadence}: there are {', '.join(v for (v,) in values)}"
    return f"{name} is not cut by {dimension}: its dimensions are {catalogue['dimensions'] or 'none'}"


def _what_there_was(connection: duckdb.DuckDBPyConnection, kpi: str, period: Period) -> str:
    """Of a KPI without a definition."""
    told = connection.execute(
        "select cadence, min(period_start), max(period_start) from kpi_ledger"
        " where kpi = $1 group by cadence order by cadence <> $2, cadence",
        [kpi, period.cadence],
    ).fetchone()
    if told is None:
        known = [name for (name,) in connection.execute("select kpi from kpi_catalogue order by 1").fetchall()]
        return f"there is no KPI {kpi!r}; there are {', '.join(known)}"
    cadence, first, last = told
    return f"{kpi} is defined no more, and the ledger knows no such cell of it: per {cadence}, {first} to {last}"


def _history(connection: duckdb.DuckDBPyConnection, key: list[Any]) -> Iterator[Entry]:
    rows = connection.execute(
        "select release_id, published_at, cause_parts, was_final, old_value, old_numerator, old_denominator, new_value,"
        " new_numerator, new_denominator from kpi_ledger where kpi = ? and cadence = ? and period_start = ?"
        " and dimension = ? and dimension_value = ? order by release_id",
        key,
    ).fetchall()
    for release_id, published_at, cause, was_final, *said in rows:
        yield Entry(release_id, published_at, cause, was_final, Said(*said[:3]), Said(*said[3:]))


@dataclass(frozen=True)
class _Origin(Input):
    aggregation: str = ""
    lake_tables: str = ""


def _inputs(connection: duckdb.DuckDBPyConnection, kpi: str) -> list[_Origin]:
    columns = ", ".join(_Origin.__dataclass_fields__)
    rows = connection.execute(
        f"select {columns} from kpi_inputs where kpi = ? order by input_name",  # noqa: S608 - our own names
        [kpi],
    ).fetchall()
    return [_Origin(*row) for row in rows]


def _rows(
    connection: duckdb.DuckDBPyConnection, one: _Origin, period: Period, last_day: date, dimension: str, value: str
) -> Rows:
    first, last = f"date '{period.start}'", f"date '{last_day}'"
    if one.window_start and one.window_end:
        first, last = last_day_over(one.window_start, last), last_day_over(one.window_end, last)
    elif one.is_snapshot:
        first = last
    where = [f"{one.day_column} between {first} and {last}"]
    where += [one.filter] if one.filter else []
    where += [f"({one.expression})"] if one.aggregation == "sum_boolean" else []
    where += [f"{one.cadence_column} = '{one.window_cadence or period.cadence}'"] if one.cadence_column else []
    values: list[str] = []
    if dimension != "total" and dimension in one.cut_by:
        where.append(f"{marts.identifier(dimension)} = ?")
        values.append(value)
    counted = connection.execute(
        f"select count(*), ({first})::date::varchar, ({last})::date::varchar from {one.fact}"  # noqa: S608 - compiled
        f" where {' and '.join(where)}",
        values,
    ).fetchone()
    assert counted is not None  # noqa: S101 - an aggregate has one row
    rows, since, until = counted
    days = since if since == until else f"{since} to {until}"
    return Rows(one.input_name, one.fact, one.aggregation, one.expression, one.filter, days, rows)


def _files(settings: LakePlace, each: Table, first: date, last: date) -> Files:
    """The loads of a table that speak for the days, newest first, and their files."""
    windows = bookkeeping(each.source)[0]
    committed = committed_loads(settings, each.source)
    by_day = each.kind == "window" and SOURCES[each.source].is_api
    covering = (
        "select arg_max(load, load::double) from days left join covered"
        " on day >= window_start and day < window_end group by day"
        if by_day
        else (
            "select load from covered" if each.kind == "record" else "select arg_max(load, load::double) from covered"
        )
    )
    with marts.memory() as connection:
        let_read(connection, settings)
        loads = connection.execute(
            f"""
            with covered as (
                select _dlt_load_id as load, window_start, window_end from read_parquet($1, union_by_name = true)
                where table_name = $2 and _dlt_load_id in ({committed})
            ),
            days as (select unnest(generate_series($3::date, $4::date, interval 1 day))::date as day)
            select distinct load from ({covering}) as owners (load) where load is not null order by load::double desc
            """,  # noqa: S608 - constants of this function
            [table_glob(settings, windows), each.name, first, last],
        ).fetchall()
        names = [load for (load,) in loads]
        held = connection.execute(
            "select distinct filename from read_parquet($1, union_by_name = true, filename = true)"
            " where list_contains($2, _dlt_load_id) order by 1 desc",
            [table_glob(settings, each), names],
        ).fetchall()
    folder = PurePosixPath(source_url(settings, each.source)).name
    files = tuple(f"{folder}/{each.name}/{PurePosixPath(file).name}" for (file,) in held)
    return Files(each.full_name, len(names), files)
