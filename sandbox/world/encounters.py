"""Whom the company met where no system looked: fairs, webinars, partners' referrals, letters; kept as lists by hand.

Every draw has a key of its own, so that nothing else of the world depends on these lists. Of fairs, referrals and
letters they tell the day, of webinars the time. A list names people before the CRM knows them, and strangers it never
will.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sandbox.world import clock, rhythm
from sandbox.world.draw import Draw, Ints, keys, spread
from sandbox.world.people import DUPLICATE, EVENT, OUTBOUND, WEB, Cast
from sandbox.world.text import Texts

FAIR_AFTER, WEBINAR_AFTER = 12, 22  # days of the month, then the next business day
STRANGERS_PER_FAIR = 5.0  # scale 1
# type, channel
_MET = ("event", "events")
_REFERRAL, _LETTER = ("partner_referral", "partner"), ("offline", "letters")


def touches(cast: Cast, addresses: Texts) -> pd.DataFrame:
    """One row per person and encounter since the world's start and before the horizon, as people keep it."""
    known = [each(cast, addresses) for each in (_fairs, _webinars, _referrals, _letters)]
    listed = pd.concat([*known, _strangers(cast)], ignore_index=True)
    begins = clock.midnight(np.array([cast.start]))[0]
    listed = listed[listed["at"].between(begins, cast.horizon - 1)].sort_values(
        ["at", "email"], kind="stable", ignore_index=True
    )
    return listed.assign(touched_at=clock.stamps(listed["at"].to_numpy())).drop(columns="at")


def _fairs(cast: Cast, addresses: Texts) -> pd.DataFrame:
    """Those who came from an event met the company on one of the two days of the last fair before."""
    rows, draw, days = _of(cast, EVENT, "fair", 0.2)
    return _told(addresses[rows], _MET, _last(days, FAIR_AFTER, 2) + draw.integers("day", 0, 1), "fair")


def _strangers(cast: Cast) -> pd.DataFrame:
    """Visitors of a fair whom nobody followed up."""
    months = np.unique(_month(np.arange(cast.start, cast.until + 1)))
    expected = np.full(len(months), STRANGERS_PER_FAIR * cast.scale)
    rows, number = spread(rhythm.count(cast.seed, "strangers", months, expected))
    draw = Draw(keys(cast.seed, "stranger", months[rows], number))
    mails = np.array([f"visitor.{key:x}@elsewhere.example" for key in draw.keys], dtype=object)
    days = clock.business(months[rows] + FAIR_AFTER) + draw.integers("day", 0, 1)
    return _told(mails, _MET, days, "fair")


def _webinars(cast: Cast, addresses: Texts) -> pd.DataFrame:
    """Some heard of the company in a webinar, some came to one when they knew it, all at eleven."""
    pieces = []
    for salt, share, later in (("webinar before", 0.02, 0), ("webinar after", 0.025, 35)):
        rows, _, days = _of(cast, WEB, salt, share)
        days = _last(days + later, WEBINAR_AFTER, 1)
        noon = clock.midnight(days + 1) - 12 * clock.HOUR
        pieces.append(_told(addresses[rows], _MET, days, "webinar", noon - clock.HOUR))
    return pd.concat(pieces, ignore_index=True)


def _referrals(cast: Cast, addresses: Texts) -> pd.DataFrame:
    """Partners sent some of those whom sales wrote to; whoever noted it typed in capitals."""
    rows, draw, days = _of(cast, OUTBOUND, "referred", 0.04)
    referred = _told(addresses[rows], _REFERRAL, days - draw.integers("days before", 1, 6), None)
    return referred.assign(email=referred["email"].str.upper())


def _letters(cast: Cast, addresses: Texts) -> pd.DataFrame:
    """Paper, some weeks after the company knew whom to write to."""
    rows, draw, days = _of(cast, EVENT, "letter", 0.06)
    return _told(addresses[rows], _LETTER, clock.business(days + draw.integers("days after", 5, 60)), "letter")


def _of(cast: Cast, origin: int, salt: str, share: float) -> tuple[Ints, Draw, Ints]:
    """A share of the contacts of an origin: their rows, draws and first days."""
    contacts = cast.contacts
    draw = Draw(keys(contacts["key"].to_numpy(), "encounter", salt))
    legacy = cast.accounts["is_legacy"].to_numpy()[contacts["account"].to_numpy()]
    is_one = (contacts["origin"] == origin).to_numpy() & (contacts["slot"] != DUPLICATE).to_numpy() & ~legacy
    rows = np.flatnonzero(is_one & draw.chance("is one", share))
    return rows, draw.at(rows), contacts["first_day"].to_numpy()[rows]


def _month(days: Ints) -> Ints:
    first: Ints = days.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return first


def _last(days: Ints, after: int, length: int) -> Ints:
    """The first day of the last monthly event of so many days that was over before each day."""
    this = clock.business(_month(days) + after)
    before = clock.business(_month(_month(days) - 1) + after)
    return np.where(this + length <= days, this, before)


def _told(mails: Texts, kind: tuple[str, str], days: Ints, name: str | None, at: Ints | None = None) -> pd.DataFrame:
    """Rows of one kind; without a time they tell the day."""
    month = days.astype("datetime64[D]").astype("datetime64[M]").astype(str)
    return pd.DataFrame(
        {
            "at": clock.midnight(days) if at is None else at,
            "email": mails,
            "touch_type": kind[0],
            "channel": kind[1],
            "campaign": [f"{name}-{each}" for each in month] if name else np.full(len(days), None, dtype=object),
        }
    )
