"""One reading in words: what the terminal and the page both say of a KPI, so that the two never differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from serving.report import wording
from serving.report.contents import Kpi, Reading
from serving.report.wording import Change


@dataclass(frozen=True)
class Card:
    """A KPI's reading, worded. Texts are plain: whoever shows them escapes them."""

    kpi: Kpi
    cadence: str
    period: str
    short_period: str
    status: str
    status_text: str
    value: str
    is_known: bool
    target: str | None
    attained: float | None  # share of the target reached, 1 = on it; None where a share says nothing
    previous: Change | None
    previous_period: str
    year_ago: Change | None
    provisional: bool
    so_far: str | None
    calls_for_decision: bool
    values: tuple[float | None, ...]
    goal: float | None
    trend: str


def card(reading: Reading) -> Card:
    """Word a reading."""
    kpi, unit, currency = reading.kpi, reading.kpi.unit, reading.currency
    known = reading.value is not None
    before = reading.history[-2].start if len(reading.history) > 1 else None
    open_period = reading.so_far
    return Card(
        kpi=kpi,
        cadence=reading.cadence,
        period=wording.period(reading.start, reading.cadence),
        short_period=wording.short_period(reading.start, reading.cadence),
        status=reading.status,
        status_text=wording.STATUS.get(reading.status, wording.title(reading.status)),
        value=wording.number(reading.value, unit, currency)
        if reading.value is not None
        else wording.absence(reading.null_reason),
        is_known=known,
        target=wording.number(reading.target, unit, currency) if reading.target is not None else None,
        attained=_attained(reading),
        previous=wording.change(reading.value, reading.previous, reading.change, unit, kpi.direction),
        previous_period=wording.short_period(before, reading.cadence) if before else "",
        year_ago=wording.change(reading.value, reading.year_ago, reading.year_ago_change, unit, kpi.direction),
        provisional=reading.provisional,
        so_far=None
        if open_period is None or open_period.value is None
        else f"{wording.short_period(open_period.start, reading.cadence)} so far: "
        f"{wording.number(open_period.value, unit, currency)}",
        calls_for_decision=reading.status in ("off_track", "at_risk"),
        values=tuple(point.value for point in reading.history),
        goal=reading.target,
        trend=_trend(reading),
    )


def _attained(reading: Reading) -> float | None:
    if reading.value is None or not reading.target or reading.target < 0 or reading.value < 0:
        return None
    if reading.kpi.direction == "down":
        return reading.target / reading.value if reading.value else 1.0
    return reading.value / reading.target


def _trend(reading: Reading) -> str:
    """The sparkline for people who do not see it."""
    known: list[tuple[Any, float]] = [
        (point.start, point.value) for point in reading.history if point.value is not None
    ]
    if not known:
        return f"{reading.kpi.label}: no values yet"

    def told(pair: tuple[Any, float]) -> str:
        number = wording.number(pair[1], reading.kpi.unit, reading.currency)
        return f"{number} in {wording.short_period(pair[0], reading.cadence)}"

    low, high = min(known, key=lambda pair: pair[1]), max(known, key=lambda pair: pair[1])
    return (
        f"{reading.kpi.label}, {len(known)} {reading.cadence}s: from {told(known[0])} to {told(known[-1])};"
        f" lowest {told(low)}, highest {told(high)}"
    )
