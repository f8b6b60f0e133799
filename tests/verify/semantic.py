"""MetricFlow as the second engine: semantic manifest in, one SQL statement per batch of metrics out.

The engine is the one behind `mf query`; it is used in process because a process per query would take an hour. It shares
the YAML with the compiler in dbt_project/macros/kpi and no line of code. Group-by items are the entities channel,
campaign, country… that facts have in common, so a ratio over two facts groups by them too.
"""

import datetime as dt
from collections.abc import Iterator

import duckdb
import pandas as pd
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

from tests.verify.compare import KEY
from tests.verify.warehouse import CADENCES, Kpi, Warehouse

METRICS_PER_QUERY = 8


class PlanOnlyClient:
    """What the engine asks of a database client when it only plans: the dialect."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()


class SemanticLayer:
    """Queries of KPIs through MetricFlow."""

    def __init__(self, warehouse: Warehouse) -> None:
        manifest = parse_manifest_from_dbt_generated_manifest(warehouse.semantic_manifest)
        self.engine = MetricFlowEngine(SemanticManifestLookup(manifest), PlanOnlyClient())
        self.connection: duckdb.DuckDBPyConnection = warehouse.connection
        self.data_through: dt.date = warehouse.data_through()
        self.first_period: dict[str, dt.date] = warehouse.first_periods()
        self.cadence_filters = _cadence_filters(warehouse)

    def sql(self, metrics: list[str], cadence: str, dimension: str, cadence_filter: str | None = None) -> str:
        """The statement MetricFlow plans for some metrics by period and dimension, within the covered periods."""
        day = "{{ TimeDimension('metric_time', 'day') }}"
        where = [f"{day} between '{self.first_period[cadence]}' and '{self.data_through}'"]
        if cadence_filter:
            where.append(f"{{{{ Dimension('{cadence_filter}') }}}} = '{cadence}'")
        request = MetricFlowQueryRequest.create(
            metric_names=metrics,
            group_by_names=[f"metric_time__{cadence}", *([] if dimension == "total" else [dimension])],
            where_constraints=where,
        )
        return self.engine.explain(request).sql_statement.sql

    def cells(self, kpis: list[Kpi]) -> Iterator[pd.DataFrame]:
        """Cells of the KPIs MetricFlow can express: columns KEY, value, numerator, denominator."""
        for cadence in CADENCES:
            for dimension in ("total", *sorted({name for kpi in kpis for name in kpi.dimensions})):
                due = [k for k in kpis if cadence in k.cadences and (dimension == "total" or dimension in k.dimensions)]
                for batch, cadence_filter in self._batches(due):
                    yield from self._query(batch, cadence, dimension, cadence_filter)

    def _batches(self, kpis: list[Kpi]) -> Iterator[tuple[list[Kpi], str | None]]:
        """A query has one filter for all its metrics, so KPIs of facts with rows per cadence go by themselves."""
        for cadence_filter in {self.cadence_filters.get(kpi.name) for kpi in kpis}:
            group = [kpi for kpi in kpis if self.cadence_filters.get(kpi.name) == cadence_filter]
            for start in range(0, len(group), METRICS_PER_QUERY):
                yield group[start : start + METRICS_PER_QUERY], cadence_filter

    def _query(
        self, kpis: list[Kpi], cadence: str, dimension: str, cadence_filter: str | None
    ) -> Iterator[pd.DataFrame]:
        names = {name: None for kpi in kpis for name in (kpi.name, kpi.numerator, kpi.denominator) if name}
        rows = self.connection.execute(self.sql(list(names), cadence, dimension, cadence_filter)).df()
        rows = rows[rows[f"metric_time__{cadence}"].notna()]  # a row without a date is in no period
        for kpi in kpis:
            frame = pd.DataFrame(
                {
                    "kpi": kpi.name,
                    "cadence": cadence,
                    "dimension": dimension,
                    "period_start": pd.to_datetime(rows[f"metric_time__{cadence}"]),
                    "dimension_value": "total" if dimension == "total" else rows[dimension],
                    "value": rows[kpi.name].astype(float),
                }
            )
            for part, name in (("numerator", kpi.numerator), ("denominator", kpi.denominator)):
                frame[part] = rows[name].astype(float) if name else None
            # A batch is joined over its metrics: a cell of another metric is no cell of this one.
            known = frame[["value", "numerator", "denominator"]].notna().any(axis=1)
            yield frame.loc[known, [*KEY, "value", "numerator", "denominator"]]


def _cadence_filters(warehouse: Warehouse) -> dict[str, str]:
    """{metric: dimension} for metrics of facts with one row per cadence (the semantic model's `cadence_column`)."""
    facts = {}
    for model in warehouse.manifest["semantic_models"]:
        column = ((model.get("config") or {}).get("meta") or {}).get("cadence_column")
        if column:
            entity = model.get("primary_entity") or next(e["name"] for e in model["entities"] if e["type"] == "primary")
            facts[model["name"]] = f"{entity}__{column}"
    filters: dict[str, str] = {}
    metrics = {metric["name"]: metric["type_params"] for metric in warehouse.manifest["metrics"]}
    for name, parts in metrics.items():
        inputs = [name, *(parts[key]["name"] for key in ("numerator", "denominator") if parts.get(key))]
        for part in inputs:
            fact = (metrics[part].get("metric_aggregation_params") or {}).get("semantic_model")
            if fact in facts:
                filters[name] = facts[fact]
    return filters
