"""One company seen through three stacks of vendors says the same in every cell, but where a vendor cannot tell."""

from pathlib import Path

import duckdb
import pytest
import yaml

from sandbox.world.ledger import Ledger
from tests.kpi.built import Built, build
from tests.verify.__main__ import by_ledger

pytestmark = pytest.mark.slow

STACKS = {
    "salesforce": ("salesforce", "matomo", "brevo", "spreadsheets"),
    "pipedrive": ("pipedrive", "ga4", "klaviyo", "spreadsheets"),
}
UNEQUAL: dict[str, list[dict[str, str]]] = yaml.safe_load(
    Path(__file__).with_name("unequal_cells.yml").read_text(encoding="utf-8")
)
# What tells a cell of a table from others, and what says nothing of it.
CELLS = {
    "kpi_values": (("kpi", "cadence", "period_start", "dimension", "dimension_value"), {"refreshed_at"}),
    "attribution_channels": (
        ("model", "conversion_type", "cadence", "period_start", "channel", "campaign"),
        set[str](),
    ),
}


@pytest.fixture(scope="module", params=STACKS)
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Built]:
    """A stack's name and the company built from it."""
    return request.param, build(tmp_path_factory.mktemp(request.param), STACKS[request.param])


def differing(connection: duckdb.DuckDBPyConnection, table: str) -> duckdb.DuckDBPyRelation:
    """Cells of which `theirs` says something else than `ours`, or one of them nothing."""
    key, aside = CELLS[table]
    columns = connection.execute(
        "select column_name, data_type from duckdb_columns() where database_name = 'ours' and table_name = ?", [table]
    ).fetchall()
    tests = ["theirs.said is null or ours.said is null"]
    for name, kind in columns:
        if name not in {*key, *aside}:
            slack = f"greatest(1, abs(ours.{name})) * 1e-9"
            close = f"coalesce(abs(theirs.{name} - ours.{name}) <= {slack}, false)" if kind == "DOUBLE" else "false"
            tests.append(f"(theirs.{name} is distinct from ours.{name} and not {close})")
    sides = (f"(select true as said, * from {side}.marts.{table}) as {side}" for side in ("ours", "theirs"))
    names, joined = ", ".join(key), " full join ".join(sides)
    return connection.sql(
        f"select {names}, ours, theirs from {joined} using ({names}) where {' or '.join(tests)} order by all"
    )


@pytest.mark.parametrize("table", CELLS)
def test_every_cell_is_equal_or_has_a_reason(stack: tuple[str, Built], built: Built, table: str) -> None:
    name, other = stack
    reasons = [each for each in UNEQUAL[name] if each["table"] == table]
    with duckdb.connect() as connection:
        connection.execute(f"attach '{built.settings.warehouse_path}' as ours (read_only)")
        connection.execute(f"attach '{other.settings.warehouse_path}' as theirs (read_only)")
        found = differing(connection, table)
        without = " and ".join(f"not coalesce({each['where']}, false)" for each in reasons) or "true"
        assert found.filter(without).limit(20).fetchall() == []
        for each in reasons:
            assert found.filter(each["where"]).count("*").fetchall() != [(0,)], f"nothing needs: {each}"


def test_the_ledger_says_the_same_in_every_other_cell(stack: tuple[str, Built]) -> None:
    name, other = stack
    warehouse = other.warehouse()
    unequal = {each["kpi"] for each in UNEQUAL[name] if "kpi" in each}
    kpis = [kpi for kpi in warehouse.kpis().values() if kpi.name not in unequal]
    found = by_ledger(warehouse, kpis, Ledger(other.snapshot))
    warehouse.close()
    assert {each.kpi: each.differences.head(3).to_string() for each in found if not each.passed} == {}
