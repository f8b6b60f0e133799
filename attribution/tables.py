"""A file's rows → the tables and arrays that models work on, with the exact totals of what there is to credit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import duckdb
import numpy as np

from attribution import checks, reading
from attribution.model import DAY_MICROSECONDS, NO_CAMPAIGN, AttributionError, Settings, Unit
from attribution.packed import Paths, numbers, of_arrow
from attribution.reading import Table
from attribution.touches import Log

CENT = Decimal("0.01")
SEPARATORS = ("->", "=>", "→", "»", ">", "|", ";", ",")  # that exports have between channels
MILESTONES = ("lead_creating", "opportunity_creating")


@dataclass(frozen=True)
class Counted:
    """Paths that came counted: channels by number, and what of the totals has no touch."""

    channels: tuple[str, ...]
    paths: Paths
    conversions: int
    value: Decimal
    untouched: int
    untouched_value: Decimal
    notes: tuple[str, ...]


def counted(con: duckdb.DuckDBPyConnection, table: Table, settings: Settings) -> Counted:
    """The paths of a file of counted paths, each distinct sequence once."""
    checks.examine(con, table, checks.paths(table, settings.separator))
    value = reading.number_sql(table, "value", reading.PATH_MONEY) if table.has("value") else "0"
    nulls = reading.number_sql(table, "nulls", "bigint") if table.has("nulls") else "0"
    conversions = reading.number_sql(table, "conversions", "bigint")
    con.execute(
        f"""
        create or replace temp table counted as
        select
            {reading.path_sql(table, settings.separator)} as path,
            sum({conversions}) as conversions, sum(coalesce({value}, 0))::{reading.PATH_MONEY} as value,
            sum(coalesce({nulls}, 0)) as nulls
        from {table.sql} group by path
        """
    )
    # Cents are what is owed; what is left of the touched paths' value is theirs.
    whole, amount, bare, bare_amount = con.execute(
        "select coalesce(sum(conversions), 0)::hugeint, coalesce(sum(value), 0), "
        "coalesce(sum(conversions) filter (where len(path) = 0), 0)::hugeint, "
        "coalesce(sum(value) filter (where len(path) = 0), 0) from counted"
    ).fetchall()[0]
    rows = con.sql(
        "select path, conversions::double as conversions, value::double as value, nulls::double as nulls "
        "from counted where len(path) > 0 and conversions + nulls > 0 order by path"
    ).to_arrow_table()
    encoded = rows.column("path").combine_chunks().flatten().dictionary_encode()
    names = encoded.dictionary.to_pylist()
    order = sorted(range(len(names)), key=lambda at: names[at])
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    paths = of_arrow(rows, rank[numbers(encoded.indices, np.int32)], len(names))
    channels = tuple(names[at] for at in order)
    listed = table.columns["path"][1].endswith("[]")
    notes = (
        _no_milestones(MILESTONES, settings),
        None if listed else _other_separator(channels, paths, settings.separator),
    )
    owed = whole, amount.quantize(CENT), bare, bare_amount.quantize(CENT)
    return Counted(channels, paths, *owed, tuple(note for note in notes if note))


def _other_separator(channels: Sequence[str], paths: Paths, separator: str) -> str | None:
    """What paths seem to be cut at, where it is not what they were cut at."""
    cut = [(name, name[-1] + separator) for name in channels if len(name) > 1 and name[-1] + separator in SEPARATORS]
    if cut:
        return f"a channel is called '{cut[0][0]}': if paths are cut at '{cut[0][1]}', say --separator '{cut[0][1]}'"
    if paths.lengths.max(initial=0) != 1:
        return None
    for sign in SEPARATORS:
        name = next((name for name in channels if sign in name), None)
        if name is not None and sign != separator:
            return f"every path is one channel, like '{name}': if paths are cut at '{sign}', say --separator '{sign}'"
    return None


def log(
    con: duckdb.DuckDBPyConnection, table: Table, settings: Settings
) -> tuple[Log, tuple[Unit, ...], tuple[str, ...]]:
    """The tables of a log of touches, what is credited by number, and what to know of it."""
    checks.examine(con, table, checks.log(table))
    units = _units(con, table, settings)
    _conversions(con, table)
    ties = _touches(con, table, settings)
    person, channel, time = reading.person_sql(table), reading.label_sql(table, "channel"), reading.time_sql(table)
    marked = ", ".join(f"coalesce(bool_or({reading.flag_sql(table, name)}), false)" for name in MILESTONES)
    first, last, rows, lost, *has = con.execute(
        f"select min({time}), max({time}), count(*), "
        f"count(*) filter (where {person} is null and {channel} is not null), {marked} from {table.sql}"
    ).fetchall()[0]
    if not rows:
        raise AttributionError(f"{table.file}: there are no rows")
    found = Log(con, settings, max(1, len(units)), ties, first, last, rows)
    if not found.fits:
        raise AttributionError(
            f"{table.file}: its times lie {(last - first) // DAY_MICROSECONDS:,} days apart, too long for {ties:,} "
            f"touches at one instant and {len(units):,} channels: mend the times, or leave out touch_id"
        )
    notes = [_no_milestones([name for name, held in zip(MILESTONES, has, strict=True) if not held], settings)]
    notes += [f"{lost:,} touches name no person and lead nowhere"] if lost else []
    return found, units, tuple(note for note in notes if note)


def _campaign(table: Table, settings: Settings) -> str:
    named = settings.by_campaign and table.has("campaign")
    return f"coalesce({reading.label_sql(table, 'campaign')}, '{NO_CAMPAIGN}')" if named else f"'{NO_CAMPAIGN}'"


def _units(con: duckdb.DuckDBPyConnection, table: Table, settings: Settings) -> tuple[Unit, ...]:
    """Make `units`, numbered in the order of their names."""
    direct = ", ".join("lower('" + name.replace("'", "''") + "')" for name in settings.direct)
    con.execute(
        f"""
        create or replace temp table units as
        with named as (
            select {reading.label_sql(table, "channel")} as channel, {_campaign(table, settings)} as campaign
            from {table.sql} group by all
        )
        select
            cast(row_number() over (order by channel, campaign) - 1 as integer) as unit, channel, campaign,
            list_contains(cast([{direct}] as varchar[]), lower(channel)) as is_direct
        from named where channel is not null
        """
    )
    return tuple(Unit(*row) for row in con.execute("select channel, campaign from units order by unit").fetchall())


def _conversions(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Make `conversions`."""
    money = f"coalesce({reading.number_sql(table, 'value', reading.MONEY)}, 0)" if table.has("value") else "0"
    con.execute(
        f"""
        create or replace temp table conversions as
        select
            cast(row_number() over () as integer) as conversion,
            {reading.person_sql(table)} as person, {reading.time_sql(table)} as microseconds,
            cast(cast({money} as decimal(20, 2)) * 100 as bigint) as cents
        from {table.sql} where {reading.flag_sql(table, "converted")}
        """
    )


