"""A warehouse of its own for dbt tests: loads written into a lake by hand, dbt run on it, tables read back.

Flow: rows → lake Parquet as a load writes it (rows, `_windows`, and the `_dlt_loads` record last) → dbt → DuckDB.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from dbt.contracts.graph.manifest import Manifest

from ingestion import lake, registry
from ingestion.settings import DEFAULT_SOURCES, Settings
from orchestration import dbt

Window = tuple[dt.date, dt.date]


def changeable(settings: Settings) -> Manifest:
    """The parsed project to change. Without disabled models: dbt 1.12 cannot copy a manifest that has some."""
    return replace(dbt.parsed(settings), disabled={}).deepcopy()


class Warehouse:
    """A lake with every table readable and a DuckDB file, both under `home`."""

    def __init__(self, home: Path, sources: Sequence[str] = DEFAULT_SOURCES) -> None:
        self.settings = Settings(
            home=home, lake_url=str(home / "lake"), start_date=dt.date(2026, 1, 1), sources=tuple(sources)
        )
        lake.prepare(self.settings)

    def load(
        self,
        load_id: str,
        source: str,
        rows: Mapping[str, Sequence[Mapping[str, Any]]],
        windows: Mapping[str, Sequence[Window]],
        *,
        committed: bool = True,
    ) -> None:
        """Append a load: rows by table (columns left out are null) and the windows it covers, by table."""
        pulled_at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        covered = [
            {"table_name": table, "window_start": start, "window_end": end, "pulled_at": pulled_at}
            for table, ranges in windows.items()
            for start, end in ranges
        ]
        for table in lake.lake_tables(source):
            self._write(load_id, table, covered if table.name == "_windows" else rows.get(table.name, ()))
        if committed:
            record = Path(lake.source_url(self.settings, source), lake.LOADS_TABLE, f"{source}__{load_id}.jsonl")
            record.write_text(f'{{"load_id": "{load_id}", "status": 0}}\n', encoding="utf-8")

    def _write(self, load_id: str, table: registry.Table, rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        data = {column.name: [row.get(column.name) for row in rows] for column in table.columns}
        content = pa.table({**data, "_dlt_load_id": [load_id] * len(rows)}, schema=self._schema(table))
        pq.write_table(content, Path(lake.source_url(self.settings, table.source), table.name, f"{load_id}.0.parquet"))

    @staticmethod
    def _schema(table: registry.Table) -> pa.Schema:
        return table.arrow_schema().append(pa.field("_dlt_load_id", pa.string()))

    def dbt(self, *arguments: str) -> None:
        """Run dbt on this warehouse; a failure shows what it said."""
        said = dbt.invoke(self.settings, [*arguments, "--log-level", "none"])
        assert said == [], said

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The result of a query."""
        with duckdb.connect(str(self.settings.warehouse_path), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def execute(self, statement: str) -> None:
        """Change the warehouse: to put rows into a model's table in place of what it would select."""
        with duckdb.connect(str(self.settings.warehouse_path)) as connection:
            connection.execute(statement)
