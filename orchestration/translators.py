"""How the registry and the dbt manifest name things in Dagster: keys, groups, kinds, owners, descriptions, columns.

The asset graph mirrors the tree: a lake table is `source/table` in the group of its source, a dbt model
`schema/model` in the group of its folder (staging, intermediate, core, attribution, kpi), a release belongs to
`serving`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator

from ingestion.registry import LOAD_ID, Source, Table

WAREHOUSE_POOL = "warehouse"
SERVING_GROUP = "serving"
# Teams as Dagster shows them; a metric's own owner is a KPI's business, in `kpi_catalogue`.
DATA_TEAM = "team:data"
# Freshness and owners follow the layer, so a new model needs nothing here.
SEEDS_GROUP = "seeds"


def table_key(table: Table) -> dg.AssetKey:
    """The asset key of a lake table: the key dbt gives the source of that name, so that lineage stays whole."""
    return dg.AssetKey([table.source, table.name])


def table_spec(source: Source, table: Table, **overrides: Any) -> dg.AssetSpec:
    """A lake table as an asset, described by the registry alone."""
    return dg.AssetSpec(
        key=table_key(table),
        description=f"{table.description}\n\n{source.label}: {source.description}",
        group_name=source.name,
        kinds={"dlt", "parquet"},
        owners=[DATA_TEAM],
        tags={"kpilote/layer": "lake", "kpilote/kind": table.kind},
        metadata={
            "dagster/column_schema": table_schema(table),
            "key": ", ".join(table.key),
            **({"day_column": table.day_column} if table.day_column else {}),
        },
        **overrides,
    )


def table_schema(table: Table) -> dg.TableSchema:
    """The declared columns of a lake table."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type,
                description=column.description,
                constraints=dg.TableColumnConstraints(nullable=column.nullable),
                tags={"personal": "hashed"} if column.name in table.personal else {},
            )
            for column in (*table.columns, LOAD_ID)
        ]
    )


class ModelTranslator(DagsterDbtTranslator):
    """dbt models by the folder they stand in; everything else as dagster-dbt does it."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        if dbt_resource_props["resource_type"] == "seed":
            return SEEDS_GROUP
        if dbt_resource_props["resource_type"] == "source":
            return str(dbt_resource_props["source_name"])
        return model_group(dbt_resource_props)

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        return list(super().get_owners(dbt_resource_props) or [DATA_TEAM])

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The words of its YAML only: the SQL stands one click away and would drown them."""
        return str(dbt_resource_props.get("description") or dbt_resource_props["name"])


def model_group(node: Mapping[str, Any]) -> str:
    """Folder of a model: staging and intermediate as they are, marts by subfolder."""
    folders = [str(part) for part in node["fqn"][1:-1]]
    if not folders:
        return str(node["name"])
    return folders[1] if folders[0] == "marts" and len(folders) > 1 else folders[0]