def _touches(con: duckdb.DuckDBPyConnection, table: Table, settings: Settings) -> int:
    """Make `touches`, and say how many of one person's at one instant their ids tell apart at most.

    Those of one id, or none, share a number: their order is that of their names.
    """
    person, channel, time = reading.person_sql(table), reading.label_sql(table, "channel"), reading.time_sql(table)
    tie = "0"
    if table.has("touch_id"):
        tie = f"dense_rank() over (partition by {person}, {time} order by {reading.order_sql(table, 'touch_id')}) - 1"
    source = f"""
        with named as (
            select
                {person} as person, {time} as microseconds, {tie} as tie,
                {channel} as channel, {_campaign(table, settings)} as campaign,
                {reading.flag_sql(table, "lead_creating")} as lead,
                {reading.flag_sql(table, "opportunity_creating")} as opportunity
            from {table.sql} where {person} is not null and {channel} is not null
        )
        select person, microseconds, tie, unit, is_direct, lead, opportunity
        from named inner join units using (channel, campaign)
    """
    if not table.has("touch_id"):
        con.execute(f"create or replace temp view touches as {source}")
        return 1
    con.execute(f"create or replace temp table touches as {source}")
    ties: int = con.execute("select coalesce(max(tie), 0) + 1 from touches").fetchall()[0][0]
    return ties


def _no_milestones(missing: Sequence[str], settings: Settings) -> str | None:
    """What models of milestones go without, where any of them is asked for."""
    asked = [name for name in ("w_shaped", "full_path") if name in settings.chosen]
    if not missing or not asked:
        return None
    return f"no touch is marked {' or '.join(missing)}: {' and '.join(asked)} without such milestones"
