"""What a gate sees: an in-memory DuckDB with one relation per table, personal columns hashed once more.

Raw sees the lake as staging will: of a record table the newest committed load of each key, of a window table the days
as their newest load left them. Unlike staging it keeps what staging would quietly drop or choose from: keys that come
twice in that load, and rows of the newest load without a key. So bad rows stay visible on a rerun that brings nothing
new, and vanish when a newer load mends them. Unified and marts see the warehouse file, opened read-only.

Belongs here: where tables come from. Does not: what is expected of them. dbt's `latest_*` macros decide what is
reported; this module decides only what is looked at, and must never see less than they do.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import fsspec

from ingestion.lake import lake_tables, loads_glob, table_glob
from ingestion.registry import SOURCES, Table, bookkeeping
from ingestion.settings import Settings

MASK = "#"  # first character of every hashed value shown
SCHEMAS = ("intermediate", "marts")
# Identifiers of people that the warehouse derives; those of the lake are declared in the registry.
DERIVED_PERSONAL = ("person_id", "subscriber_id")


def personal_columns() -> frozenset[str]:
    """Columns of the warehouse that hold identifiers of people, under any table."""
    declared = {column for source in SOURCES.values() for table in source.tables.values() for column in table.personal}
    return frozenset({*declared, *DERIVED_PERSONAL})


@contextmanager
def lake(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables of the enabled sources as `<source>.<table>`, with `_windows` and `_quarantine` of committed loads.

    A table whose files cannot be read is left out; the gate reports it as unreadable.
    """
    connection = duckdb.connect()
    try:
        if "://" in settings.lake_url:
            connection.register_filesystem(fsspec.filesystem(settings.lake_url.partition("://")[0]))
        for name in settings.sources:
            _see_source(connection, settings, name)
        yield connection
    finally:
        connection.close()


@contextmanager
def warehouse(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables of the warehouse file as `<schema>.<table>`; the file is let go on leaving, as it has one writer."""
    connection = duckdb.connect()
    try:
        if path.exists():
            connection.execute(f"attach '{_quoted(path)}' as warehouse (read_only)")
            columns = connection.execute(
                "select schema_name, table_name, list(column_name) from duckdb_columns()"
                " where database_name = 'warehouse' and list_contains($1, schema_name) group by all",
                [list(SCHEMAS)],
            ).fetchall()
            hidden = personal_columns()
            for schema in SCHEMAS:
                connection.execute(f"create schema {schema}")
            for schema, table, names in columns:
                masked = _masked(sorted(hidden.intersection(names)))
                connection.execute(
                    f'create view {schema}."{table}" as select {masked} from warehouse.{schema}."{table}"'  # noqa: S608
                )
        yield connection
    finally:
        connection.close()


def relations(connection: duckdb.DuckDBPyConnection) -> set[tuple[str, str]]:
    """The (schema, name) of everything the gate can see."""
    rows = connection.execute(
        "select distinct schema_name, table_name from duckdb_columns() where database_name = 'memory'"
    )
    return set(rows.fetchall())


def _see_source(connection: duckdb.DuckDBPyConnection, settings: Settings, name: str) -> None:
    connection.execute(f"create schema {name}")
    # dlt writes a load's record last, under a file name that ends in the load id.
    connection.execute(
        f"create table {name}._loads as select distinct regexp_extract(file, '__([0-9.]+)\\.jsonl$', 1) as load_id"  # noqa: S608
        f" from glob('{_quoted(loads_glob(settings, name))}') where load_id <> ''"
    )
    for table in (*bookkeeping(name), *(each for each in lake_tables(name) if not each.name.startswith("_"))):
        try:
            _see_table(connection, settings, table)
        except duckdb.Error:
            connection.execute(f'drop view if exists {name}."{table.name}_committed"')


def _see_table(connection: duckdb.DuckDBPyConnection, settings: Settings, table: Table) -> None:
    """Define `<source>.<table>`; a record table is copied (small, and ranked once), a window table stays a view."""
    source, name = table.source, table.name
    committed = f'{source}."{name}_committed"'
    files = f"read_parquet('{_quoted(table_glob(settings, table))}', union_by_name = true)"
    connection.execute(
        f"create view {committed} as select {_masked(table.personal)} from {files}"  # noqa: S608
        f" where _dlt_load_id in (select load_id from {source}._loads)"
    )
    if name.startswith("_"):
        definition = f"view {source}.{name} as select * from {committed}"
    elif table.kind == "record":
        definition = f"table {source}.{name} as {_newest_per_key(table, committed)}"
    else:
        owners = f'{source}."{name}_owners"'
        connection.execute(f"create table {owners} as {_day_owners(table, committed)}")
        definition = (
            f"view {source}.{name} as select rows.* from {committed} as rows"  # noqa: S608
            f" inner join {owners} as owners on rows.{table.day_column} is not distinct from owners.day"
            " and rows._dlt_load_id = owners.load_id"
        )
    connection.execute(f"create {definition}")


def _newest_per_key(table: Table, committed: str) -> str:
    """Every row of the newest load of its key, and of the table's newest load the rows without a key."""
    has_key = " and ".join(f"{column} is not null" for column in table.key)
    return f"""
        select * from {committed} where {has_key}
        qualify _dlt_load_id::double = max(_dlt_load_id::double) over (partition by {", ".join(table.key)})
        union all by name
        select * from {committed} where not ({has_key}) and _dlt_load_id::double = {_newest_load(table)}
    """  # noqa: S608


def _day_owners(table: Table, committed: str) -> str:
    """The load that speaks for each day: the newest whose window covers it; rows without a day: the newest load."""
    day = table.day_column
    return f"""
        with pulled as (select distinct {day} as day, _dlt_load_id as load_id from {committed}),
        newest as (
            select pulled.day, max(windows._dlt_load_id::double) as load_order
            from (select distinct day from pulled where day is not null) as pulled
            inner join {table.source}._windows as windows
                on pulled.day >= windows.window_start and pulled.day < windows.window_end
            where windows.table_name = '{table.name}'
            group by all
            union all
            select null, {_newest_load(table)}
        )
        select pulled.day, pulled.load_id from pulled
        inner join newest on pulled.day is not distinct from newest.day and pulled.load_id::double = newest.load_order
    """  # noqa: S608


def _newest_load(table: Table) -> str:
    return (
        f"(select max(_dlt_load_id::double) from {table.source}._windows where table_name = '{table.name}')"  # noqa: S608
    )


def _masked(personal: Iterable[str]) -> str:
    """All columns, the personal ones as a short hash: equal values stay equal, nulls stay null."""
    replaced = ", ".join(f"'{MASK}' || left(sha256({column}::varchar), 16) as {column}" for column in personal)
    return f"* replace ({replaced})" if replaced else "*"


def _quoted(text: str | Path) -> str:
    return str(text).replace("'", "''")
