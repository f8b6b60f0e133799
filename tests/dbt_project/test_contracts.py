"""What a mart's contract says of its columns is what the warehouse enforces."""

from typing import Any

import duckdb
import pytest

from expectations import gate
from expectations.model import Suite
from orchestration import dbt
from serving import marts, parts
from serving.ledger import book
from tests.conftest import Home


@pytest.mark.slow
def test_a_column_that_is_never_null_cannot_be(built_home: Home) -> None:
    models = _marts(built_home)
    enforced = _enforced(
        built_home,
        "select table_name, column_name from duckdb_columns() where schema_name = 'marts' and not is_nullable",
    )
    assert _promised(models, "not_null") == enforced
    in_tables = {node["name"] for node in models if node["config"]["materialized"] != "view"}
    assert not {name for name in in_tables if not name.startswith("kpi_")} - {mart for mart, _ in enforced}


@pytest.mark.slow
def test_a_column_with_a_list_of_words_holds_no_other(built_home: Home) -> None:
    promised = _promised(_marts(built_home), "check")
    assert promised
    assert promised == _enforced(
        built_home,
        "select table_name, unnest(constraint_column_names) from duckdb_constraints()"
        " where schema_name = 'marts' and constraint_type = 'CHECK'",
    )


def _marts(home: Home) -> list[dict[str, Any]]:
    with home.active() as now:
        nodes = dbt.manifest(now)["nodes"].values()
    return [node for node in nodes if node["resource_type"] == "model" and node["schema"] == "marts"]


def _promised(models: list[dict[str, Any]], kind: str) -> set[tuple[str, str]]:
    """(mart, column) of every constraint of a kind."""
    return {
        (node["name"], name)
        for node in models
        for name, column in node["columns"].items()
        if any(each["type"] == kind for each in column["constraints"])
    }


def _enforced(home: Home, query: str) -> set[tuple[str, str]]:
    with duckdb.connect(str(home.path / "warehouse.duckdb"), read_only=True) as warehouse:
        return set(warehouse.sql(query).fetchall())


@pytest.mark.slow
def test_marts_are_cut_where_no_row_is_lost(built_home: Home) -> None:
    """By a column of dates that is never NULL, and into files whose `<table>*.parquet` finds no other mart's."""
    with built_home.active() as now, marts.opened(now.warehouse_path) as connection:
        said = marts.contents(connection)
        for name, cut in parts.CUTS.items():
            if name == book.TABLE:  # made by publication
                continue
            assert said[name].columns[cut.column] == "DATE"
            assert None not in said[name].parts, name
            rows = {
                label: connection.execute(
                    f"select count(*) from warehouse.marts.{name} where {cut.holds(label)}"
                ).fetchall()[0][0]
                for label in said[name].parts
            }
            assert rows == {label: count for label, (count, _) in said[name].parts.items()}
    names = sorted({*said, book.TABLE})
    assert not [(one, other) for one in names for other in names if one != other and other.startswith(one)]


@pytest.mark.slow
def test_the_key_of_a_mart_is_judged_once(built_home: Home) -> None:
    """By its gate, or by dbt where no gate does."""
    with built_home.active() as now:
        nodes = dbt.manifest(now)["nodes"]
        suites = [suite for name in ("unified", "marts") for suite in gate.suites(name, settings=now)]
    by_gate = {(suite.relation[1], key) for suite in suites for key in _unique(suite)}
    by_dbt = {
        (nodes[node["attached_node"]]["name"], frozenset(told.get("columns") or [told["column_name"]]))
        for node in nodes.values()
        # dbt keeps the tests of a model that is off, switched off too.
        if node["config"]["enabled"] and (node.get("test_metadata") or {}).get("name") == "primary_key"
        for told in [node["test_metadata"]["kwargs"]]
    }
    assert by_gate
    assert not by_gate & by_dbt
    marts_built = {node["name"] for node in _marts(built_home) if not node["name"].startswith(marts.PART_PREFIX)}
    assert marts_built <= {table for table, _ in by_gate | by_dbt}


def _unique(suite: Suite) -> set[frozenset[str]]:
    names = {each.name for each in suite.expectations}
    return {frozenset(suite.key)} if f"{'_'.join(suite.key)}_unique" in names else set()
