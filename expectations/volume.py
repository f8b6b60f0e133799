"""Volume: how many rows a day has, against the same weekday and the same place in the month.

What is usual is the median of the weekday over the weeks before; around the turn of a month also that times what such
days usually have on top (a CRM fills up on the last day). A day is unusual only if it is so against both. Days people
know to be quiet stand in `quiet_days.csv` (`2026-12-24` or, every year, `12-25`): neither judged nor learnt from.
Weekdays that are often empty, or have few rows, say nothing. The numbers stand in `limits.yml`.
"""

import csv
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from expectations import model, profile
from expectations.findings import SEVERITIES, beyond, severity_of
from expectations.limits import Limits, VolumeBand, limits
from expectations.model import Expectation
from ingestion.registry import Table

QUIET_DAYS = Path(__file__).with_name("quiet_days.csv")
# Chance alone moves a count by its root; a usual spread below this share of it is too good to be true.
LEAST_SPREAD = 0.05
# Weekdays that had no row at all, of those compared: with more of them an empty day is nothing unusual.
EMPTY_SHARE = 0.1
REASON = "A day has far fewer or far more rows than its weekday and its place in the month usually have."


def applies(table: Table) -> bool:
    """Whether a lake table has days a vendor fills; people edit files as they like, and one row a day says nothing."""
    return profile.day_of(table) is not None and table.key != (table.day_column,) and profile.is_api(table)


def of_lake(table: Table) -> Iterator[Expectation]:
    """Volume of a lake table by its day, or by the day its records were created."""
    if applies(table):
        day = str(profile.day_of(table)).partition("::")[0]
        query = f"select * from {table.source}.\"{table.name}_findings\" /* {{batch}} */ where check_name = 'volume'"  # noqa: S608
        yield from _expectations(day, query, table.source)


def volume(day: str, bounds: str, blamed: str) -> Iterator[Expectation]:
    """Volume of a table of the warehouse.

    day: its day column; bounds: a query for the `first` and `last` whole day there should be rows for; blamed: where a
    person should look.
    """
    counted = f"select {day} as day, count(*) as rows from {{batch}} group by all"  # noqa: S608
    yield from _expectations(day, _findings(day, counted, bounds, limits()), blamed)


def _expectations(day: str, found: str, blamed: str) -> Iterator[Expectation]:
    for severity, name in zip(SEVERITIES, ("volume_of_newest_day", "volume_of_recent_days"), strict=True):
        yield model.learned(
            name,
            f"select day, found, usual, size from ({found}) as found where severity = '{severity}' order by day desc",  # noqa: S608
            column=day,
            reason=REASON,
            mend=f"Check {blamed} for missing or repeated data and pull the day again"
            " (`kpilote refresh --cadence daily --from … --to …`); if it is right, accept it or add the day to"
            " expectations/quiet_days.csv.",
            severity=severity,
        )


def findings(table: Table, limit: Limits) -> str:
    """SQL of the findings of a lake table."""
    day = str(profile.day_of(table)).partition("::")[0]
    windows = f"{table.source}._windows where table_name = '{table.name}'"
    bounds = f"select min(window_start) as first, max(window_end) - 1 as last from {windows}"  # noqa: S608
    # Records come whenever they are pulled; of days that nobody pulled, no rows say nothing.
    covered = f"exists (from {windows} and series.day >= window_start and series.day < window_end)"
    counted = f'select day, rows from {table.source}."{table.name}_days"'  # noqa: S608
    return _findings(day, counted, bounds, limit, covered if table.kind == "window" else "true")


def _findings(column: str, counted: str, bounds: str, limit: Limits, covered: str = "true") -> str:
    history, own = limit.history, limit.volume
    edge, back = own.month_edge_days, 31 * history.months + 7 * history.weeks
    quiet = ", ".join(f"'{each}'" for each in quiet_days())
    since = "" if history.since is None else f" and series.day::date >= date '{history.since}'"
    hard, soft = beyond(own.critical, _unusual), beyond(own.warning, _unusual)
    return f"""
        with bounds as ({bounds}),
        counted as ({counted}),
        days as (
            select
                series.day::date as day, (last - series.day::date) as ago, coalesce(counted.rows, 0) as rows,
                case
                    when last_day(series.day) - series.day::date < {edge}
                        then series.day::date - last_day(series.day) - 1
                    when day(series.day) <= {edge} then day(series.day)
                end as edge
            from bounds, generate_series(greatest(first, last - {back}), last, interval 1 day) as series (day)
            left join counted on counted.day = series.day::date
            where {covered} and strftime(series.day, '%Y-%m-%d') not in ({quiet})
                and strftime(series.day, '%m-%d') not in ({quiet}){since}
        ),
        weekdays as (
            select
                this.day, this.ago, this.rows, this.edge, count(*) as compared, median(past.rows) as middle,
                mad(past.rows) as deviation, avg((past.rows = 0)::int) as empty,
                quantile_cont(past.rows, 0.1) as low, quantile_cont(past.rows, 0.9) as high
            from days as this
            inner join generate_series(1, {history.weeks}) as weeks (week) on true
            inner join days as past on past.day = this.day - (7 * weeks.week)::integer
            group by all
        ),
        judged as (
            select
                *, greatest(1.4826 * deviation, sqrt(middle), {LEAST_SPREAD} * middle) as spread,
                coalesce((
                    select if(count(*) >= {own.least_references}, median(past.rows / past.middle), 1)
                    from weekdays as past where past.edge = this.edge and past.ago > this.ago and past.middle > 0
                ), 1) as edge_factor
            from weekdays as this
            where ago < {history.recent_days} and compared >= {own.least_references}
                and middle >= {history.least_rows} and empty <= {EMPTY_SHARE}
        )
        select
            {severity_of(hard, soft, "ago = 0")} as severity, '{column}' as column_name, day,
            rows || ' rows' as found,
            round(low)::bigint || ' to ' || round(high)::bigint || ' on its weekday' || if(
                edge_factor = 1, '', ', ' || round(middle * edge_factor)::bigint || ' at its place in the month'
            ) as usual,
            abs(rows - middle) / middle as size
        from judged where severity is not null
    """  # noqa: S608


def _unusual(band: VolumeBand) -> str:
    """SQL that says whether a day lies beyond the band, against its weekday and against its place in the month."""
    sides = [
        f"(rows < {band.below} * {usual} and rows < low and {usual} - rows >= {band.spreads} * spread)"
        f" or (rows > {band.above} * {usual} and rows > high and rows - {usual} >= {band.spreads} * spread)"
        for usual in ("middle", "(middle * edge_factor)")
    ]
    return f"({sides[0]}) and ({sides[1]})"


@cache
def quiet_days() -> tuple[str, ...]:
    """The days of `quiet_days.csv`, checked."""
    with QUIET_DAYS.open(encoding="utf-8", newline="") as file:
        days = [row["day"].strip() for row in csv.DictReader(file)]
    wrong = [day for day in days if not re.fullmatch(r"(\d{4}-)?\d{2}-\d{2}", day)]
    if wrong:
        raise ValueError(f"{QUIET_DAYS}: {wrong[0]!r} is no day (2026-12-24, or 12-25 for every year)")
    return tuple(days)
