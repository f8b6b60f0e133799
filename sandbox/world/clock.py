"""Days and instants of the company: whole days, business days, and UTC microseconds cut in Europe/Paris.

A day is a count since 1970-01-01 of *local* calendar days; an instant is UTC microseconds. `NEVER` is an instant that
no snapshot reaches, for what does not happen.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from sandbox.world.draw import Bools, Floats, Ints

TIME_ZONE = ZoneInfo("Europe/Paris")
EPOCH = date(1970, 1, 1)
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
NEVER = 2**62
NO_DAY = 2**40
_FIRST_DAY = (date(2000, 1, 1) - EPOCH).days
_LAST_DAY = (date(2060, 1, 1) - EPOCH).days


def day_number(day: date) -> int:
    return (day - EPOCH).days


def as_date(day: int) -> date:
    return EPOCH + timedelta(days=int(day))


@cache
def _midnights() -> Ints:
    """UTC microseconds of local midnight, one per day; day lengths of 23 and 25 hours follow from it."""
    instants = [
        int(datetime(day.year, day.month, day.day, tzinfo=TIME_ZONE).timestamp()) * SECOND
        for day in (as_date(number) for number in range(_FIRST_DAY, _LAST_DAY + 1))
    ]
    return np.array(instants, dtype=np.int64)


def midnight(days: Ints) -> Ints:
    """The instant a local day begins."""
    return _midnights()[np.clip(days, _FIRST_DAY, _LAST_DAY) - _FIRST_DAY]


def day_of(instants: Ints) -> Ints:
    """The local day an instant falls on."""
    return np.searchsorted(_midnights(), instants, side="right") - 1 + _FIRST_DAY


def elapsed(days: Ints, share: Floats) -> Ints:
    """The instant at a share (0 to 1) of a local day, whatever its length."""
    begins = midnight(days)
    return begins + ((midnight(days + 1) - begins) * share).astype(np.int64)


def office(days: Ints, share: Floats, minutes: int = 1) -> Ints:
    """An instant in office hours (09:00 to 18:00 local), on a whole number of `minutes`."""
    into_day = np.floor(9 * 60 / minutes * share).astype(np.int64) * minutes * MINUTE
    noon = midnight(days + 1) - 12 * HOUR  # clocks change before 03:00, so noon is always 12 h before the next midnight
    return noon - 3 * HOUR + into_day


def business(days: Ints, offsets: Ints | int = 0) -> Ints:
    """The day that many business days later; weekends roll forward first."""
    moved = np.busday_offset(days.astype("datetime64[D]"), offsets, roll="forward")
    return np.asarray(moved.astype(np.int64), dtype=np.int64)


def stamps(instants: Ints, until: int = NEVER) -> pd.Series:
    """Instants as a UTC column; those at or after `until` are not known yet and stay empty."""
    known = np.where(instants < until, instants, np.iinfo(np.int64).min)
    return pd.Series(known.astype("datetime64[us]")).dt.tz_localize("UTC")


def dates(days: Ints, known: Bools | None = None) -> pd.Series:
    """Days as a date column (midnight, no zone); rows that are not `known` stay empty."""
    moments = days.astype("datetime64[D]").astype("datetime64[us]")
    if known is not None:
        moments = np.where(known, moments, np.datetime64("NaT", "us"))
    return pd.Series(moments)


def latest(*events: Ints, until: int) -> Ints:
    """The newest of some events that a snapshot at `until` knows."""
    newest = np.full(len(events[0]), np.iinfo(np.int64).min + 1, dtype=np.int64)
    for event in events:
        newest = np.where(event < until, np.maximum(newest, event), newest)
    return newest
