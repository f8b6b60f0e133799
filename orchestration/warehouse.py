"""What the warehouse says about its own tables after a dbt step: rows, columns, and where each column comes from.

Read-only, and only between two steps of the run that holds the warehouse. Judging what the numbers mean is the gates'
work.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg

from ingestion.registry import LOAD_ID, tables
from orchestration.lineage import column_lineage

if TYPE_CHECKING:
    from dagster_dbt import DagsterDbtTranslator

    from ingestion.settings import Settings


def existing(settings: Settings) -> set[str]:
    """Names of the tables and views the warehouse holds."""
    import duckdb

    if not settings.warehouse_path.exists():
        return set()
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        return {
            str(row[0]) for row in connection.execute("select distinct table_name from duckdb_columns()").fetchall()
        }


class ModelFacts:
    """Metadata of the models as the last step left them; everything is read once, when first asked."""

    def __init__(self, settings: Settings, manifest: Mapping[str, Any], translator: DagsterDbtTranslator) -> None:
        self._settings = settings
        self._manifest = manifest
        self._translator = translator

    def metadata(self, unique_id: str, *, with_columns: bool) -> dict[str, Any]:
        """Row count (tables only: counting a view would run it), columns and column lineage of one model."""
        node = self._manifest["nodes"][unique_id]
        name = f"{node['schema']}.{node['alias']}"
        metadata: dict[str, Any] = {"dagster/row_count": self._rows[name]} if name in self._rows else {}
        columns = self._columns.get(name)
        if not columns or not with_columns:
            return metadata
        metadata["dagster/column_schema"] = dg.TableSchema(
            [
                dg.TableColumn(column, type_, description=node["columns"].get(column, {}).get("description"))
                for column, type_ in columns.items()
            ]
        )
        lineage = self._lineage(node, columns)
        if lineage is not None:
            metadata["dagster/column_lineage"] = lineage
        return metadata

    @cached_property
    def _columns(self) -> dict[str, dict[str, str]]:
        query = "select schema_name, table_name, column_name, data_type from duckdb_columns() where not internal"
        found: dict[str, dict[str, str]] = {}
        for schema, table, column, type_ in self._query(query):
            found.setdefault(f"{schema}.{table}", {})[column] = type_
        return found

    @cached_property
    def _rows(self) -> dict[str, int]:
        names = self._query("select schema_name, table_name from duckdb_tables() where not internal")
        counts = [f'select \'{schema}.{table}\', count(*) from "{schema}"."{table}"' for schema, table in names]  # noqa: S608
        return dict(self._query(" union all ".join(counts))) if counts else {}

    def _lineage(self, node: Mapping[str, Any], columns: Mapping[str, str]) -> dg.TableColumnLineage | None:
        compiled = self._settings.dbt_target_dir / "compiled" / node["package_name"] / node["original_file_path"]
        if node["resource_type"] != "model" or node["language"] != "sql" or not compiled.exists():
            return None
        parents = {}
        known: dict[str, Mapping[str, str]] = {}
        for parent_id in node["depends_on"]["nodes"]:
            parent = self._manifest["sources"].get(parent_id) or self._manifest["nodes"][parent_id]
            is_source = parent["resource_type"] == "source"
            name = f"{parent['source_name']}.{parent['name']}" if is_source else f"{parent['schema']}.{parent['alias']}"
            parents[name] = self._translator.get_asset_spec(self._manifest, parent_id, None).key
            known[name] = self._lake.get(name, {}) if is_source else self._columns.get(name, {})
        found = column_lineage(
            compiled.read_text(),
            list(columns),
            known,
            self._manifest["metadata"]["adapter_type"],
            self._settings.dbt_target_dir / "lineage",
        )
        if not found:
            return None
        return dg.TableColumnLineage(
            {
                column: [dg.TableColumnDep(parents[table], name) for table, name in sources if table in parents]
                for column, sources in found.items()
            }
        )

    @cached_property
    def _lake(self) -> dict[str, dict[str, str]]:
        return {t.full_name: {c.name: c.type for c in (*t.columns, LOAD_ID)} for t in tables()}

    def _query(self, sql: str) -> list[tuple[Any, ...]]:
        import duckdb

        with duckdb.connect(str(self._settings.warehouse_path), read_only=True) as connection:
            return connection.execute(sql).fetchall()
