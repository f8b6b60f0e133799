"""How busy a day is: growth since the start, seasons (August, December), weekdays and a little weather."""

from __future__ import annotations

import numpy as np

from sandbox.world.draw import Draw, Floats, Ints, keys

GROWTH_PER_MONTH = 0.05  # of the size at the start
GROWN = 2.5  # times the size at the start, and a market is full: a world left running for years stays a company
_MONTHS = np.array([1.05, 1.04, 1.08, 1.0, 0.95, 1.02, 0.88, 0.62, 1.15, 1.12, 1.1, 0.72])  # January first
_WEB_WEEK = np.array([1.17, 1.22, 1.2, 1.15, 1.0, 0.6, 0.66])  # Monday first
_SALES_WEEK = np.array([1.3, 1.4, 1.35, 1.3, 1.1, 0.28, 0.27])


def growth(days: Ints, start: int) -> Floats:
    grown: Floats = np.clip(1.0 + GROWTH_PER_MONTH * (np.asarray(days) - start) / 30.44, 0.2, GROWN)
    return grown


def season(days: Ints) -> Floats:
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    return np.asarray(_MONTHS[months], dtype=np.float64)


def _weekday(days: Ints) -> Ints:
    return (days + 3) % 7  # 1970-01-01 was a Thursday


def web(days: Ints, start: int) -> Floats:
    """Relative web traffic; 1.0 is an average day at the start."""
    busy: Floats = growth(days, start) * season(days) * _WEB_WEEK[_weekday(days)]
    return busy


def sales(days: Ints, start: int) -> Floats:
    """Relative number of new prospects."""
    busy: Floats = growth(days, start) * season(days) * _SALES_WEEK[_weekday(days)]
    return busy


def count(seed: int, what: str, days: Ints, expected: Floats, noise: float = 0.12) -> Ints:
    """How many of something each day holds: the expectation, some weather, and an honest rounding."""
    draw = Draw(keys(seed, what, days))
    weather = np.exp(noise * draw.normal("weather") - noise**2 / 2)
    return np.floor(expected * weather + draw.uniform("round")).astype(np.int64)
