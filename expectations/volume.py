"""Volume: the newest whole day of a table against the day before and against its weekday.

A day is too quiet only if it is so against both, so a Saturday is not blamed for not being a Friday. Days people know
to be quiet stand in `quiet_days.csv` (`2026-12-24` or, every year, `12-25`). Tables without rows on most days, or with
few rows a day, say nothing about volume and are left alone.
"""

import csv
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from expectations import model
from expectations.model import Expectation
from ingestion.registry import SOURCES, Table

LEAST_SHARE = 0.3  # of what is usual: fewer rows than this stop the pipeline
LEAST_USUAL_ROWS = 20  # below this many rows a day chance alone explains an empty one
WEEKS = 4  # weeks the weekday is compared with
BUSY_DAYS = 20  # of the 28 days before: days with rows a table needs to be judged
SHOWN_DAYS = 14  # quiet days before the newest one are shown this long, as a warning
QUIET_DAYS = Path(__file__).with_name("quiet_days.csv")


def of_lake(table: Table) -> Iterator[Expectation]:
    """Volume of a lake table by its day, or by the day its records were created; files people edit have none.

    Nor has a table with one row a day.
    """
    created = any(column.name == "created_at" for column in table.columns)
    day = table.day_column or ("created_at::date" if created else None)
    if day is not None and table.key != (table.day_column,) and SOURCES[table.source].is_api:
        bounds = f"""
            select min(window_start) as first, max(window_end) - 1 as last
            from {table.source}._windows where table_name = '{table.name}'
        """  # noqa: S608
        yield from volume(day, bounds, table.source)


def volume(day: str, bounds: str, blamed: str) -> Iterator[Expectation]:
    """The newest day (critical) and the days before it (warning) have about as many rows as usual.

    day: SQL of a row's day, a column or a cast of one; bounds: a query for the `first` and `last` whole day there
    should be rows for; blamed: where a person should look.
    """
    yield model.no_rows(
        "volume_of_newest_day",
        _quiet(day, bounds, "ago = 0"),
        column=day.partition("::")[0],
        reason=f"The newest day has less than {LEAST_SHARE:.0%} of the rows of the day before and of its weekday.",
        mend=f"Check {blamed} for missing data and run `kpilote refresh` again; if the day was really that quiet,"
        " add it to expectations/quiet_days.csv.",
    )
    yield model.no_rows(
        "volume_of_recent_days",
        _quiet(day, bounds, f"ago between 1 and {SHOWN_DAYS}"),
        column=day.partition("::")[0],
        reason=f"A recent day has less than {LEAST_SHARE:.0%} of the rows of the day before and of its weekday.",
        mend="Pull that day again (`kpilote refresh --from … --to …`) or add it to expectations/quiet_days.csv.",
        severity="warning",
    )


def _quiet(day: str, bounds: str, which: str) -> str:
    back = SHOWN_DAYS + 7 * WEEKS + 1
    quiet = ", ".join(f"'{each}'" for each in quiet_days())
    return f"""
        with bounds as ({bounds}),
        counted as (select {day} as day, count(*) as rows from {{batch}} group by all),
        days as (
            select series.day::date as day, (last - series.day::date) as ago, coalesce(counted.rows, 0) as rows
            from bounds, generate_series(greatest(first, last - {back}), last, interval 1 day) as series (day)
            left join counted on counted.day = series.day::date
        ),
        judged as (
            select
                this.day, this.ago, this.rows, before.rows as day_before,
                (
                    select median(rows) from days as usual
                    where usual.ago - this.ago in ({", ".join(str(7 * week) for week in range(1, WEEKS + 1))})
                ) as usual_for_weekday,
                (
                    select count(*) from days as usual
                    where usual.ago between this.ago + 1 and this.ago + 28 and usual.rows > 0
                ) as busy_days
            from days as this inner join days as before on before.ago = this.ago + 1
        )
        select day, rows, day_before, usual_for_weekday from judged
        where {which} and busy_days >= {BUSY_DAYS}
            and least(day_before, usual_for_weekday) >= {LEAST_USUAL_ROWS}
            and rows < {LEAST_SHARE} * least(day_before, usual_for_weekday)
            and strftime(day, '%Y-%m-%d') not in ({quiet}) and strftime(day, '%m-%d') not in ({quiet})
    """  # noqa: S608


@cache
def quiet_days() -> tuple[str, ...]:
    """The days of `quiet_days.csv`, checked."""
    with QUIET_DAYS.open(encoding="utf-8", newline="") as file:
        days = [row["day"].strip() for row in csv.DictReader(file)]
    wrong = [day for day in days if not re.fullmatch(r"(\d{4}-)?\d{2}-\d{2}", day)]
    if wrong:
        raise ValueError(f"{QUIET_DAYS}: {wrong[0]!r} is no day (2026-12-24, or 12-25 for every year)")
    return tuple(days)
