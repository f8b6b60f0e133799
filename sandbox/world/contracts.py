"""Recurring contracts: what a customer pays each month, from signature to churn, and sometimes back.

A change of price ends one contract and starts the next on the same day; a gap is churn followed by a return.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sandbox.world import catalogue as cat
from sandbox.world import clock
from sandbox.world.draw import Draw, Ints, keys
from sandbox.world.people import Cast

_CHANGES = 10  # more than any customer reaches in years
# Monthly hazards by segment: expansion, contraction, churn.
_HAZARDS = np.array([[0.020, 0.006, 0.0290], [0.028, 0.006, 0.0190], [0.030, 0.005, 0.0110]])
_RETURNS = 0.14
_LEGACY_MONTHLY = np.array([220.0, 600.0, 1700.0])


def contracts_of(cast: Cast, deals: pd.DataFrame, signed_monthly: pd.Series) -> pd.DataFrame:
    """Planned contracts: account row, number, monthly amount, currency, first day, end (exclusive, or NO_DAY)."""
    customers = _customers(cast, deals, signed_monthly)
    draw = Draw(keys(cast.accounts["key"].to_numpy()[customers["account"].to_numpy()], "contracts"))
    segment = cast.accounts["segment"].to_numpy()[customers["account"].to_numpy()]
    hazards = _HAZARDS[segment]
    total = hazards.sum(axis=1)
    day = customers["day"].to_numpy()
    monthly = customers["monthly"].to_numpy(dtype=np.float64)
    active = np.ones(len(customers), dtype=np.bool_)
    pieces = []
    for change in range(_CHANGES):
        step = draw.child("change", change)
        lasts = np.maximum(20, step.exponential("lasts", 30.44 / total)).astype(np.int64)
        ends = day + lasts
        piece = customers[["account", "is_usd"]].assign(number=change, monthly=monthly, first=day, ends=ends)
        pieces.append(piece[active & (day < cast.until)])
        what = step.uniform("what") * total
        grows = what < hazards[:, 0]
        leaves = what >= hazards[:, 0] + hazards[:, 1]
        factor = np.where(grows, step.uniform("more", 1.08, 1.6), step.uniform("less", 0.55, 0.9))
        monthly = np.where(leaves, monthly * step.uniform("back at", 0.7, 1.1), monthly * factor)
        monthly = np.round(monthly, 2)
        active = active & (~leaves | step.chance("returns", _RETURNS))
        day = np.where(leaves, ends + step.integers("away", 25, 150), ends)
    contracts = pd.concat(pieces, ignore_index=True)
    return contracts.sort_values(["first", "account", "number"], ignore_index=True)


def _customers(cast: Cast, deals: pd.DataFrame, signed_monthly: pd.Series) -> pd.DataFrame:
    """Every account that signs once: the first deal it wins, or its contract from before the world's start."""
    signs = deals["won"].to_numpy() & (deals["kind"].to_numpy() < 2)
    won = deals[signs]
    draw = Draw(won["key"].to_numpy())
    signed = pd.DataFrame(
        {
            "account": won["account"].to_numpy(),
            "is_usd": won["is_usd"].to_numpy(),
            "monthly": signed_monthly.to_numpy()[signs],
            "day": won["closed_day"].to_numpy() + draw.integers("starts after", 1, 10),
        }
    )
    rows = np.flatnonzero(cast.accounts["is_legacy"].to_numpy())
    old = cast.accounts.iloc[rows]
    draw = Draw(keys(old["key"].to_numpy(), "legacy"))
    usd_share = np.array([c[2] for c in cat.COUNTRIES])[old["country"].to_numpy()]
    monthly = draw.lognormal("monthly", _LEGACY_MONTHLY[old["segment"].to_numpy()], 0.45)
    legacy = pd.DataFrame(
        {
            "account": rows,
            "is_usd": draw.chance("usd", usd_share),
            "monthly": np.round(monthly / 5) * 5,
            "day": old["day"].to_numpy(),
        }
    )
    return pd.concat([signed, legacy], ignore_index=True).sort_values("account", ignore_index=True)


def active_from(cast: Cast, contracts: pd.DataFrame) -> Ints:
    """The first contract day of every account, NO_DAY where there is none."""
    first = np.full(len(cast.accounts), clock.NO_DAY, dtype=np.int64)
    np.minimum.at(first, contracts["account"].to_numpy(), contracts["first"].to_numpy())
    return first
