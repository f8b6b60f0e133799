"""What management expects: KPI targets a quarter ahead, and published benchmarks to compare with."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sandbox.world import clock, rhythm
from sandbox.world.draw import Ints
from sandbox.world.money import months

_AHEAD_DAYS = 100

# KPI, value expected of a month at the start (scale 1), growth with the company (1 full, 0 none), grows with scale.
_MONTHLY: tuple[tuple[str, float, float, bool], ...] = (
    ("web_sessions", 8_200.0, 1.0, True),
    ("bounce_rate", 0.44, 0.0, False),
    ("web_conversion_rate", 0.025, 0.0, False),
    ("leads_created", 480.0, 1.0, True),
    ("cpl", 24.0, 0.0, False),
    ("cac", 4_600.0, 0.0, False),
    ("romi", 1.2, 0.0, False),
    ("pipeline_generated", 460_000.0, 1.0, True),
    ("win_rate", 0.27, 0.0, False),
    ("sales_cycle_days", 45.0, 0.0, False),
    ("revenue", 100_000.0, 1.0, True),
    ("mrr", 118_000.0, 1.95, True),
    ("customer_churn_rate", 0.022, 0.0, False),
    ("retention_rate", 0.978, 0.0, False),
    ("meetings_booked", 190.0, 1.0, True),
)
_WEEKLY: tuple[tuple[str, float, float, bool], ...] = (
    ("web_sessions", 1_900.0, 1.0, True),
    ("leads_created", 112.0, 1.0, True),
    ("meetings_booked", 44.0, 1.0, True),
    ("demos_next_week", 13.0, 1.0, True),
    ("email_open_rate", 0.36, 0.0, False),
    ("email_click_rate", 0.03, 0.0, False),
)
_QUARTERLY: tuple[tuple[str, float, float, bool], ...] = (
    ("revenue", 300_000.0, 1.0, True),
    ("mrr", 118_000.0, 1.95, True),
    ("ltv_cac_ratio", 4.0, 0.0, False),
    ("win_rate", 0.27, 0.0, False),
)
_WIN_RATES = {"smb": 0.28, "mid_market": 0.26, "enterprise": 0.2}


def targets(start: int, scale: float, until: int) -> pd.DataFrame:
    """Targets of every period that begins within the next quarter, set without knowing the outcome."""
    end = until + _AHEAD_DAYS
    month_days = months(start, end)
    is_quarter = (month_days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 3) == 0
    monday = start - (start + 3) % 7
    pieces = [_lines("month", month_days, start, scale, _MONTHLY)]
    pieces.append(_lines("week", np.arange(monday, end, 7, dtype=np.int64), start, scale, _WEEKLY))
    pieces.append(_lines("quarter", month_days[is_quarter], start, scale, _QUARTERLY))
    for segment, rate in _WIN_RATES.items():
        line = _lines("month", month_days, start, scale, (("win_rate", rate, 0.0, False),))
        pieces.append(line.assign(dimension="segment", dimension_value=segment))
    return pd.concat(pieces, ignore_index=True)


def _lines(
    cadence: str, first_days: Ints, start: int, scale: float, plan: tuple[tuple[str, float, float, bool], ...]
) -> pd.DataFrame:
    grown = rhythm.growth(np.maximum(first_days, start), start) - 1.0
    pieces = []
    for kpi, value, pace, sized in plan:
        expected = value * (1.0 + grown * pace) * (scale if sized else 1.0)
        pieces.append(
            pd.DataFrame(
                {
                    "kpi": kpi,
                    "cadence": cadence,
                    "period_start": clock.dates(first_days),
                    "dimension": "total",
                    "dimension_value": "total",
                    "target": np.round(expected, 4),
                }
            )
        )
    return pd.concat(pieces, ignore_index=True)


def benchmarks() -> pd.DataFrame:
    """Vendors' published figures: reference points with a year and a source, never expectations."""
    rows = (
        ("email_open_rate", "all", 2019, 0.2271, "mailchimp.com/resources/email-marketing-benchmarks",
         "Unique opens per delivered mail, before mail privacy protection"),
        ("email_click_rate", "all", 2019, 0.0291, "mailchimp.com/resources/email-marketing-benchmarks",
         "Unique clicks per delivered mail"),
        ("web_conversion_rate", "b2b_saas", 2025, 0.02, "growthengineer.ai", "Visitor to lead, median"),
        ("win_rate", "b2b_saas", 2025, 0.2, "growthengineer.ai", "Opportunity to customer, median"),
        ("ltv_cac_ratio", "b2b_saas", 2024, 3.0, "getchief.com", "Lifetime value per acquisition cost, healthy from"),
    )  # fmt: skip
    return pd.DataFrame(rows, columns=["kpi", "sector", "year", "value", "source", "definition"])
