"""Two homes of one company compared cell by cell: every cell equal, or one of those that a file gives a reason for."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import yaml

from tests.kpi.built import Built

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


@contextmanager
def side_by_side(ours: Built, theirs: Built) -> Iterator[duckdb.DuckDBPyConnection]:
    """Both warehouses in one connection."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{ours.settings.warehouse_path}' as ours (read_only)")
        connection.execute(f"attach '{theirs.settings.warehouse_path}' as theirs (read_only)")
        yield connection


def unexplained(found: duckdb.DuckDBPyRelation, reasons: Sequence[dict[str, str]]) -> list[tuple[Any, ...]]:
    """The first differing cells that no reason is for."""
    without = " and ".join(f"not coalesce({each['where']}, false)" for each in reasons) or "true"
    return found.filter(without).limit(20).fetchall()


def unneeded(found: duckdb.DuckDBPyRelation, reasons: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Reasons that no differing cell needs."""
    return [each for each in reasons if found.filter(each["where"]).count("*").fetchall() == [(0,)]]
