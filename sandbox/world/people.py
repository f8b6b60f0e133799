"""The cast: every account (a company, or a person alone) and its contacts, and all that will happen to them as leads.

Accounts of a day are drawn from that day's key alone. Accounts before the world's start are customers migrated from an
older CRM: they carry no stage dates and no deals, only contracts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sandbox.world import catalogue as cat
from sandbox.world import clock, rhythm
from sandbox.world.draw import Draw, Ints, keys, spread

ACCOUNTS_PER_DAY = 8.3  # at the start, scale 1
LEGACY_DAYS = 365
LEGACY_PER_DAY = 0.75
DUPLICATE = 9  # number of the contact that is a second record of contact 0
_SIZES = (0.42, 0.26, 0.17, 0.08, 0.05, 0.02)
WEB, OUTBOUND, EVENT = 0, 1, 2


@dataclass(frozen=True)
class Cast:
    """Plans, not yet records: instants of the future included, `clock.NEVER` for what never happens."""

    seed: int
    start: int
    scale: float
    until: int  # day
    accounts: pd.DataFrame
    contacts: pd.DataFrame

    @property
    def horizon(self) -> int:
        """The instant of the snapshot."""
        return int(clock.midnight(np.array([self.until]))[0])


def cast_of(seed: int, start: int, scale: float, until: int) -> Cast:
    """Everybody born before `until` (a day number)."""
    accounts = _accounts(seed, start, scale, until)
    return Cast(seed, start, scale, until, accounts, _contacts(accounts, start))


def _accounts(seed: int, start: int, scale: float, until: int) -> pd.DataFrame:
    days = np.arange(start - LEGACY_DAYS, until, dtype=np.int64)
    is_legacy = days < start
    expected = np.where(is_legacy, LEGACY_PER_DAY, ACCOUNTS_PER_DAY * rhythm.sales(days, start)) * scale
    rows, numbers = spread(rhythm.count(seed, "accounts", days, expected))
    day = days[rows]
    draw = Draw(keys(seed, "account", day, numbers))
    legacy = is_legacy[rows]
    segment = draw.pick("segment", cat.SEGMENT_SHARES)
    bounds = np.array(cat.EMPLOYEES, dtype=np.float64)
    size_log = draw.uniform("employees", np.log(bounds[segment, 0]), np.log(bounds[segment, 1] + 1))
    entry = draw.pick("entry", [entry.share for entry in cat.ENTRIES])
    quality = np.array([e.quality for e in cat.ENTRIES])[entry]
    origin = np.where(legacy, OUTBOUND, draw.pick("origin", (0.62, 0.23, 0.15)))
    quality = np.where(origin == WEB, quality, np.where(origin == EVENT, 1.1, 0.7))
    has_company = legacy | ~draw.chance("alone", 0.12)
    has_deal = has_company & ~legacy & draw.chance("deal", 0.33 * quality)
    owner = _owners(draw, segment, day, start)
    return pd.DataFrame(
        {
            "key": draw.keys,
            "number": (day - 15_000) * 10_000 + numbers,
            "day": day,
            "is_legacy": legacy,
            "has_company": has_company,
            "has_deal": has_deal,
            "country": draw.pick("country", [c[1] for c in cat.COUNTRIES]),
            "segment": segment,
            "employees": np.where(draw.chance("unknown size", 0.04), -1, np.exp(size_log).astype(np.int64)),
            "entry": entry,
            "origin": origin,
            "owner": owner,
            # Without an owner until somebody works the lead; deals always have one.
            "is_owned": has_deal | legacy | draw.chance("owned", 0.7),
            "size": np.where(has_company, 1 + draw.pick("size", _SIZES), 1),
            "has_duplicate": has_company & ~legacy & draw.chance("duplicate", 0.04),
            "has_company_duplicate": has_company & ~legacy & draw.chance("company duplicate", 0.03),
        }
    )


def _owners(draw: Draw, segment: Ints, day: Ints, start: int) -> Ints:
    """The owner of each account: one of those who serve its segment and are there on its day."""
    joined = np.array([start + o.joined for o in cat.OWNERS])
    left = np.array([start + o.left if o.left is not None else clock.NO_DAY for o in cat.OWNERS])
    serves = np.array([o.segment for o in cat.OWNERS])
    skill = 0.35 + np.stack([draw.child("owner", number).uniform("weight") for number in range(len(cat.OWNERS))])
    fits = (serves[:, None] == segment) & (joined[:, None] <= day) & (day < left[:, None] - 30)
    return np.asarray(np.argmax(skill * fits, axis=0), dtype=np.int64)


def _contacts(accounts: pd.DataFrame, start: int) -> pd.DataFrame:
    rows, slot = _slots(accounts)
    account = accounts.iloc[rows].reset_index(drop=True)
    draw = Draw(keys(account["key"].to_numpy(), "contact", slot))
    legacy = account["is_legacy"].to_numpy()
    is_duplicate = slot == DUPLICATE
    origin = np.where(slot == 0, account["origin"], np.where(draw.chance("web", 0.42), WEB, OUTBOUND))
    origin = np.where(legacy | is_duplicate, OUTBOUND, origin)
    lag = np.where(
        slot == 0, 0, np.where(is_duplicate, draw.integers("twin lag", 1, 35), draw.exponential("lag", 22.0))
    )
    first_day = account["day"].to_numpy() + np.where(legacy, 0, lag).astype(np.int64)
    visits = np.where(origin == WEB, 1 + draw.geometric("visits", 1.9), 0)
    pause = np.where(visits > 1, draw.exponential("pause", 11.0), 0.0)
    form_day = first_day + np.minimum(pause, 80).astype(np.int64)
    at_form = clock.elapsed(form_day, browsing_hour(draw, "form")) + draw.integers("minutes", 60, 540) * clock.SECOND
    at_desk = (
        clock.office(clock.business(first_day), draw.uniform("desk")) + draw.integers("second", 1, 59) * clock.SECOND
    )
    created = np.where(origin == WEB, at_form, at_desk)
    event = draw.pick("event", (0.55, 0.3, 0.15))
    newsletter = (event == 2) & draw.chance("newsletter", 0.75) & ~(account["has_deal"].to_numpy() & (slot == 0))
    contacts = pd.DataFrame(
        {
            "key": draw.keys,
            "account": rows,
            "slot": slot,
            "number": account["number"].to_numpy() * 10 + slot,
            "origin": origin,
            "is_duplicate": is_duplicate,
            "first_day": first_day,
            "form_day": form_day,
            "visits": np.minimum(visits, 9),
            "event": event,
            "is_subscriber": newsletter & (origin == WEB),
            "created": created,
            "is_test": draw.chance("test", 0.004) & ~account["has_deal"].to_numpy() & ~legacy & ~is_duplicate,
        }
    )
    _archive(contacts, account, draw)
    _merge(contacts, account, draw)
    return _qualify(contacts, account, draw)


def _slots(accounts: pd.DataFrame) -> tuple[Ints, Ints]:
    """(account row, slot) of every contact; a duplicate record of contact 0 has the slot `DUPLICATE`."""
    rows, slot = spread(accounts["size"].to_numpy())
    twins = np.flatnonzero(accounts["has_duplicate"].to_numpy())
    all_rows = np.concatenate([rows, twins])
    all_slots = np.concatenate([slot, np.full(len(twins), DUPLICATE, dtype=np.int64)])
    order = np.lexsort((all_slots, all_rows))
    return all_rows[order], all_slots[order]


def browsing_hour(draw: Draw, salt: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A share of the day when people browse: mostly working hours, some evening, little night."""
    at_work = draw.uniform(salt + "/work", 0.36, 0.78)
    return np.where(draw.chance(salt + "/late", 0.22), draw.uniform(salt + "/any", 0.002, 0.985), at_work)


