"""What the company spends and plans: ad platforms, monthly costs, exchange rates, targets, benchmarks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sandbox.world import catalogue as cat
from sandbox.world import clock, rhythm
from sandbox.world.draw import Draw, Floats, Ints, keys
from sandbox.world.people import LEGACY_DAYS
from sandbox.world.visits import STRANGERS_PER_DAY

_SESSIONS_PER_STRANGER = 1.15  # sessions that an ad click starts, as clicks are counted before consent and reloads
_RATES = {"USD": 0.92, "GBP": 1.17}
_RATES_SINCE = 16_436  # 2015-01-01: the walk of the rates starts here whatever the world's start

# category, channel, amount in EUR a month at the start (scale 1), growth with the company (0 none, 1 full)
_COSTS: tuple[tuple[str, str | None, float, float], ...] = (
    ("salaries_marketing", None, 17_500.0, 0.8),
    ("salaries_sales", None, 44_000.0, 0.9),
    ("tools", None, 3_200.0, 0.5),
    ("tools", "email", 1_100.0, 0.8),
    ("agency", "paid_search", 2_400.0, 0.6),
    ("agency", "organic_search", 2_900.0, 0.6),
    ("events", "events", 2_600.0, 0.7),
)


def ad_spend(seed: int, start: int, scale: float, until: int) -> pd.DataFrame:
    """One row per day and paid campaign; clicks follow the sessions the campaign brings."""
    days = np.arange(start, until, dtype=np.int64)
    paid = [entry for entry in cat.ENTRIES if entry.platform]
    pieces = []
    for entry in paid:
        draw = Draw(keys(seed, "ads", entry.campaign or "", days))
        sessions = STRANGERS_PER_DAY * scale * _SESSIONS_PER_STRANGER * entry.share * rhythm.web(days, start)
        clicks = np.floor(sessions * draw.lognormal("clicks", 1.0, 0.15) + draw.uniform("round")).astype(np.int64)
        price = entry.cost_per_click * draw.lognormal("price", 1.0, 0.1)
        pieces.append(
            pd.DataFrame(
                {
                    "date": clock.dates(days),
                    "platform": entry.platform,
                    "channel": entry.channel,
                    "campaign": entry.campaign,
                    "spend": np.round(clicks * price, 2),
                    "currency": entry.currency,
                    "impressions": (clicks / entry.click_rate * draw.lognormal("shown", 1.0, 0.1)).astype(np.int64),
                    "clicks": clicks,
                }
            )
        )
    return pd.concat(pieces, ignore_index=True).sort_values(["date", "platform", "campaign"], ignore_index=True)


def months(first: int, until: int) -> Ints:
    """First days of the months that begin in [first's month, until)."""
    begin = np.datetime64(clock.as_date(first), "M")
    end = np.datetime64(clock.as_date(until - 1), "M") + 1
    return np.arange(begin, end).astype("datetime64[D]").astype(np.int64)


def marketing_costs(seed: int, start: int, scale: float, until: int) -> pd.DataFrame:
    """Salaries, tools, agencies and events; a month's costs are known from its first day (contracts and payroll)."""
    first_days = months(start, until)
    pieces = []
    for number, (category, channel, amount, pace) in enumerate(_COSTS):
        draw = Draw(keys(seed, "costs", number, first_days))
        grown = 1.0 + (rhythm.growth(np.maximum(first_days, start), start) - 1.0) * pace
        wobble = 0.35 if category == "events" else 0.04
        cost = np.round(amount * scale * grown * draw.lognormal("wobble", 1.0, wobble), 2)
        pieces.append(
            pd.DataFrame(
                {
                    "month": clock.dates(first_days),
                    "category": category,
                    "channel": channel,
                    "amount": cost,
                    "currency": "EUR",
                }
            )
        )
    return pd.concat(pieces, ignore_index=True).sort_values(["month", "category"], kind="stable", ignore_index=True)


def fx_rates(seed: int, start: int, until: int) -> pd.DataFrame:
    """EUR per unit for every calendar day since the oldest contract; a slow walk around a level."""
    days = np.arange(_RATES_SINCE, until, dtype=np.int64)
    since = start - LEGACY_DAYS
    pieces = []
    for currency, level in _RATES.items():
        shocks: Floats = Draw(keys(seed, "fx", currency, days)).normal("shock") * 0.0035
        powers = 0.995 ** np.arange(0, 600)
        walk = np.convolve(shocks, powers)[: len(days)]
        rate = np.round(level * np.exp(walk), 6)
        pieces.append(pd.DataFrame({"date": days, "currency": currency, "rate": rate}))
    rates = pd.concat(pieces, ignore_index=True)
    rates = rates[rates["date"] >= since].sort_values(["date", "currency"], ignore_index=True)
    return rates.assign(date=clock.dates(rates["date"].to_numpy()))
