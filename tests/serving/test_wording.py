"""Numbers, changes and periods: what they read like, and that reading them back gives the number again."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.report import wording

AMOUNTS = st.floats(min_value=-1e11, max_value=1e11, allow_nan=False, allow_infinity=False)
SCALE = {"k": 1e3, "M": 1e6, "B": 1e9}


@pytest.mark.parametrize(
    ("value", "unit", "currency", "text"),
    [
        (0, "count", None, "0"),
        (8431, "count", None, "8,431"),
        (9999.6, "count", None, "10,000"),
        (15162, "count", None, "15.2k"),
        (999_960, "count", None, "1.00M"),
        (2.83, "count", None, "2.8"),
        (182_400, "currency", "EUR", "€182k"),
        (1_284_000, "currency", "EUR", "€1.28M"),
        (41.7, "currency", "EUR", "€41.70"),
        (4180.4, "currency", "EUR", "€4,180"),
        (-1480, "currency", "EUR", "−€1,480"),
        (-0.001, "currency", "EUR", "€0.00"),
        (12_400, "currency", "CHF", "CHF 12.4k"),
        (12, "currency", None, "12"),
        (13_120, "currency_per_day", "EUR", "€13.1k/day"),
        (0.268, "ratio", None, "26.8%"),
        (0.0231, "ratio", None, "2.31%"),
        (1.84, "ratio", None, "184%"),
        (-0.125, "ratio", None, "−12.5%"),
        (0.09999, "ratio", None, "10.0%"),
        (0, "ratio", None, "0%"),
        (47.5, "days", None, "47.5 days"),
        (1, "days", None, "1 day"),
        (42, "days", None, "42 days"),
        (3.4, "multiple", None, "3.40×"),
        (12.34, "multiple", None, "12.3×"),
    ],
)
def test_a_value_reads_in_its_unit(value: float, unit: str, currency: str | None, text: str) -> None:
    assert wording.number(value, unit, currency) == text


@given(AMOUNTS)
def test_what_is_shown_is_the_value_within_half_a_percent_or_half_a_unit(value: float) -> None:
    text = wording.count(value)
    match = re.fullmatch(r"(−?)([\d,]+(?:\.\d+)?)([kMB]?)", text)
    assert match, text
    shown = float(match[2].replace(",", "")) * SCALE.get(match[3], 1) * (-1 if match[1] else 1)
    assert abs(shown - value) <= max(0.5, abs(value) * 0.0051), text


@given(AMOUNTS)
def test_a_sign_is_shown_exactly_where_something_is_left_to_sign(value: float) -> None:
    text = wording.money(value, "EUR")
    assert "-" not in text
    assert text.startswith("−") == (value < 0 and re.search(r"[1-9]", text) is not None)
    assert text.removeprefix("−") == wording.money(-value, "EUR").removeprefix("−")


@given(AMOUNTS, AMOUNTS)
def test_a_larger_count_never_reads_smaller(one: float, other: float) -> None:
    def shown(value: float) -> float:
        text = wording.count(value).replace("−", "-").replace(",", "")
        return float(text.rstrip("kMB")) * SCALE.get(text[-1], 1)

    low, high = sorted((round(one), round(other)))
    assert shown(low) <= shown(high)


@pytest.mark.parametrize(
    ("now", "before", "ratio", "unit", "direction", "text", "arrow", "tone"),
    [
        (110, 100, 0.1, "count", "up", "+10.0%", "↑", "good"),
        (110, 100, 0.1, "currency", "down", "+10.0%", "↑", "bad"),
        (90, 100, -0.1, "days", "down", "−10.0%", "↓", "good"),
        (350, 100, 2.5, "count", "up", "+250%", "↑", "good"),
        (1.3, -0.7, None, "ratio", "up", "+200 pts", "↑", "good"),
        (100.01, 100, 0.0001, "count", "up", "no change", "→", "flat"),
        (0.268, 0.241, 0.112, "ratio", "up", "+2.7 pts", "↑", "good"),
        (0.021, 0.02, 0.05, "ratio", "down", "+0.1 pts", "↑", "bad"),
        (0.02, 0.0, None, "ratio", "up", "+2.0 pts", "↑", "good"),
    ],
)
def test_a_change_says_how_much_which_way_and_whether_it_is_good(
    now: float, before: float, ratio: float | None, unit: str, direction: str, text: str, arrow: str, tone: str
) -> None:
    assert wording.change(now, before, ratio, unit, direction) == wording.Change(text, arrow, tone)


def test_what_cannot_be_compared_has_no_change() -> None:
    assert wording.change(None, 1, 0.1, "count", "up") is None
    assert wording.change(1, None, 0.1, "count", "up") is None
    assert wording.change(5, 0, None, "count", "up") is None


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(20_000, "currency", "€20k"), (150_000, "currency", "€150k"), (1_500_000, "currency", "€1.5M"),
     (0.025, "ratio", "2.5%"), (0.1, "ratio", "10%"), (2, "multiple", "2×"), (100, "count", "100"),
     (2.25, "multiple", "2.25×")],
)  # fmt: skip
def test_a_tick_is_as_short_as_it_can_be(value: float, unit: str, text: str) -> None:
    assert wording.tick(value, unit, "EUR") == text


def test_a_missing_value_says_why() -> None:
    assert wording.absence("too_few_deals") == "n/a: too few deals"
    assert wording.absence("zero_denominator") == "n/a: nothing to divide by"
    assert wording.absence("margin_not_positive") == "n/a: margin not positive"
    assert wording.absence(None) == "n/a: no data for this period"


@pytest.mark.parametrize(
    ("start", "cadence", "long", "short"),
    [
        (date(2026, 11, 22), "day", "Sun 22 Nov 2026", "22 Nov"),
        (date(2026, 11, 16), "week", "Week 47, 16–22 Nov 2026", "W47"),
        (date(2026, 11, 30), "week", "Week 49, 30 Nov–6 Dec 2026", "W49"),
        (date(2026, 12, 28), "week", "Week 53, 28 Dec–3 Jan 2027", "W53"),
        (date(2026, 10, 1), "month", "October 2026", "Oct 26"),
        (date(2026, 7, 1), "quarter", "Q3 2026", "Q3 26"),
        (date(2025, 1, 1), "year", "2025", "2025"),
    ],
)
def test_periods_read_as_people_name_them(start: date, cadence: str, long: str, short: str) -> None:
    assert wording.period(start, cadence) == long
    assert wording.short_period(start, cadence) == short
