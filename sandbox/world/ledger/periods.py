"""Days and periods of the reporting time zone: which day an instant is on, where periods begin, which are covered."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd


def local_day(instants: pd.Series, time_zone: str) -> pd.Series:
    """The calendar day of UTC instants in the reporting zone (summer time and all), as midnight without a zone."""
    return instants.dt.tz_convert(time_zone).dt.tz_localize(None).dt.normalize()


def period_start(days: pd.Series, cadence: str) -> pd.Series:
    """First day of the period a day is in: itself, its ISO Monday, or the first of its month, quarter or year."""
    if cadence == "day":
        return days
    if cadence == "week":
        return days - pd.to_timedelta(days.dt.weekday, unit="D")
    frequency = {"month": "M", "quarter": "Q", "year": "Y"}[cadence]
    return days.dt.to_period(frequency).dt.start_time.astype("datetime64[us]")


def covered_days(first: date, until: date) -> pd.Series:
    """Every whole day of [first, until)."""
    days = np.arange(np.datetime64(first), np.datetime64(until))
    return pd.Series(days.astype("datetime64[us]"))


def covered_periods(first: date, until: date, cadence: str) -> pd.DataFrame:
    """Periods with a covered day: period_start and last_day, the last covered day of the period."""
    days = covered_days(first, until)
    frame = pd.DataFrame({"period_start": period_start(days, cadence), "last_day": days})
    return frame.groupby("period_start", as_index=False)["last_day"].max()


def last_whole_day(until: date) -> pd.Timestamp:
    return pd.Timestamp(until - timedelta(days=1))
