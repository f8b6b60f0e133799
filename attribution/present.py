"""What people's present tool credits, read for comparison: channel (campaign), conversions and value of a file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from attribution import checks, reading
from attribution.model import NO_CAMPAIGN, AttributionError, Unit


@dataclass(frozen=True)
class Told:
    conversions: float
    value: float | None


def read(file: Path, *, by_campaign: bool = False) -> dict[Unit, Told]:
    """A present tool's credits by channel, or by channel and campaign; raises AttributionError."""
    with duckdb.connect() as con:
        table = reading.open_file(con, file, ("credits",))
        checks.examine(con, table, checks.credits(table))
        if by_campaign and not table.has("campaign"):
            raise AttributionError(f"{file}: has no column campaign: add it, or leave out --by campaign")
        campaign = reading.label_sql(table, "campaign") if by_campaign else "null"
        value = reading.number_sql(table, "value", reading.PATH_MONEY) if table.has("value") else "null"
        rows = con.execute(
            f"select {reading.label_sql(table, 'channel')}, coalesce({campaign}, '{NO_CAMPAIGN}'), "
            f"sum({reading.number_sql(table, 'conversions', reading.PATH_MONEY)})::double, sum({value})::double "
            f"from {table.sql} group by all order by 3 desc, 1, 2"
        ).fetchall()
    return {Unit(channel, name): Told(conversions, amount) for channel, name, conversions, amount in rows}


def spelt(told: Mapping[Unit, Told], units: Sequence[Unit]) -> dict[Unit, Told]:
    """The credits by the names that units have: another letter case is the same name, where only one unit has it."""
    alike = defaultdict(list)
    for unit in units:
        alike[_folded(unit)].append(unit)
    found: dict[Unit, Told] = {}
    for unit, credit in told.items():
        same = alike[_folded(unit)]
        name = same[0] if len(same) == 1 else unit
        before = found.get(name, Told(0.0, None))
        amounts = [each.value for each in (before, credit) if each.value is not None]
        found[name] = Told(before.conversions + credit.conversions, sum(amounts) if amounts else None)
    return found


def _folded(unit: Unit) -> tuple[str, str]:
    return unit.channel.casefold(), unit.campaign.casefold()
