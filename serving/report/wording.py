"""How numbers, changes and periods read: short, in one place, the same in the terminal and on the page.

English conventions with the reporting currency's sign; a minus is a minus (U+2212). Nothing here knows HTML or colours.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

MINUS = "−"
# How the marts write a dimension that is unknown.
NONE = "(none)"
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}
SCALES = ((1e9, "B"), (1e6, "M"), (1e3, "k"))
# Below this a number is written out: people compare 8,431 with 8,502, not 8.4k with 8.5k.
COMPACT_FROM = 10_000
# A relative change that would print as 0.0% is no change.
FLAT_BELOW = 0.0005
STATUS = {"on_track": "On track", "at_risk": "At risk", "off_track": "Off track", "no_target": "No target"}
REASONS = {
    "zero_denominator": "nothing to divide by",
    "too_few_deals": "too few deals",
    "no_rows": "no data for this period",
}
MODELS = {
    "first_touch": "First touch",
    "last_touch": "Last touch",
    "last_non_direct": "Last non-direct",
    "linear": "Linear",
    "position_based": "Position-based",
    "w_shaped": "W-shaped",
    "full_path": "Full path",
    "time_decay": "Time decay",
    "custom": "Custom",
    "markov": "Markov",
    "shapley": "Shapley",
    "shapley_rate": "Shapley (rate)",
    "logistic": "Logistic regression",
}
PERIOD_NAMES = {"day": "Day", "week": "Week", "month": "Month", "quarter": "Quarter", "year": "Year"}
ADJECTIVES = {"day": "daily", "week": "weekly", "month": "monthly", "quarter": "quarterly", "year": "yearly"}


@dataclass(frozen=True)
class Change:
    """A change in words (`+4.2%`, `−0.3 pts`), the way it points, and whether that is good for this KPI."""

    text: str
    arrow: str
    tone: str  # good | bad | flat


def in_order(models: Iterable[str]) -> tuple[str, ...]:
    """Models as they stand beside each other everywhere; those that have no words of their own come last."""
    known = list(MODELS)
    return tuple(sorted(models, key=lambda model: (known.index(model) if model in MODELS else len(known), model)))


def number(value: float, unit: str, currency: str | None = None) -> str:
    """A KPI value in its unit: `8,431`, `€182k`, `26.8%`, `47.5 days`, `€13.1k/day`, `3.4×`."""
    if unit == "ratio":
        return percent(value)
    if unit == "currency":
        return money(value, currency)
    if unit == "currency_per_day":
        return f"{money(value, currency)}/day"
    if unit == "days":
        text = _signed(value, f"{abs(value):,.1f}".removesuffix(".0"))
        return f"{text} day" if text in ("1", f"{MINUS}1") else f"{text} days"
    if unit == "multiple":
        return _signed(value, f"{abs(value):,.1f}×" if abs(value) >= 10 else f"{abs(value):,.2f}×")
    return count(value)


def absence(null_reason: str | None) -> str:
    """Why there is no number, in words; never an empty cell."""
    reason = null_reason or "no_rows"
    return f"n/a: {REASONS.get(reason, reason.replace('_', ' '))}"


def tick(value: float, unit: str, currency: str | None = None) -> str:
    """A round value beside a gridline, without the zeros that say nothing: `€20k`, not `€20.0k`."""
    return re.sub(r"(\.\d*?)0+(?=\D|$)", lambda match: match[1].removesuffix("."), number(value, unit, currency))


def count(value: float) -> str:
    """Whole numbers without decimals; shares of a count (attributed conversions) with one."""
    return _signed(value, _magnitude(abs(value), 0 if float(value).is_integer() or abs(value) >= 1000 else 1))


def money(value: float, currency: str | None) -> str:
    """An amount with the currency's sign in front, or its ISO code where it has none of its own."""
    sign = SYMBOLS.get(currency or "", f"{currency} " if currency else "")
    size = abs(value)
    decimals = 2 if size < 100 and not float(size).is_integer() else 0
    return _signed(value, sign + _magnitude(size, decimals))


def percent(value: float) -> str:
    """Three significant digits are enough to act on: `2.31%`, `26.8%`, `184%`."""
    if value == 0:
        return "0%"
    size = abs(value) * 100
    decimals = 0 if round(size, 1) >= 100 else 1 if round(size, 2) >= 10 else 2
    return _signed(value, f"{size:,.{decimals}f}%")


def change(now: float | None, before: float | None, ratio: float | None, unit: str, direction: str) -> Change | None:
    """The change against another period; ratios change by points, everything else relatively. None: not comparable."""
    if now is None or before is None:
        return None
    if unit == "ratio":
        move, text = now - before, f"{_share(now - before)} pts"
    elif ratio is not None:
        move, text = ratio, f"{_share(ratio)}%"
    else:
        return None
    if abs(move) < FLAT_BELOW:
        return Change("no change", "→", "flat")
    good = (move > 0) == (direction != "down")
    return Change(("+" if move > 0 else MINUS) + text, "↑" if move > 0 else "↓", "good" if good else "bad")


def period(start: date, cadence: str) -> str:
    """`Sun 22 Nov 2026`, `Week 47, 16–22 Nov 2026`, `October 2026`, `Q3 2026`, `2025`."""
    if cadence == "day":
        return f"{start:%a} {day(start)}"
    if cadence == "week":
        end = start + timedelta(days=6)
        first = f"{start.day}" if start.month == end.month else f"{start.day} {start:%b}"
        return f"Week {start.isocalendar().week}, {first}–{day(end)}"
    return {"month": f"{start:%B %Y}", "quarter": f"Q{(start.month + 2) // 3} {start:%Y}", "year": f"{start:%Y}"}[
        cadence
    ]


def short_period(start: date, cadence: str) -> str:
    """The same for a tight place: `22 Nov`, `W47`, `Oct 26`, `Q3 26`, `2025`."""
    return {
        "day": f"{start.day} {start:%b}",
        "week": f"W{start.isocalendar().week:02d}",
        "month": f"{start:%b %y}",
        "quarter": f"Q{(start.month + 2) // 3} {start:%y}",
        "year": f"{start:%Y}",
    }[cadence]


def day(value: date) -> str:
    return f"{value.day} {value:%b %Y}"


def title(name: str) -> str:
    """`organic_search` → `Organic search`; what has no name says so."""
    if name == NONE:
        return "Not assigned"
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _share(value: float) -> str:
    """Hundredths without their sign; beyond a hundred of them decimals say nothing."""
    return f"{abs(value) * 100:,.{0 if abs(value) >= 1 else 1}f}"


def _signed(value: float, text: str) -> str:
    # What rounds to zero has no sign.
    return MINUS + text if value < 0 and any(digit in "123456789" for digit in text) else text


def _magnitude(size: float, decimals: int) -> str:
    if not math.isfinite(size):
        return "∞"
    for scale, suffix in SCALES:
        # 999,960 is 1.00M, not 1,000k: compare as it will be printed.
        if size >= COMPACT_FROM and float(f"{size:.3g}") >= scale:
            scaled = size / scale
            digits = 2 if float(f"{scaled:.3g}") < 10 else 1 if float(f"{scaled:.3g}") < 100 else 0
            return f"{scaled:,.{digits}f}{suffix}"
    return f"{size:,.{decimals}f}"
