"""Great Expectations on DuckDB: the only place that knows what that takes.

Importing this module loads Great Expectations (seconds of CPU), so only `gate.run` imports it, once per run.

Two things stand between GX 1.24 and DuckDB, both measured on 2026-11-23. GX reads a result after it gave the
connection back, and duckdb-engine then has nothing left to read: `DuckDBExecutionEngine` reads the rows first. And GX
copies tables into temporary ones, which a read-only file refuses: switched off. Regex and quantile expectations do
not know the dialect; the suites say such things in SQL through `ExpectNoRows`.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar, Literal

import duckdb
import great_expectations as gx
import great_expectations.expectations.core as gxe
import sqlalchemy as sa
from duckdb_engine import ConnectionWrapper
from great_expectations.compatibility.pydantic import PrivateAttr
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context.types.resource_identifiers import (
    ExpectationSuiteIdentifier,
    ValidationResultIdentifier,
)
from great_expectations.datasource.fluent.sql_datasource import SQLDatasource
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations import registry
from great_expectations.expectations.core.unexpected_rows_expectation import UnexpectedRowsExpectation
from great_expectations.expectations.expectation import Expectation as GxExpectation
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.query_metric_provider import QueryMetricProvider
from great_expectations.render.components import LegacyDiagnosticRendererType, RenderedTableContent
from great_expectations.render.renderer.renderer import renderer
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.v1_validator import Validator
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData

from expectations.model import Expectation, Suite
from expectations.results import SAMPLE_ROWS
from expectations.sight import UNMASKED

SERVED = "served"  # name of the one datasource of a run
MAX_ROWS = 1_000  # rows any one query may bring into Python: a gate never pulls a table


class _Inspector:
    """Names of a table's columns, all that GX asks of SQLAlchemy's inspector here; that one takes 0.1 s per table."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine, self.dialect = engine, engine.dialect

    def get_columns(self, table_name: str, schema: str | None = None) -> list[dict[str, Any]]:
        query = sa.text(
            "select column_name from duckdb_columns() where schema_name = :schema and table_name = :table"
            " order by column_index"
        )
        with self.engine.connect() as connection:
            names = connection.execute(query, {"schema": schema, "table": table_name}).scalars().all()
        return [{"name": name, "type": sa.types.NullType()} for name in names]

    def get_pk_constraint(self, table_name: str, schema: str | None = None) -> dict[str, Any]:
        return {"constrained_columns": []}


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):
    """GX's SQL engine for DuckDB: a result is read before its connection goes back.

    sample_rows: unexpected rows that expectations may show. With none, only counts leave the engine, so the tables need
    no mask (`sight.UNMASKED`).
    """

    sample_rows = SAMPLE_ROWS

    @contextmanager
    def showing(self, rows: int) -> Iterator[None]:
        """Let expectations show so many unexpected rows inside the block."""
        self._show(rows)
        try:
            yield
        finally:
            self._show(SAMPLE_ROWS)

    def _show(self, rows: int) -> None:
        self.sample_rows = rows
        with self.engine.connect() as connection:
            connection.execute(sa.text(f"set variable {UNMASKED} = {rows == 0}"))

    def get_inspector(self) -> _Inspector:
        return _Inspector(self.engine)

    def execute_query(self, query: Any) -> Any:
        with self.engine.connect() as connection:
            result = connection.execute(query)
            columns, rows = list(result.keys()), result.fetchmany(MAX_ROWS + 1)
        if len(rows) > MAX_ROWS:
            raise RuntimeError(f"a gate's query returned more than {MAX_ROWS} rows: {str(query)[:500]}")
        return IteratorResult(SimpleResultMetaData(columns), iter(rows))


EngineClass = type[DuckDBExecutionEngine]  # named here: GX wants a field called `type` below


class _Shared(ConnectionWrapper):
    """The gate's own connection: SQLAlchemy may hand it back and forth, but only the gate closes it. Only read through,
    so the transaction that SQLAlchemy wants around each statement is none.
    """

    def close(self) -> None:
        pass

    begin = commit = rollback = close


