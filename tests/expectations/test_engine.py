"""Great Expectations on DuckDB: every kind of expectation the suites use, passing and failing, with its rows."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest

from expectations import gate, model
from expectations.model import Expectation
from tests.expectations.lake import settings_in

WORDS = {"reason": "Because.", "mend": "Mend it."}
TABLE = """
    create schema things;
    create table things.t as
    select range as id, case when range % 10 = 0 then null else range end as maybe, 'a' || range % 3 as word,
        (range - 5)::decimal(18, 2) as amount, timestamp '2026-01-01' + range * interval 1 day as first_at,
        timestamp '2026-01-02' + range * interval 1 day as last_at
    from range(100)
"""
# Per kind: an expectation that holds, one that fails, and how many rows it fails for.
KINDS: dict[str, tuple[Expectation, Expectation, int | None]] = {
    "not null": (model.not_null("id", **WORDS), model.not_null("maybe", **WORDS), 10),
    "known words": (
        model.one_of("word", {"a0", "a1", "a2"}, **WORDS),
        model.one_of("word", {"a0", "a1"}, **WORDS),
        33,
    ),
    "bounds": (
        model.between("amount", -5, 94, name="amount_in_range", **WORDS),
        model.between("amount", 0, name="amount_not_negative", **WORDS),
        5,
    ),
    "order": (
        model.ordered("first_at", "last_at", name="in_order", **WORDS),
        model.ordered("last_at", "first_at", name="in_order", **WORDS),
        100,
    ),
    "order, mostly": (
        model.ordered("amount", "maybe", name="in_order", mostly=0.9, **WORDS),
        model.ordered("maybe", "amount", name="in_order", mostly=0.1, **WORDS),
        90,
    ),
    "row count": (
        model.row_count("not_empty", 1, **WORDS),
        model.row_count("few", 1, 9, **WORDS),
        None,
    ),
    "unique": (model.unique(["id"], **WORDS), model.unique(["word"], **WORDS), 3),
    "unique, with nulls": (model.unique(["id", "maybe"], **WORDS), model.unique(["maybe"], **WORDS), 1),
    "own SQL": (
        model.no_rows("no_z", "select * from {batch} where word = 'z'", **WORDS),
        model.no_rows("no_a0", "select * from {batch} where word = 'a0'", **WORDS),
        34,
    ),
}  # fmt: skip


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute(TABLE)
        yield opened


def judge(connection: duckdb.DuckDBPyConnection, *expectations: Expectation) -> dict[str, dict[str, Any]]:
    from great_expectations.core.run_identifier import RunIdentifier

    from expectations import docs, engine

    suite = model.Suite("raw", "things.t", ("things", "t"), expectations, key=("id",))
    with TemporaryDirectory() as folder, engine.DuckDBDatasource.serving(connection):
        return engine.validate(docs.context(Path(folder)), [suite], RunIdentifier("test"))["things.t"][1]


@pytest.mark.parametrize(("holds", "fails", "count"), KINDS.values(), ids=list(KINDS))
def test_every_kind_passes_and_fails(
    connection: duckdb.DuckDBPyConnection, holds: Expectation, fails: Expectation, count: int | None
) -> None:
    assert judge(connection, holds)[holds.name]["success"]
    answer = judge(connection, fails)[fails.name]
    assert not answer["success"]
    result = answer["result"]
    if count is None:
        assert result["observed_value"] == 100
        return
    assert result.get("unexpected_count", result.get("observed_value")) == count
    rows = result.get("partial_unexpected_index_list") or result["details"]["unexpected_rows"]
    assert len(rows) == min(count, 20)
    assert "id" in rows[0] or fails.name.endswith("_unique")


def of_all_suites() -> list[tuple[str, Expectation]]:
    return [
        (suite.table, expectation)
        for name in gate.GATES
        for suite in gate.suites(name, settings=settings_in(Path("nowhere")))
        for expectation in suite.expectations
    ]


def test_the_suites_use_no_other_kind() -> None:
    tested = {expectation.kind for pair in KINDS.values() for expectation in pair[:2]}
    assert {expectation.kind for _, expectation in of_all_suites()} == tested


def test_every_query_names_the_batch() -> None:
    """GX prints a warning into the run's log where one does not."""
    queries = {
        (table, expectation.name): expectation.arguments.get("unexpected_rows_query", "{batch}")
        for table, expectation in of_all_suites()
    }
    assert [where for where, query in queries.items() if "{batch}" not in query] == []


def test_a_query_that_returns_a_table_is_refused(connection: duckdb.DuckDBPyConnection) -> None:
    import sqlalchemy as sa

    from expectations.engine import MAX_ROWS, DuckDBDatasource

    with DuckDBDatasource.serving(connection):
        engine = DuckDBDatasource(name="things").get_execution_engine()
        assert len(engine.execute_query(sa.text(f"select * from range({MAX_ROWS})")).fetchall()) == MAX_ROWS
        with pytest.raises(RuntimeError, match=f"more than {MAX_ROWS} rows"):
            engine.execute_query(sa.text(f"select * from range({MAX_ROWS + 1})"))


def test_an_error_in_sql_is_a_failure_that_says_why(connection: duckdb.DuckDBPyConnection) -> None:
    answers = judge(
        connection,
        model.no_rows("broken", "select nothing_like_it from {batch}", **WORDS),
        model.not_null("id", **WORDS),
    )
    assert not answers["broken"]["success"]
    assert "nothing_like_it" in str(answers["broken"]["exception_info"])
    assert answers["id_not_null"]["success"]


def test_the_connection_is_only_borrowed(connection: duckdb.DuckDBPyConnection) -> None:
    from expectations.engine import DuckDBDatasource

    judge(connection, model.not_null("id", **WORDS))
    assert connection.execute("select count(*) from things.t").fetchone() == (100,)
    with pytest.raises(RuntimeError, match="no connection is served"):
        DuckDBDatasource(name="things").get_engine()


def test_listing_the_checks_loads_no_great_expectations() -> None:
    """The orchestration lists every check at start; Great Expectations costs seconds and is for running only."""
    code = "import sys, expectations.gate; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
