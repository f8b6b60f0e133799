"""What a gate sees: an in-memory DuckDB with one relation per table, personal columns hashed once more unless UNMASKED.

Raw sees the lake as staging will: of a record table the newest committed load of each key, of a window table the days
as their newest load left them. Unlike staging it keeps what staging would quietly drop or choose from: keys that come
twice in that load, and rows of the newest load without a key. So bad rows stay visible on a rerun that brings nothing
new, and vanish when a newer load mends them. Unified and marts see the warehouse file, opened read-only.

Belongs here: where tables come from. Does not: what is expected of them. dbt's `latest_*` macros decide what is
reported; this module decides only what is looked at, and must never see less than they do.
"""

import functools
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

import duckdb

from ingestion.lake import committed_loads, lake_tables, let_read, quoted, table_glob
from ingestion.registry import SOURCES, Table, bookkeeping
from ingestion.settings import Settings

MEMORY = "1GB"  # of DuckDB; larger tables spill to disk
MASK = "#"  # first character of every hashed value shown
# A variable of the connection: true only while nothing but counts leaves it, because hashing costs more than judging.
UNMASKED = "unmasked"
SCHEMAS = ("intermediate", "marts")
# Identifiers that follow a person or hold the hash of an address, besides those the registry declares. A CRM's record
# number stays readable: it is what a person needs to mend the record.
PERSONAL = ("client_id", "ga_client_id", "session_key", "send_id", "event_id", "touch_id", "identifier")
# An address, not a campaign called "@work". Found here, never shown: only its column and the number of rows.
ADDRESS = r"[^\s@]@[^\s@]+\.[^\s@]"


@functools.cache
def personal_columns() -> frozenset[str]:
    """Names of columns that hold identifiers of people, whichever table they are in."""
    declared = {column for source in SOURCES.values() for table in source.tables.values() for column in table.personal}
    return frozenset({*declared, *PERSONAL})


@contextmanager
def lake(settings: Settings, of: Collection[str] | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables of the enabled sources (or only of some) as `<source>.<table>`, and the bookkeeping of committed loads
    of all of them, by which sources are compared.

    A table whose files cannot be read is left out; the gate reports it as unreadable.
    """
    connection = _connect(settings)
    try:
        let_read(connection, settings)
        for name in settings.sources:
            _see_source(connection, settings, name, with_tables=of is None or name in of)
        yield connection
    finally:
        connection.close()


@contextmanager
def warehouse(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables of the warehouse file as `<schema>.<table>`; the file is let go on leaving, as it has one writer."""
    connection = _connect(settings)
    try:
        if settings.warehouse_path.exists():
            connection.execute(f"attach {quoted(str(settings.warehouse_path))} as warehouse (read_only)")
            tables = connection.execute(
                "select schema_name, table_name from duckdb_columns()"
                " where database_name = 'warehouse' and list_contains($1, schema_name) group by all",
                [list(SCHEMAS)],
            ).fetchall()
            for schema in SCHEMAS:
                connection.execute(f"create schema {schema}")
            for schema, table in tables:
                relation = f'warehouse.{schema}."{table}"'
                columns = _show(connection, schema, table, relation)
                if schema == "marts":  # what leaves; the gate unified looks for no address
                    _count_addresses(connection, schema, table, relation, columns)
        yield connection
    finally:
        connection.close()


def _connect(settings: Settings) -> duckdb.DuckDBPyConnection:
    """An empty database in memory; what does not fit spills beside the results, and days are reporting days."""
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "memory_limit": MEMORY,
            "temp_directory": str(settings.docs_dir / "spill"),
        }
    )
    connection.execute("set TimeZone = $1", [settings.timezone])
    return connection


def relations(connection: duckdb.DuckDBPyConnection) -> set[tuple[str, str]]:
    """The (schema, name) of everything the gate can see."""
    rows = connection.execute(
        "select distinct schema_name, table_name from duckdb_columns() where database_name = 'memory'"
    )
    return set(rows.fetchall())


