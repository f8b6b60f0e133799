"""Great Expectations on DuckDB: the only place that knows what that takes.

Importing this module loads Great Expectations (seconds of CPU), so only `gate.run` imports it, once per run.

Two things stand between GX 1.24 and DuckDB, both measured on 2026-11-23. GX reads a result after it gave the
connection back, and duckdb-engine then has nothing left to read: `DuckDBExecutionEngine` reads the rows first. And GX
copies tables into temporary ones, which a read-only file refuses: switched off. Regex and quantile expectations do
not know the dialect; the suites say such things in SQL through `ExpectNoRows`.
"""

import os
from typing import Any, ClassVar, Literal

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # before the import: GX decides about telemetry while it loads

import duckdb
import great_expectations.expectations as gxe
import sqlalchemy as sa
from duckdb_engine import ConnectionWrapper
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.datasource.fluent import SQLDatasource
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import Expectation as GxExpectation
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.query_metric_provider import QueryMetricProvider
from great_expectations.validator.metric_configuration import MetricConfiguration
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData

from expectations.model import Expectation

SAMPLE_ROWS = 20  # unexpected rows kept per expectation
MAX_ROWS = 1_000  # rows any one query may bring into Python: a gate never pulls a table


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):
    """GX's SQL engine for DuckDB: a result is read before its connection goes back."""

    def execute_query(self, query: Any) -> Any:
        with self.engine.connect() as connection:
            result = connection.execute(query)
            columns, rows = list(result.keys()), result.fetchmany(MAX_ROWS + 1)
        if len(rows) > MAX_ROWS:
            raise RuntimeError(f"a gate's query returned more than {MAX_ROWS} rows: {str(query)[:500]}")
        return IteratorResult(SimpleResultMetaData(columns), iter(rows))


EngineClass = type[DuckDBExecutionEngine]  # named here: GX wants a field called `type` below


class _Shared(ConnectionWrapper):  # type: ignore[misc]
    """The gate's own connection: SQLAlchemy may hand it back and forth, but only the gate closes it."""

    def close(self) -> None:
        pass


class DuckDBDatasource(SQLDatasource):
    """A datasource on the open connection that `serve` names; GX knows it as `add_duckdb`."""

    type: Literal["duckdb"] = "duckdb"
    connection_string: str = "duckdb:///:memory:"
    _open: ClassVar[dict[str, sa.Engine]] = {}

    @classmethod
    def serve(cls, name: str, connection: duckdb.DuckDBPyConnection) -> None:
        """Let the datasource of that name speak through `connection`."""
        cls._open[name] = sa.create_engine(
            "duckdb:///:memory:", creator=lambda: _Shared(connection), poolclass=sa.StaticPool
        )

    @property
    def execution_engine_type(self) -> EngineClass:
        return DuckDBExecutionEngine

    def get_engine(self) -> sa.Engine:
        return self._open[self.name]

    def get_execution_engine(self) -> DuckDBExecutionEngine:
        if self._execution_engine is None:
            self._execution_engine = DuckDBExecutionEngine(engine=self.get_engine(), create_temp_table=False)
        return self._execution_engine


class UnexpectedRowsSample(QueryMetricProvider):  # type: ignore[misc]
    """The first unexpected rows of a query, asked for only when there are any."""

    metric_name = "unexpected_rows_query.sample"
    value_keys = ("unexpected_rows_query",)
    query_param_name = "unexpected_rows_query"

    @metric_value(engine=SqlAlchemyExecutionEngine)  # type: ignore[untyped-decorator]
    def _sqlalchemy(
        cls,  # noqa: N805  (GX binds metrics to the class)
        execution_engine: Any,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> list[dict[str, Any]]:
        if not metrics["unexpected_rows_query.row_count"]:
            return []
        batch, _, _ = execution_engine.get_compute_domain(metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE)
        query = cls._get_substituted_batch_subquery_from_query_and_batch_selectable(
            query=cls._get_query_from_metric_value_kwargs(metric_value_kwargs),
            batch_selectable=batch,
            execution_engine=execution_engine,
        )
        sample = sa.text(f"select * from ({query}) as unexpected limit {SAMPLE_ROWS}")  # noqa: S608
        return [dict(row) for row in execution_engine.execute_query(sample).mappings()]

    @classmethod
    def _get_evaluation_dependencies(cls, metric: MetricConfiguration, *_: Any, **__: Any) -> dict[str, Any]:
        count = "unexpected_rows_query.row_count"
        return {count: MetricConfiguration(count, metric.metric_domain_kwargs, metric.metric_value_kwargs)}


class ExpectNoRows(gxe.UnexpectedRowsExpectation):  # type: ignore[misc]
    """GX's expectation for own SQL, with a sample of the rows found in every result format."""

    metric_dependencies = ("unexpected_rows_query.row_count", UnexpectedRowsSample.metric_name)

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: Any = None,
    ) -> dict[str, Any]:
        count, sample = (metrics[name] for name in self.metric_dependencies)
        return {
            "success": count == 0,
            "result": {
                "observed_value": count,
                "unexpected_count": count,
                "details": {"unexpected_rows": sample},
            },
        }


def build(expectation: Expectation) -> GxExpectation:
    """The GX object of an expectation of the suites."""
    known = ExpectNoRows if expectation.kind == ExpectNoRows.__name__ else getattr(gxe, expectation.kind)
    return known(
        **expectation.arguments,
        severity=expectation.severity,
        meta={"name": expectation.name},
        notes=f"{expectation.reason} {expectation.mend}",
    )
