"""What a mart's contract says of its columns is what the warehouse enforces."""

import duckdb
import pytest

from orchestration import dbt
from tests.conftest import Home


@pytest.mark.slow
def test_a_column_that_is_never_null_cannot_be(built_home: Home) -> None:
    with built_home.active() as now:
        nodes = dbt.manifest(now)["nodes"].values()
        path = now.warehouse_path
    marts = [node for node in nodes if node["resource_type"] == "model" and node["schema"] == "marts"]
    promised = {
        (node["name"], name)
        for node in marts
        for name, column in node["columns"].items()
        if any(each["type"] == "not_null" for each in column["constraints"])
    }
    with duckdb.connect(str(path), read_only=True) as warehouse:
        enforced = warehouse.sql(
            "select table_name, column_name from duckdb_columns() where schema_name = 'marts' and not is_nullable"
        ).fetchall()
    assert promised == set(enforced)
    in_tables = {node["name"] for node in marts if node["config"]["materialized"] != "view"}
    assert not {name for name in in_tables if not name.startswith("kpi_")} - {mart for mart, _ in promised}
