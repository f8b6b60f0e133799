"""The business rules a KPI depends on, and what a channel is. Defaults are the project's own defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

CADENCES = ("day", "week", "month", "quarter", "year")
MODELS = (
    "first_touch",
    "last_touch",
    "last_non_direct",
    "linear",
    "position_based",
    "w_shaped",
    "full_path",
    "time_decay",
)
CUSTOM = "custom"
CONVERSION_TYPES = ("lead", "mql", "opportunity", "customer", "order")
SIZE_CLASSES = ("smb", "mid_market", "enterprise")
NONE = "(none)"
UNATTRIBUTED = "unattributed"

_BY_MEDIUM = {
    "(none)": "direct",
    "organic": "organic_search",
    "cpc": "paid_search",
    "paid_social": "paid_social",
    "display": "display",
    "social": "organic_social",
    "email": "email",
    "referral": "referral",
    "audio": "audio",
}


@dataclass(frozen=True)
class Paths:
    """Which touches the paths of a conversion type hold: kinds (all where none is named), how far back, and whose."""

    touches: tuple[str, ...] = ()
    lookback_days: float = 90
    of_company: bool = False


@dataclass(frozen=True)
class Rules:
    """Thresholds and windows of the KPI definitions."""

    time_zone: str = "Europe/Paris"
    currency: str = "EUR"
    engaged_seconds: int = 10
    engaged_page_views: int = 2
    email_window_days: int = 7
    mid_market_from: int = 50
    enterprise_from: int = 500
    paths: Mapping[str, Paths] = field(default_factory=lambda: dict.fromkeys(CONVERSION_TYPES, Paths()))
    since_previous: bool = False  # a path begins after the conversion of its type before it
    custom: Mapping[str, float] | None = None  # weights by role of one more model
    half_life_days: float = 7.0
    position: tuple[float, float] = (0.4, 0.4)  # of the first and the last touch
    kpi_model: str = "position_based"
    sourced_rule: str = "first_touch"
    not_marketing_channels: tuple[str, ...] = ("direct", "partner", "sales", UNATTRIBUTED)
    margin_ratio: float = 0.8
    velocity_days: int = 90
    velocity_min_won: int = 10
    churn_months: int = 6
    sales_cost_categories: tuple[str, ...] = ("salaries_sales",)


def channels(medium: pd.Series) -> pd.Series:
    """The channel of each session; in this world the medium tells it."""
    return medium.map(_BY_MEDIUM).fillna("other")


def named(words: pd.Series) -> pd.Series:
    """The segment that people wrote down: a size class in our spelling, anything else in theirs."""
    spelt = words.str.lower().str.replace("[- ]", "_", regex=True)
    return words.where(~spelt.isin(SIZE_CLASSES), spelt)


def segments(employees: pd.Series, rules: Rules) -> pd.Series:
    """Company size class; unknown size is '(none)'."""
    classes = pd.cut(
        employees.astype(float),
        [-1.0, rules.mid_market_from - 0.5, rules.enterprise_from - 0.5, float("inf")],
        labels=[*SIZE_CLASSES],
    )
    return classes.astype(object).where(employees.notna(), NONE)
