"""When things are due: the four cadences, their partitions and the hour at which each is refreshed. Defined here
only.

A partition is a *complete* period of the reporting time zone; its key is the period's first day. An open period is
never a partition, yet its KPI cells are computed with every run (`period_status` says `open`): partitions say what
was asked for, the lake says what changed.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import dagster as dg

if TYPE_CHECKING:
    from ingestion.settings import Settings

KEY_FORMAT = "%Y-%m-%d"


@dataclass(frozen=True)
class Cadence:
    """One rhythm of refresh. `period` is the word the KPI marts use; cron is the tick in the reporting time zone."""

    name: str
    period: str
    cron: str
    partitions: dg.TimeWindowPartitionsDefinition

    @property
    def job_name(self) -> str:
        return f"refresh_{self.name}"

    def keys(self, first: dt.date, last: dt.date) -> list[str]:
        """Keys of the complete periods that share at least one day with [first, last]."""
        return [key for key in self.partitions.get_partition_keys() if self._overlaps(key, first, last)]

    def _overlaps(self, key: str, first: dt.date, last: dt.date) -> bool:
        window = self.partitions.time_window_for_partition_key(key)
        return window.start.date() <= last and first < window.end.date()


def cadences(settings: Settings) -> dict[str, Cadence]:
    """The cadences of an installation, by name.

    Hours: vendors close a day some hours after midnight (GA4 exports arrive in the small hours), so days are pulled
    at 06:00. The longer cadences only read what the daily run left and follow an hour apart, so that on a Monday that
    is also the first of a quarter each finds the one before it done. Periods start with the one that holds the first
    day pulled, so that its KPIs can be asked for like any other's.
    """
    first, zone = settings.start_date, settings.timezone
    monday = first - dt.timedelta(days=first.weekday())
    quarter = dt.date(first.year, 3 * ((first.month - 1) // 3) + 1, 1)
    return {
        each.name: each
        for each in (
            Cadence("daily", "day", "0 6 * * *", dg.DailyPartitionsDefinition(_midnight(first), timezone=zone)),
            # Dagster's weeks start on Sunday; a KPI's week is an ISO week.
            Cadence(
                "weekly",
                "week",
                "0 7 * * 1",
                dg.WeeklyPartitionsDefinition(_midnight(monday), timezone=zone, day_offset=1),
            ),
            Cadence(
                "monthly",
                "month",
                "0 8 1 * *",
                dg.MonthlyPartitionsDefinition(_midnight(first.replace(day=1)), timezone=zone),
            ),
            Cadence(
                "quarterly",
                "quarter",
                "0 9 1 1,4,7,10 *",
                dg.TimeWindowPartitionsDefinition(
                    start=_midnight(quarter), timezone=zone, cron_schedule="0 0 1 1,4,7,10 *", fmt=KEY_FORMAT
                ),
            ),
        )
    }


def day(key: str) -> dt.date:
    """First day of the period a partition key names."""
    return dt.date.fromisoformat(key)


def today(settings: Settings) -> dt.date:
    """The day it is in the reporting time zone: the first day that is not over yet."""
    return dt.datetime.now(ZoneInfo(settings.timezone)).date()


def freshness_policy(daily: Cadence) -> dg.FreshnessPolicy:
    """Fresh when refreshed between midnight and two hours after the daily tick."""
    return dg.FreshnessPolicy.cron(
        deadline_cron="0 8 * * *",
        lower_bound_delta=dt.timedelta(hours=8),
        timezone=str(daily.partitions.timezone),
    )


def _midnight(date: dt.date) -> dt.datetime:
    return dt.datetime.combine(date, dt.time())
