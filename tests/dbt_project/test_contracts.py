"""What a mart's contract says of its columns is what the warehouse enforces."""

from typing import Any

import duckdb
import pytest

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
