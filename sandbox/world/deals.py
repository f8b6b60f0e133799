"""Deals and their history: stages (some skipped, some deals reopened), amounts and their edits, outcomes.

Time inside a deal runs in business days, so two events of one deal never share a day.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sandbox.world import catalogue as cat
from sandbox.world import clock
from sandbox.world.draw import Bools, Draw, Floats, Ints, keys
from sandbox.world.people import Cast

FIRST, RETRY, UPSELL = 0, 1, 2
_WIN_RATE = np.array([0.235, 0.215, 0.165])  # by segment
_MONTHLY = np.array([235.0, 640.0, 1900.0])  # median monthly amount by segment, EUR
_CYCLE = np.array([27.0, 34.0, 48.0])  # median business days to close, by segment
_STAGE_SHARE = (0.0, 0.15, 0.4, 0.65, 0.85)
_NEVER_CLOSED = 0.03


def deals_of(cast: Cast) -> pd.DataFrame:
    """One row per planned deal, with the business-day offsets of its stages in columns o0 … o9 (-1: not entered)."""
    accounts = cast.accounts
    buyers = np.flatnonzero(accounts["has_deal"].to_numpy())
    primary = _primary_rows(cast)[buyers]
    draw = Draw(keys(accounts["key"].to_numpy()[buyers], "deal"))
    sql_day = cast.contacts["sql_day"].to_numpy()[primary]
    first = _plan(cast, buyers, primary, clock.business(sql_day, draw.integers("opened after", 1, 5)), FIRST)
    follow_ups = []
    for kind, follows, low, high in (
        (RETRY, ~first["won"].to_numpy() & draw.chance("retry", 0.16), 60, 140),
        (UPSELL, first["won"].to_numpy() & draw.chance("upsell", 0.34), 70, 260),
    ):
        rows = np.flatnonzero(follows & (first["closed_day"].to_numpy() < clock.NO_DAY))
        day = clock.business(first["closed_day"].to_numpy()[rows], draw.at(rows).integers("again after", low, high))
        follow_ups.append(_plan(cast, buyers[rows], primary[rows], day, kind))
    deals = pd.concat([first, *follow_ups], ignore_index=True)
    return deals[deals["created"] < cast.horizon].reset_index(drop=True)


def _primary_rows(cast: Cast) -> Ints:
    """The row of contact 0 of every account."""
    return np.flatnonzero(cast.contacts["slot"].to_numpy() == 0)


def _plan(cast: Cast, buyers: Ints, primary: Ints, day: Ints, kind: int) -> pd.DataFrame:
    account = cast.accounts.iloc[buyers].reset_index(drop=True)
    draw = Draw(keys(account["key"].to_numpy(), "deal", kind))
    segment = account["segment"].to_numpy()
    quality = np.array([entry.quality for entry in cat.ENTRIES])[account["entry"].to_numpy()]
    odds = _WIN_RATE[segment] * (0.75 + 0.25 * quality) * (2.0 if kind == UPSELL else 1.0)
    wins = draw.chance("wins", odds)
    offsets, closes = _offsets(draw, segment, wins)
    offsets, won = _reopen(draw, offsets, closes, wins)
    last_offset = offsets[:, 5:].max(axis=1)
    final_day = np.where(closes, clock.business(day, np.maximum(last_offset, 0)), clock.NO_DAY)
    amounts = _amounts(draw, segment, offsets, kind)
    country = account["country"].to_numpy()
    created = clock.office(day, draw.uniform("created at")) + 17 * clock.SECOND
    archive_day = clock.business(day, draw.integers("archived after", 2, 60))
    archives = ~won & (kind == FIRST) & draw.chance("archived", 0.018)
    return pd.DataFrame(
        {
            "key": draw.keys,
            "account": buyers,
            "primary": primary,
            "number": account["number"].to_numpy() * 10 + kind,
            "kind": kind,
            "day": day,
            "created": created,
            "won": won,
            "closed_day": final_day,
            "owner": account["owner"].to_numpy(),
            "is_usd": draw.child("currency").chance("usd", np.array([c[2] for c in cat.COUNTRIES])[country]),
            "lost_reason": draw.pick("lost reason", cat.LOST_REASON_SHARES),
            "expected": clock.office(
                clock.business(day, draw.integers("expected", 25, 60)), draw.uniform("expected at")
            ),
            "archived": np.where(archives, clock.office(archive_day, draw.uniform("gone")), clock.NEVER),
            **{f"o{slot}": offsets[:, slot] for slot in range(offsets.shape[1])},
            **{f"a{edit}": amounts[:, edit] for edit in range(3)},
        }
    )


def _offsets(draw: Draw, segment: Ints, wins: Bools) -> tuple[Ints, Bools]:
    """Columns 0-4: the open stages; 5: won; 6: lost; 7-9 are left for reopening. -1 where not entered."""
    total = len(segment)
    pace = draw.lognormal("cycle", np.where(wins, 1.0, 0.8) * _CYCLE[segment], np.where(wins, 0.5, 0.75))
    cycle = np.clip(np.round(pace), 6, 220).astype(np.int64)
    closes = wins | ~draw.chance("stuck", _NEVER_CLOSED)
    furthest = np.where(wins, 4, draw.pick("furthest", (0.22, 0.28, 0.24, 0.16, 0.1)))
    offsets = np.full((total, 10), -1, dtype=np.int64)
    previous = np.zeros(total, dtype=np.int64)
    offsets[:, 0] = 0
    for stage in range(1, 5):
        due = np.maximum(previous + 1, np.round(cycle * _STAGE_SHARE[stage]).astype(np.int64))
        enters = (furthest >= stage) & ~draw.chance(f"skip {stage}", 0.14)
        offsets[:, stage] = np.where(enters, due, -1)
        previous = due
    close = np.maximum(previous + 1, cycle)
    offsets[:, 5] = np.where(closes & wins, close, -1)
    offsets[:, 6] = np.where(closes & ~wins, close, -1)
    return offsets, closes


def _reopen(draw: Draw, offsets: Ints, closes: Bools, wins: Bools) -> tuple[Ints, Bools]:
    """Columns 7: the stage a closed deal goes back to; 8: won again; 9: lost again. Returns who has won in the end."""
    back = closes & np.where(wins, draw.chance("reopened win", 0.025), draw.chance("reopened loss", 0.05))
    closed = np.maximum(offsets[:, 5], offsets[:, 6])
    reopened = closed + np.where(wins, draw.integers("soon", 2, 12), draw.integers("later", 10, 60))
    again = reopened + np.where(wins, draw.integers("redo", 3, 15), draw.integers("retry", 5, 25))
    wins_again = back & draw.chance("wins again", np.where(wins, 0.65, 0.4))
    offsets[:, 7] = np.where(back, reopened, -1)
    offsets[:, 8] = np.where(wins_again, again, -1)
    offsets[:, 9] = np.where(back & ~wins_again, again, -1)
    return offsets, np.where(back, wins_again, wins & closes)


def _amounts(draw: Draw, segment: Ints, offsets: Ints, kind: int) -> Floats:
    """First amount, edit at the presentation (stage 2), discount at the contract (stage 4); NaN where none."""
    monthly = draw.lognormal("monthly", _MONTHLY[segment], 0.45) * (0.4 if kind == UPSELL else 1.0)
    first = np.round(monthly / 5) * 5 * 12
    edits = (offsets[:, 2] > 0) & draw.chance("edit", 0.35)
    second = np.where(edits, np.round(first * draw.uniform("edited", 0.7, 1.35), 2), np.nan)
    cuts = (offsets[:, 4] > 0) & draw.chance("discount", 0.3)
    current = np.where(edits, second, first)
    third = np.where(cuts, np.round(current * draw.uniform("discounted", 0.82, 0.98), 2), np.nan)
    return np.stack([first, second, third], axis=1)


def history_of(deals: pd.DataFrame) -> pd.DataFrame:
    """One row per stage entered or amount set: deal row, property, value, instant; in order of deal and instant."""
    draw = Draw(deals["key"].to_numpy())
    won, lost = cat.STAGES[cat.WON][0], cat.STAGES[cat.LOST][0]
    back = np.where(deals["o5"] >= 0, cat.STAGES[4][0], cat.STAGES[3][0])
    names: tuple[str | None, ...] = (*(stage[0] for stage in cat.STAGES), None, won, lost)
    pieces = [_amount_rows(deals, draw)]
    for slot, name in enumerate(names):
        rows = np.flatnonzero(deals[f"o{slot}"].to_numpy() >= 0)
        at = _at(deals, draw, slot)[rows]
        value = back[rows] if name is None else np.full(len(rows), name)
        pieces.append(pd.DataFrame({"deal": rows, "property": "dealstage", "value": value, "at": at}))
    return pd.concat(pieces, ignore_index=True).sort_values(["deal", "at", "property"], ignore_index=True)


def _at(deals: pd.DataFrame, draw: Draw, slot: int) -> Ints:
    """The instant of one stage slot; the first is the deal's creation."""
    if slot == 0:
        return deals["created"].to_numpy()
    days = clock.business(deals["day"].to_numpy(), np.maximum(deals[f"o{slot}"].to_numpy(), 0))
    return clock.office(days, draw.uniform(f"at {slot}")) + 19 * clock.SECOND


def _amount_rows(deals: pd.DataFrame, draw: Draw) -> pd.DataFrame:
    pieces = []
    for edit, slot in enumerate((0, 2, 4)):
        amounts = deals[f"a{edit}"].to_numpy()
        rows = np.flatnonzero(~np.isnan(amounts))
        at = _at(deals, draw, slot)[rows] + (0 if slot == 0 else 3 * clock.MINUTE)
        value = np.array([f"{amount:.2f}" for amount in amounts[rows]], dtype=object)
        pieces.append(pd.DataFrame({"deal": rows, "property": "amount", "value": value, "at": at}))
    return pd.concat(pieces, ignore_index=True)


def last_known(history: pd.DataFrame, rows: int, column: str, horizon: int) -> tuple[pd.Series, Ints]:
    """The value and instant of each deal's newest known change of one property."""
    known = history[(history["property"] == column) & (history["at"] < horizon)]
    newest = known.groupby("deal", sort=True).last().reindex(np.arange(rows))
    return newest["value"], newest["at"].to_numpy(dtype=np.int64)
