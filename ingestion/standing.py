"""Records the lake holds as still standing: the newest committed row of each key that is neither archived nor merged.

Flow: `{lake}/{source}/{table}` → newest rows → ids, or tombstones for those the vendor no longer knows. For vendors
without a feed of deletions. Belongs here: reading the lake's own side. Does not: asking the vendor (`sources/`).
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterable
from typing import Any

import duckdb
import pyarrow as pa

from ingestion.identifiers import is_surrogate
from ingestion.lake import committed_loads, let_read, table_glob
from ingestion.registry import Table
from ingestion.settings import Settings


def newest_rows(settings: Settings, table: Table) -> pa.Table:
    """The newest committed row of each key of a record table."""
    order = ", ".join(filter(None, ("_dlt_load_id::double", table.updated_column)))
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        let_read(connection, settings)
        columns, key = ", ".join(column.name for column in table.columns), ", ".join(table.key)
        newest: pa.Table = connection.sql(
            f"""
            select {columns} from read_parquet($1, union_by_name = true)
            where {table.key[0]} is not null and _dlt_load_id in ({committed_loads(settings, table.source)})
            qualify row_number() over (partition by {key} order by row({order}) desc) = 1
            """,  # noqa: S608 - names of the registry
            params=[table_glob(settings, table)],
        ).to_arrow_table()
    return newest


class Standing:
    """The standing records of one table before a pull: the last column of its key is the vendor's id, `archived` and
    perhaps `merged_ids` say what stands.
    """

    def __init__(self, settings: Settings, table: Table) -> None:
        self._table, self._key = table, table.key[-1]
        self._newest = newest_rows(settings, table)
        merged = self._newest.column("merged_ids").to_pylist() if "merged_ids" in self._newest.column_names else []
        self._merged = {loser for losers in merged for loser in losers or ()}
        archived = self._newest.column("archived").to_pylist()
        keys = map(str, self._newest.column(self._key).to_pylist())
        # An erased person's surrogate is known to no vendor, and yet not gone.
        standing = {key for key, gone in zip(keys, archived, strict=True) if not gone and not is_surrogate(key)}
        self.ids = standing - self._merged

    def column(self, name: str) -> dict[str, Any]:
        """One column of the standing records, by their keys; nothing where the table has none of that name."""
        if name not in self._newest.column_names:
            return {}
        pairs = zip(*(self._newest.column(each).to_pylist() for each in (self._key, name)), strict=True)
        return {str(key): value for key, value in pairs if str(key) in self.ids}

    def gone(self, ids: Collection[str], at: dt.datetime) -> pa.Table:
        """Tombstones: the last known rows of these records, archived at `at`, in the table's declared schema."""
        wanted = [index for index, key in enumerate(self._newest.column(self._key).to_pylist()) if key in ids]
        rows = self._newest.take(pa.array(wanted, pa.int64())).cast(self._table.arrow_schema())
        moment = pa.array([at] * rows.num_rows, pa.timestamp("us", tz="UTC"))
        for name, values in (
            ("archived", pa.array([True] * rows.num_rows)),
            ("archived_at", moment),
            ("updated_at", moment),
        ):
            if name in rows.column_names:
                rows = rows.set_column(rows.column_names.index(name), rows.schema.field(name), values)
        return rows


class Departures:
    """Records deleted for good: their vendor tells of them nowhere, they are only missing.

    The vendor's number of standing records is compared with what the lake holds as standing after a pull. Where the two
    differ, the ids are listed, and what is in the lake but in no list any more gets a tombstone.
    """

    def __init__(self, standing: Standing, is_erased: Callable[[str], bool]) -> None:
        self._standing, self._is_erased = standing, is_erased
        self._ids: set[str | None] = {*standing.ids}

    def met(self, ids: Iterable[str | None]) -> None:
        """Standing records of this pull; erased people stand nowhere."""
        self._ids.update(id_ or None for id_ in ids if not id_ or not self._is_erased(id_))

    def left(self, ids: Iterable[str | None]) -> None:
        """Records archived or merged away: gone by another way."""
        self._ids.difference_update(ids)

    def tombstones(
        self, count: Callable[[], int], listed: Callable[[], Iterable[Collection[str]]], at: dt.datetime
    ) -> pa.Table | None:
        """What is gone, archived at `at`; None where the numbers agree. listed: pages of ids of all that stands."""
        # A record whose id was lost may be any of them: the gate raw is to see it, and nothing is taken for deleted.
        if None in self._ids or count() == len(self._ids):
            return None
        known = {id_ for id_ in self._ids if id_ in self._standing.ids}
        for page in listed():
            known.difference_update(page)
        return self._standing.gone({id_ for id_ in known if id_}, at) if known else None