def _archive(contacts: pd.DataFrame, account: pd.DataFrame, draw: Draw) -> None:
    """Some contacts of accounts without a deal are deleted in the CRM later (erasure requests, spam)."""
    gone = draw.chance("archived", 0.02) & ~account["has_deal"].to_numpy() & ~account["has_duplicate"].to_numpy()
    gone &= ~contacts["is_test"].to_numpy()
    days = clock.business(contacts["form_day"].to_numpy(), draw.integers("archived after", 5, 180))
    contacts["archived"] = np.where(gone, clock.office(days, draw.uniform("archived at")), clock.NEVER)


def _merge(contacts: pd.DataFrame, account: pd.DataFrame, draw: Draw) -> None:
    """When a duplicate contact joins contact 0, and when a contact's duplicate company joins the account's company."""
    first = contacts.groupby("account", sort=False)["created"].transform("first").to_numpy()
    latest = np.maximum(first, contacts["created"].to_numpy())
    after = clock.business(clock.day_of(latest), draw.integers("merged after", 3, 30))
    merged = clock.office(after, draw.uniform("merged at")) + 7 * clock.SECOND
    contacts["merged"] = np.where(contacts["is_duplicate"], merged, clock.NEVER)
    strays = account["has_company_duplicate"].to_numpy() & (contacts["slot"].to_numpy() == 1)
    contacts["company_merged"] = np.where(strays, merged + 60 * clock.SECOND, clock.NEVER)


def _qualify(contacts: pd.DataFrame, account: pd.DataFrame, draw: Draw) -> pd.DataFrame:
    """Lead, MQL and SQL instants; where a stage is skipped its instant is NEVER. Deals add the later stages."""
    created = contacts["created"].to_numpy()
    legacy = account["is_legacy"].to_numpy()
    buys = (account["has_deal"] & (contacts["slot"] == 0)).to_numpy()
    lead = np.where(legacy | contacts["is_subscriber"].to_numpy(), clock.NEVER, created)
    pace = draw.integers("mql after", 0, 6)
    mql_day = clock.business(clock.day_of(created), pace)
    scored = created + draw.integers("scored after", 5, 50) * clock.MINUTE
    mql_at = np.where(pace == 0, scored, clock.office(mql_day, draw.uniform("mql at")) + 11 * clock.SECOND)
    sql_day = clock.business(np.maximum(mql_day, clock.day_of(scored)), draw.integers("sql after", 1, 8))
    sql_at = clock.office(sql_day, draw.uniform("sql at")) + 13 * clock.SECOND
    warm = np.where(contacts["origin"] == WEB, np.where(contacts["event"] == 1, 0.75, 0.36), 0.16)
    is_lead = lead < clock.NEVER
    is_mql = is_lead & (buys | draw.chance("mql", warm)) & ~contacts["is_duplicate"].to_numpy()
    is_sql = is_mql & (buys | draw.chance("sql", 0.3))
    contacts["sql_day"] = sql_day
    untouched = (contacts["archived"] == clock.NEVER) & ~contacts["is_test"]
    contacts["works"] = is_mql & untouched.to_numpy()
    contacts["lead"] = np.where(buys & draw.chance("skip lead", 0.04), clock.NEVER, lead)
    contacts["mql"] = np.where(is_mql & ~(is_sql & draw.chance("skip mql", 0.14)), mql_at, clock.NEVER)
    contacts["sql"] = np.where(is_sql & ~(buys & draw.chance("skip sql", 0.1)), sql_at, clock.NEVER)
    return contacts
