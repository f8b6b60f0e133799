"""Days and periods of the reporting time zone: which day an instant is on, where periods begin, which are covered."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd


def local_day(instants: pd.Series, time_zone: str) -> pd.Series:
    """The calendar day of UTC instants in the reporting zone (summer time and all), as midnight without a zone."""
    local: pd.Series = instants.dt.tz_convert(time_zone).dt.tz_localize(None).dt.normalize()
    return local


def period_start(days: pd.Series, cadence: str) -> pd.Series:
    """First day of the period a day is in: itself, its ISO Monday, or the first of its month, quarter or year."""
    if cadence == "day":
        return days
    if cadence == "week":
        monday: pd.Series = days - pd.to_timedelta(days.dt.weekday, unit="D")
        return monday
    frequency = {"month": "M", "quarter": "Q", "year": "Y"}[cadence]
    first: pd.Series = days.dt.to_period(frequency).dt.start_time.astype("datetime64[us]")
    return first


def covered_days(first: date, until: date) -> pd.Series:
    """Every whole day of [first, until)."""
    days = np.arange(np.datetime64(first), np.datetime64(until))
    return pd.Series(days.astype("datetime64[us]"))


def covered_periods(first: date, until: date, cadence: str) -> pd.DataFrame:
    """Periods with a covered day: period_start and last_day, the last covered day of the period."""
    days = covered_days(first, until)
    frame = pd.DataFrame({"period_start": period_start(days, cadence), "last_day": days})
    return frame.groupby("period_start", as_index=False).agg(last_day=("last_day", "max"))


def spans(first: date, until: date, cadence: str) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """First day and last covered day of each period with a covered day."""
    covered = covered_periods(first, until, cadence)
    return [
        (pd.Timestamp(begin), pd.Timestamp(end))
        for begin, end in zip(covered["period_start"].to_list(), covered["last_day"].to_list(), strict=True)
    ]