def _see_source(connection: duckdb.DuckDBPyConnection, settings: Settings, name: str, *, with_tables: bool) -> None:
    connection.execute(f"create schema {name}")
    connection.execute(f"create table {name}._loads as {committed_loads(settings, name)}")
    tables = [each for each in lake_tables(name) if not each.name.startswith("_")] if with_tables else []
    for table in (*bookkeeping(name), *tables):
        try:
            _see_table(connection, settings, table)
        except duckdb.Error:
            continue


def _see_table(connection: duckdb.DuckDBPyConnection, settings: Settings, table: Table) -> None:
    """Define `<source>.<table>`; a record table is copied (small, and ranked once), a window table stays a view."""
    source, name = table.source, table.name
    committed, seen = f'{source}."{name}_committed"', f'{source}."{name}_seen"'
    files = f"read_parquet({quoted(table_glob(settings, table))}, union_by_name = true)"
    rows = f"select * from {files} where _dlt_load_id in (select load_id from {source}._loads)"  # noqa: S608
    if name.startswith("_"):  # small, and asked by many expectations of every table
        connection.execute(f"create table {source}.{name} as {rows}")
        return
    connection.execute(f"create view {committed} as {rows}")
    if table.kind == "record":
        connection.execute(f"create table {seen} as {_newest_per_key(table, committed)}")
    else:
        owners = f'{source}."{name}_owners"'
        connection.execute(f"create table {owners} as {_day_owners(table, committed)}")
        connection.execute(
            f"create view {seen} as select rows.* from {committed} as rows"  # noqa: S608
            f" inner join {owners} as owners on rows.{table.day_column} is not distinct from owners.day"
            " and rows._dlt_load_id = owners.load_id"
        )
    columns = _show(connection, source, name, seen)
    _count_addresses(connection, source, name, seen, columns)


def _show(connection: duckdb.DuckDBPyConnection, schema: str, name: str, relation: str) -> dict[str, str]:
    """Define `<schema>.<name>` over a relation, personal columns hashed unless UNMASKED; returns name → type."""
    columns = {column: kind for column, kind, *_ in connection.execute(f"describe {relation}").fetchall()}
    hidden = sorted(personal_columns().intersection(columns))
    # Equal values stay equal and nulls stay null, so a key is judged alike with and without a mask.
    masks = ", ".join(f"{_masked(column, columns[column])} as {column}" for column in hidden)
    shown = f"* replace ({masks})" if hidden else "*"
    connection.execute(f'create view {schema}."{name}" as select {shown} from {relation}')  # noqa: S608
    return columns


def _masked(column: str, kind: str) -> str:
    """A personal column as it is shown; of a list each item."""
    value = "each" if kind.endswith("[]") else column
    shown = (
        f"if(coalesce(getvariable('{UNMASKED}'), false),"
        f" {value}::varchar, '{MASK}' || left(sha256({value}::varchar), 16))"
    )
    return f"list_transform({column}, lambda each: {shown})" if kind.endswith("[]") else shown


def _count_addresses(
    connection: duckdb.DuckDBPyConnection, schema: str, name: str, relation: str, columns: Mapping[str, str]
) -> None:
    """Define `<schema>.<name>_addresses`: for each text column, unhashed, the rows that hold an address."""
    texts = [column for column, kind in columns.items() if kind == "VARCHAR"]
    counts = ", ".join(f"count(*) filter (where regexp_matches(\"{text}\", '{ADDRESS}'))" for text in texts)
    names = ", ".join(f"'{text}'" for text in texts)
    # Looking for one character costs a tenth of the pattern, which is tried on the few rows that have it.
    hints = " or ".join(f"contains(\"{text}\", '@')" for text in texts) or "false"
    connection.execute(
        f'create view {schema}."{name}_addresses" as'  # noqa: S608
        f" select unnest([{names}]::varchar[]) as column_name, unnest([{counts}]::bigint[]) as rows from {relation}"
        f" where {hints}"
    )


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
    return f"(select max(_dlt_load_id::double) from {table.source}._windows where table_name = '{table.name}')"  # noqa: S608
