"""How far the lake holds a source's tables of days: where the windows of committed loads end.

Flow: `{lake}/{source}/_windows` → last day of each table → where a pull begins (`streams.Context`). Records need none
of it: their cursors lead on from the last load. Belongs here: reading that one file. Does not: whether days between
windows are missing, which the gate raw says.
"""

import datetime as dt
from collections.abc import Mapping

import duckdb

from ingestion.lake import committed_loads, let_read, table_glob
from ingestion.registry import Source, bookkeeping
from ingestion.settings import Settings


def ends(settings: Settings, source: Source) -> Mapping[str, dt.date]:
    """The day after the last one covered, of each table of days that was ever pulled."""
    tables = [table.name for table in source.window_tables]
    if not tables:
        return {}
    with duckdb.connect() as connection:
        let_read(connection, settings)
        found = connection.execute(
            f"""
            select table_name, max(window_end) from read_parquet($1, union_by_name = true)
            where list_contains($2, table_name) and _dlt_load_id in ({committed_loads(settings, source.name)})
            group by all
            """,  # noqa: S608 - our own folder
            [table_glob(settings, bookkeeping(source.name).windows), tables],
        ).fetchall()
    return dict(found)
