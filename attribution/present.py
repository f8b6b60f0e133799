"""What people's present tool credits, read for comparison: channel (campaign), conversions and value of a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from attribution import reading
from attribution.model import NO_CAMPAIGN, Unit


@dataclass(frozen=True)
class Told:
    conversions: float
    value: float | None


def read(file: Path) -> dict[Unit, Told]:
    """A present tool's credits by channel and, where the file names them, campaign; raises AttributionError."""
    with duckdb.connect() as con:
        table = reading.open_file(con, file, ("credits",))
        reading.examine(con, table, reading.credit_checks(table))
        campaign = reading.label_sql(table, "campaign") if table.has("campaign") else "null"
        value = reading.number_sql(table, "value", reading.PATH_MONEY) if table.has("value") else "null"
        rows = con.execute(
            f"select {reading.label_sql(table, 'channel')}, coalesce({campaign}, '{NO_CAMPAIGN}'), "
            f"sum({reading.number_sql(table, 'conversions', reading.PATH_MONEY)})::double, sum({value})::double "
            f"from {table.sql} group by all order by 3 desc, 1, 2"
        ).fetchall()
    return {Unit(channel, name): Told(conversions, amount) for channel, name, conversions, amount in rows}