class DuckDBDatasource(SQLDatasource):
    """A datasource on the open connection given to `serving`; GX knows it as `add_duckdb`."""

    type: Literal["duckdb"] = "duckdb"  # type: ignore[assignment]  # as GX's own datasources do
    connection_string: str = "duckdb:///:memory:"
    _served: ClassVar[sa.Engine | None] = None

    @classmethod
    @contextmanager
    def serving(cls, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Let datasources of this class speak through `connection` inside the block, and forget it afterwards."""
        lent = [connection]
        cls._served = sa.create_engine("duckdb:///:memory:", creator=lambda: _Shared(lent[0]), poolclass=sa.StaticPool)
        try:
            yield
        finally:
            # GX keeps its last context for good; nothing of the connection may live on in it.
            lent.clear()
            cls._served.dispose()
            cls._served = None

    @property
    def execution_engine_type(self) -> EngineClass:
        return DuckDBExecutionEngine

    def get_engine(self) -> sa.Engine:
        if self._served is None:
            raise RuntimeError("no connection is served: use DuckDBDatasource.serving")
        return self._served

    def get_execution_engine(self) -> DuckDBExecutionEngine:
        if self._execution_engine is None:
            self._execution_engine = DuckDBExecutionEngine(engine=self.get_engine(), create_temp_table=False)
        return self._execution_engine


class UnexpectedRowsSample(QueryMetricProvider):
    """The first unexpected rows of a query, asked for only when there are any."""

    metric_name = "unexpected_rows_query.sample"
    value_keys = ("unexpected_rows_query",)
    query_param_name = "unexpected_rows_query"

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(
        cls,  # noqa: N805  (GX binds metrics to the class)
        execution_engine: Any,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> list[dict[str, Any]]:
        if not metrics["unexpected_rows_query.row_count"] or not execution_engine.sample_rows:
            return []
        batch, _, _ = execution_engine.get_compute_domain(metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE)
        query = cls._get_substituted_batch_subquery_from_query_and_batch_selectable(
            query=cls._get_query_from_metric_value_kwargs(metric_value_kwargs),
            batch_selectable=batch,
            execution_engine=execution_engine,
        )
        sample = sa.text(f"select * from ({query}) as unexpected limit {execution_engine.sample_rows}")  # noqa: S608
        return [dict(row) for row in execution_engine.execute_query(sample).mappings()]

    @classmethod
    def _get_evaluation_dependencies(cls, metric: MetricConfiguration, *_: Any, **__: Any) -> dict[str, Any]:
        count = "unexpected_rows_query.row_count"
        return {count: MetricConfiguration(count, metric.metric_domain_kwargs, metric.metric_value_kwargs)}


class ExpectNoRows(UnexpectedRowsExpectation):
    """GX's expectation for own SQL, with a sample of the rows found in every result format."""

    metric_dependencies = ("unexpected_rows_query.row_count", UnexpectedRowsSample.metric_name)

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: Any = None,
    ) -> dict[str, Any]:
        count, sample = (metrics[name] for name in self.metric_dependencies)
        return {"success": count == 0, "result": {"observed_value": count, "details": {"unexpected_rows": sample}}}

    @classmethod
    @renderer(renderer_type=LegacyDiagnosticRendererType.UNEXPECTED_TABLE)
    def _diagnostic_unexpected_table_renderer(
        cls, configuration: Any = None, result: Any = None, runtime_configuration: Any = None
    ) -> Any:
        """The sample as a table of the page; GX's own expectation shows the count only."""
        rows = ((result and result.result) or {}).get("details", {}).get("unexpected_rows")
        if not rows:
            return None
        cells = [["null" if value is None else str(value) for value in row.values()] for row in rows]
        return [RenderedTableContent(content_block_type="table", header_row=list(rows[0]), table=cells)]


@cache
def _kind(name: str) -> Any:
    """The GX class of that name, remembering its configuration: GX asks some thirty times for it while it judges, and
    makes it anew each time.
    """
    known: Any = ExpectNoRows if name == ExpectNoRows.__name__ else getattr(gxe, name)

    def configuration(self: Any) -> Any:
        if self._configuration is None:
            self._configuration = known.configuration.fget(self)
        return self._configuration

    registry.logger.setLevel(logging.ERROR)  # it warns of a class that takes the name of another
    remembered = {"_configuration": PrivateAttr(None), "configuration": property(configuration)}
    return type(name, (known,), {"__module__": __name__, **remembered})


def build(expectation: Expectation) -> GxExpectation:
    """The GX object of an expectation of the suites."""
    built: GxExpectation = _kind(expectation.kind)(
        **expectation.arguments,
        severity=expectation.severity,
        meta={"name": expectation.name},
        description=f"{expectation.name} ({expectation.severity}): {expectation.reason} {expectation.mend}",
    )
    return built


def validate(
    gx_context: Any, suites: Sequence[Suite], run_id: RunIdentifier
) -> dict[str, tuple[ValidationResultIdentifier, dict[str, dict[str, Any]]]]:
    """Judge each suite's table inside `DuckDBDatasource.serving`; answers by table, then expectation name."""
    datasource = gx_context.data_sources.add_duckdb(name=SERVED)
    answers = {}
    for suite in suites:
        schema, name = suite.relation
        asset = datasource.add_table_asset(suite.table, table_name=name, schema_name=schema)
        batch = asset.add_batch_definition_whole_table("all")
        result = _judge(datasource, batch, suite, suite.expectations)
        # Unexpected rows cost queries per expectation, and hashed columns: they are asked for only where one failed.
        found = _by_name(result)
        if failed := [each for each in suite.expectations if not found[each.name].success]:
            found |= _by_name(_judge(datasource, batch, suite, failed, SAMPLE_ROWS))
            result.results = list(found.values())
        result.meta |= {"run_id": run_id, "validation_time": run_id.run_time, "batch_parameters": None}
        page = ValidationResultIdentifier(ExpectationSuiteIdentifier(result.suite_name), run_id, result.batch_id)
        told = result.to_json_dict()  # type: ignore[no-untyped-call]
        gx_context.validation_results_store.set(page, told)
        answers[suite.table] = page, {each["expectation_config"]["meta"]["name"]: each for each in told["results"]}
    return answers


def _judge(
    datasource: DuckDBDatasource,
    batch: BatchDefinition[Any],
    suite: Suite,
    expectations: Sequence[Expectation],
    rows: int = 0,
) -> ExpectationSuiteValidationResult:
    """What GX says of some expectations of a suite, each failed one with so many unexpected rows."""
    with datasource.get_execution_engine().showing(rows):
        return Validator(
            batch_definition=batch,
            result_format={
                "result_format": "SUMMARY" if rows else "BASIC",
                "partial_unexpected_count": rows,
                "unexpected_index_column_names": list(suite.key),
            },
        ).validate_expectation_suite(
            gx.ExpectationSuite(
                name=f"{suite.gate}.{suite.table.replace('.', '__')}",
                expectations=[build(each) for each in expectations],
            )
        )


def _by_name(result: ExpectationSuiteValidationResult) -> dict[str, ExpectationValidationResult]:
    # Every result here has its configuration.
    return {str(each.expectation_config.meta["name"]): each for each in result.results}  # type: ignore[union-attr]
