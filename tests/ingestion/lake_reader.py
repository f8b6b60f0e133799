"""The lake as staging sees it, by code of its own: committed loads only, newest row per key, newest load per day."""

from functools import cache
from typing import Any

import duckdb

from ingestion import lake
from ingestion.registry import Table
from ingestion.settings import Settings

# When something was read is not what was read.
VOLATILE = {"_dlt_load_id", "read_at", "pulled_at"}
# A DuckDB of its own per question would cost more than the answer.
_duckdb = cache(duckdb.connect)


def committed(settings: Settings, source: str) -> list[str]:
    """Load ids that count, oldest first."""
    loads = _duckdb().cursor().execute(
        f"select load_id from read_json('{lake.loads_glob(settings, source)}', format = 'newline_delimited',"
        " columns = {load_id: 'varchar', status: 'integer'}) where status = 0 order by load_id::double"
    )
    return [load for (load,) in loads.fetchall()]


def rows(settings: Settings, table: Table) -> list[dict[str, Any]]:
    """Every committed row of a table, superseded ones too."""
    glob = lake.table_glob(settings, table)
    query = _duckdb().cursor().execute(
        f"select * from read_parquet('{glob}', union_by_name = true) where list_contains(?, _dlt_load_id)",
        [committed(settings, table.source)],
    )
    names = [column[0] for column in query.description]
    return [dict(zip(names, row, strict=True)) for row in query.fetchall()]


def windows(settings: Settings, source: str, table: str) -> list[dict[str, Any]]:
    glob = f"{lake.source_url(settings, source)}/_windows/*.parquet"
    query = _duckdb().cursor().execute(
        f"select * from read_parquet('{glob}', union_by_name = true)"
        " where table_name = ? and list_contains(?, _dlt_load_id)",
        [table, committed(settings, source)],
    )
    names = [column[0] for column in query.description]
    return [dict(zip(names, row, strict=True)) for row in query.fetchall()]


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
