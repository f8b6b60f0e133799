"""Periods as people write them: `2026-03-09`, `2026-W11`, `2026-03`, `2026-Q1`, `2026` → cadence and first day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from ingestion.errors import KpiloteError


class PeriodError(KpiloteError):
    """A text that names no period; the message shows the forms there are."""


@dataclass(frozen=True)
class Period:
    """One period of a cadence (day, week, month, quarter, year) by its first day."""

    cadence: str
    start: date


def parse(text: str) -> Period:
    """The period a text names; weeks are ISO weeks."""
    try:
        if match := re.fullmatch(r"(\d{4})-W(\d{1,2})", text, re.IGNORECASE):
            return Period("week", date.fromisocalendar(int(match[1]), int(match[2]), 1))
        if match := re.fullmatch(r"(\d{4})-Q([1-4])", text, re.IGNORECASE):
            return Period("quarter", date(int(match[1]), 3 * int(match[2]) - 2, 1))
        if match := re.fullmatch(r"(\d{4})-(\d{2})", text):
            return Period("month", date(int(match[1]), int(match[2]), 1))
        if re.fullmatch(r"\d{4}", text):
            return Period("year", date(int(text), 1, 1))
        return Period("day", date.fromisoformat(text))
    except ValueError:
        raise PeriodError(
            f"{text!r} is no period: write a day 2026-03-09, a week 2026-W11, a month 2026-03, a quarter 2026-Q1 or a"
            " year 2026"
        ) from None
