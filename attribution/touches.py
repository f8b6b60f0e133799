"""A log of touches, in DuckDB: windows, rule credits, packed paths. No path is sorted to find who was first or last.

Expects (made by `reading.py`) the tables
    units (unit, channel, campaign, is_direct)         numbered in the order of their names
    touches (person, microseconds, tie, unit, is_direct, lead, opportunity)
    conversions (conversion, person, microseconds, cents)
and makes
    path (conversion, key, unit, age, …)     touches within the window of each conversion
    ends (conversion, first_place, …)        who holds which role, by min and max
    decays (conversion, decays)              what the touches of a path weigh together in time_decay
    packed (path, conversions, cents, nulls) distinct sequences of units, also of journeys that converted nobody

A touch's `key` is one integer that sorts as (time, tie, unit, milestones): min, max and a sort of integers do the rest.
The row number behind it tells touches apart that are the same in everything, so that each role has one holder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attribution.model import DAY_MICROSECONDS, Settings
from attribution.packed import Ints, Paths, lists, of_arrow, to_arrow
from attribution.rules import credit_sql

MILESTONES = 4  # ways in which a touch is or is not lead- and opportunity-creating
ROWS_AT_A_TIME = 12_000_000  # touches that are sorted at once: some 600 MB
ROW_BITS = 40
CREDIT = "decimal(18, 15)"  # sums of decimals are the same in any order
Rows = Mapping[str, NDArray[Any]]  # columns of equal length


@dataclass(frozen=True)
class Log:
    """The tables of a log of touches, and the numbers by which keys are packed."""

    con: duckdb.DuckDBPyConnection
    settings: Settings
    units: int
    ties: int  # touches of a person at one instant have ties below it
    first_microseconds: int
    last_microseconds: int
    rows: int

    @property
    def step(self) -> int:
        """Keys of one microsecond."""
        return self.ties * self.units * MILESTONES

    def key(self, microseconds: str) -> str:
        """The least key of an instant."""
        wide = (self.last_microseconds - self.first_microseconds + 1) * self.step >= 2**63
        return f"cast({microseconds} - {self.first_microseconds} as {'hugeint' if wide else 'bigint'}) * {self.step}"

    @property
    def fits(self) -> bool:
        """Whether places, which are keys with a row's number behind them, are numbers that DuckDB has."""
        return (self.last_microseconds - self.first_microseconds + 1) * self.step < 1 << (127 - ROW_BITS)

    @property
    def slices(self) -> int:
        return max(1, -(-self.rows // ROWS_AT_A_TIME))


def windows(log: Log) -> None:
    """Make `path`, `ends` and `decays`: each conversion's touches, neither older than the look-back nor after it."""
    since = f"microseconds - {log.settings.lookback_microseconds}"
    if log.settings.since_previous:
        # Conversions of one instant share their touches.
        earlier = (
            "max(microseconds) over (partition by person order by microseconds "
            "range between unbounded preceding and 1 preceding)"
        )
        since = f"greatest({since}, coalesce({earlier} + 1, {since}))"
    log.con.execute(
        f"""
        create or replace temp table path as
        with spans as (select *, {since} as since from conversions)
        select
            spans.conversion,
            {log.key("touches.microseconds")} + (tie * {log.units} + unit) * {MILESTONES}
                + case when lead then 0 else 2 end + case when opportunity then 0 else 1 end as key,
            unit, is_direct, lead, opportunity, spans.microseconds - touches.microseconds as age
        from spans inner join touches
            on spans.person = touches.person and touches.microseconds between since and spans.microseconds
        """
    )
    log.con.execute(
        f"""
        create or replace temp table ends as
        with places as ({_places()})
        select
            conversion,
            count(*) as touches,
            min(place) as first_place,
            max(place) as last_place,
            coalesce(max(case when not is_direct then place end), max(place)) as last_non_direct_place,
            min(case when lead then place end) as lead_place,
            min(case when opportunity then place end) as opportunity_place,
            min(age) as last_age,
            (max(place) >> {ROW_BITS}) // {MILESTONES} % {log.units} as last_unit
        from places group by conversion
        """
    )
    if "time_decay" in log.settings.chosen:
        log.con.execute(
            f"""
            create or replace temp table decays as
            select conversion, cast(sum({_decay(log.settings)}) as double) as decays
            from path inner join ends using (conversion) group by conversion
            """
        )


def _decay(settings: Settings) -> str:
    """What a touch weighs in time_decay, beside 1e15 for the path's last: however old a path is, it has weights.

    Whole numbers add up to the same in any order.
    """
    half_lives = f"cast(age - last_age as double) / {DAY_MICROSECONDS}.0 / cast({settings.half_life_days!r} as double)"
    return f"cast(round(1e15 * power(cast(0.5 as double), {half_lives})) as bigint)"


def _places() -> str:
    return f"select path.*, (cast(key as hugeint) << {ROW_BITS}) + path.rowid as place from path"


def credited_sql(log: Log) -> str:
    """Every touch of every path with each rule model's credit and whole cents, rounded towards zero.

    Cents are those of the mart's `whole_cents`: a millionth of a cent forgives what doubles cannot hold.
    """
    models = rule_expressions(log.settings)
    credits = ", ".join(f"{sql} as {name}_credit" for name, sql in models.items())
    cents = ", ".join(
        f"cast(sign(cents) * floor(abs(cents) * {name}_credit + 0.000001) as bigint) as {name}_cents" for name in models
    )
    weighed = "inner join decays using (conversion)" if "time_decay" in models else ""
    return f"""
        with credits as (
            select places.conversion, place, unit, last_unit, last_place, cents, {credits}
            from ({_places()}) as places
            inner join ends using (conversion) inner join conversions using (conversion) {weighed}
        )
        select *, {cents} from credits
    """


def rule_expressions(settings: Settings) -> Mapping[str, str]:
    """The credit of a touch by each rule model asked for, as SQL."""
    expressions = {name: credit_sql(weights) for name, weights in settings.role_weights().items()}
    if "time_decay" in settings.chosen:
        expressions["time_decay"] = f"cast({_decay(settings)} as double) / decays"
    return expressions


def touch_credits(log: Log) -> duckdb.DuckDBPyRelation:
    """A row per conversion and touch: credit and value of each rule model, cents left over on the last touch."""
    values = ", ".join(
        f"{name}_credit, cast(cast({name}_cents + case when place = last_place then cents - sum({name}_cents) "
        f"over (partition by conversion) else 0 end as decimal(20, 0)) * 0.01 as decimal(18, 2)) as {name}_value"
        for name in rule_expressions(log.settings)
    )
    return log.con.sql(
        f"select conversion, row_number() over (partition by conversion order by place) as position, unit, {values} "
        f"from ({credited_sql(log)})"
    )


def rule_totals(log: Log) -> dict[str, list[tuple[Decimal, int]]]:
    """Credit and cents of each rule model by unit, as sums over touches.

    Cents left over belong to a path's last touch: summed by the path's last unit they need no second look at a touch.
    """
    names = list(rule_expressions(log.settings))
    sums = ", ".join(f"sum(cast({name}_credit as {CREDIT})), sum({name}_cents)" for name in names)
    rows = log.con.execute(
        f"select unit, last_unit, {sums} from ({credited_sql(log)}) group by grouping sets ((unit), (last_unit))"
    ).fetchall()
    paid = log.con.execute(
        "select last_unit, sum(cents) from ends inner join conversions using (conversion) group by all"
    ).fetchall()
    totals: dict[str, list[tuple[Decimal, int]]] = {}
    for number, name in enumerate(names):
        credits, cents = [Decimal(0)] * log.units, [0] * log.units
        for unit, owed in paid:
            cents[unit] += owed
        for unit, last, *figures in rows:
            credit, whole = figures[2 * number : 2 * number + 2]
            if last is None:
                credits[unit] += credit
                cents[unit] += whole
            else:
                cents[last] -= whole
        totals[name] = list(zip(credits, cents, strict=True))
    return totals


def pack(log: Log, progress: Callable[[int, int], None]) -> Paths:
    """Distinct paths of conversions, and of journeys that ended without one.

    A null path is what a person did after the last conversion (or ever), as far back from its last touch as the
    look-back goes. Slices of people bound the memory that their touches take.
    """
    log.con.execute(
        "create or replace temp table packed (path usmallint[], conversions bigint, cents hugeint, nulls bigint)"
    )
    for number in range(log.slices):
        rows = log.con.sql(_converted_sql(log, number)).fetchnumpy()
        bounds = _bounds(rows["owner"])
        conversions = to_arrow(rows["owner"][bounds[:-1]])
        converted = pa.table({"conversion": conversions, "path": lists(bounds, rows["unit"])})
        log.con.register("converted", converted).execute(
            "insert into packed select path, count(*), sum(cents), 0 "
            "from converted inner join conversions using (conversion) group by path"
        )
        rows = log.con.sql(_null_sql(log, number)).fetchnumpy()
        unconverted = pa.table({"path": lists(*_recent(rows, log.settings))})
        log.con.register("unconverted", unconverted).execute(
            "insert into packed select path, 0, 0, count(*) from unconverted group by path"
        )
        progress(number + 1, log.slices)
    table = log.con.sql(
        "select path, sum(conversions)::double as conversions, sum(cents)::double / 100 as value, "
        "sum(nulls)::double as nulls from packed group by path order by path"
    ).to_arrow_table()
    return of_arrow(table, None, log.units)


def _converted_sql(log: Log, number: int) -> str:
    return f"""
        select conversion as owner, unit::usmallint as unit from path
        where conversion % {log.slices} = {number} order by conversion, key
    """


def _null_sql(log: Log, number: int) -> str:
    """People by a hash of who they are, which sorts in half the time of a text: of ten million people two have the same
    with a chance of one in 370,000, and then their journeys would count as one.

    DuckDB hashes a text by blocks of eight bytes, and two that differ in two blocks may have one hash; with a character
    before them the blocks are others.
    """
    owner = "hash(person, '-' || cast(person as varchar))"
    here = f"and hash(person) % {log.slices} = {number}" if log.slices > 1 else ""
    return f"""
        with latest as (select person, max(microseconds) as converted from conversions group by person)
        select {owner} as owner, microseconds, unit::usmallint as unit
        from touches left join latest using (person)
        where (converted is null or microseconds > converted) {here} order by owner, microseconds, tie, unit
    """


def _recent(rows: Rows, settings: Settings) -> tuple[Ints, NDArray[Any]]:
    """Of each owner's touches, in order of time, those that lie no further before the last than the look-back."""
    bounds, times, units = _bounds(rows["owner"]), rows["microseconds"], rows["unit"]
    since = times[bounds[1:] - 1] - settings.lookback_microseconds
    if (times[bounds[:-1]] < since).any():
        kept = times >= np.repeat(since, np.diff(bounds))
        bounds = np.concatenate([[0], np.cumsum(np.add.reduceat(kept, bounds[:-1], dtype=np.int64))])
        units = units[kept]
    return bounds, units


def _bounds(owners: NDArray[np.integer]) -> Ints:
    """Where each owner's rows begin, which stand together, and where the last one's end."""
    changes = np.flatnonzero(owners[1:] != owners[:-1]) + 1
    return np.concatenate([[0], changes, [len(owners)]]) if len(owners) else np.zeros(1, dtype=np.int64)
