"""The lake as staging sees it, by code of its own: committed loads only, newest row per key, newest load per day."""

from functools import cache
from typing import Any

import duckdb

from ingestion import lake
from ingestion.registry import Table
from ingestion.settings import Settings

# When something was read is not what was read.
VOLATILE = {"_dlt_load_id", "read_at", "pulled_at"}


def committed(settings: Settings, source: str) -> list[str]:
    """Load ids that count, oldest first."""
    loads = _asked(
        f"select load_id from read_json('{lake.loads_glob(settings, source)}', format = 'newline_delimited',"
        " columns = {load_id: 'varchar', status: 'integer'}) where status = 0 order by load_id::double"
    )
    return [load["load_id"] for load in loads]


def rows(settings: Settings, table: Table) -> list[dict[str, Any]]:
    """Every committed row of a table, superseded ones too."""
    glob = lake.table_glob(settings, table)
    return _asked(
        f"select * from read_parquet('{glob}', union_by_name = true) where list_contains(?, _dlt_load_id)",
        committed(settings, table.source),
    )


def windows(settings: Settings, source: str, table: str) -> list[dict[str, Any]]:
    glob = f"{lake.source_url(settings, source)}/_windows/*.parquet"
    return _asked(
        f"select * from read_parquet('{glob}', union_by_name = true)"
        " where table_name = ? and list_contains(?, _dlt_load_id)",
        table,
        committed(settings, source),
    )


def latest(settings: Settings, table: Table) -> list[tuple[Any, ...]]:
    """What staging starts from, as sorted tuples without what differs from pull to pull."""
    kept = _latest_records(settings, table) if table.kind == "record" else _latest_windows(settings, table)
    names = [column.name for column in table.columns if column.name not in VOLATILE]
    return sorted((tuple(_plain(row[name]) for name in names) for row in kept), key=repr)


def _latest_records(settings: Settings, table: Table) -> list[dict[str, Any]]:
    newest: dict[tuple[Any, ...], tuple[Any, dict[str, Any]]] = {}
    for row in rows(settings, table):
        key = tuple(row[name] for name in table.key)
        updated = row[table.updated_column] if table.updated_column else None
        order = (float(row["_dlt_load_id"]), updated is not None, updated)
        if key not in newest or order > newest[key][0]:
            newest[key] = (order, row)
    return [row for _, row in newest.values()]


def _latest_windows(settings: Settings, table: Table) -> list[dict[str, Any]]:
    covering = windows(settings, table.source, table.name)
    owners: dict[Any, str] = {}
    kept = []
    for row in rows(settings, table):
        day = row[table.day_column or ""]
        if day not in owners:
            loads = [w["_dlt_load_id"] for w in covering if w["window_start"] <= day < w["window_end"]]
            owners[day] = max(loads, key=float)
        if row["_dlt_load_id"] == owners[day]:
            kept.append(row)
    return kept


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@cache
def _duckdb() -> duckdb.DuckDBPyConnection:
    """One for all questions: a DuckDB of its own costs more than the answer."""
    return duckdb.connect()


def _asked(query: str, *values: object) -> list[dict[str, Any]]:
    answer = _duckdb().cursor().execute(query, list(values))
    names = [column[0] for column in answer.description]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
