"""The marts of a home as a value that can be compared: every row of every table, processing timestamps aside."""

from __future__ import annotations

from pathlib import Path

import duckdb

PROCESSING_COLUMNS = {"refreshed_at"}


def contents(home: Path) -> dict[str, tuple[int, str]]:
    """Rows and an order-free fingerprint of each table of the schema `marts` of a home's warehouse."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        columns: dict[str, list[str]] = {}
        for table, column in warehouse.sql(
            "select table_name, column_name from information_schema.columns where table_schema = 'marts' order by all"
        ).fetchall():
            if column not in PROCESSING_COLUMNS:
                columns.setdefault(table, []).append(f'"{column}"')
        return {
            table: warehouse.sql(
                f"select count(*), cast(bit_xor(hash({', '.join(names)})) as varchar) || '-' || "
                f'cast(sum(hash({", ".join(names)})) as varchar) from marts."{table}"'
            ).fetchall()[0]
            for table, names in columns.items()
        }
