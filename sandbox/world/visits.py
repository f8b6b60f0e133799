"""Web sessions: strangers, future contacts on their way to a form, leads and buyers reading on, customers logging in,
and readers who clicked in an email. Cookies get lost, consent is refused, some days arrive late.

A session's second of the day is `64 × n + k` with k its number among the visitor's, so ids never collide.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sandbox.world import catalogue as cat
from sandbox.world import clock, rhythm
from sandbox.world.browsers import browsers_of
from sandbox.world.draw import Draw, Ints, keys, spread
from sandbox.world.people import WEB, Cast, browsing_hour
from sandbox.world.text import ids

STRANGERS_PER_DAY = 198.0  # at the start, scale 1
CONSENT = 0.76
_NONE = -1
_EMAIL = len(cat.ENTRIES)
_ADS = np.array([max(len(entry.contents), 1) for entry in (*cat.ENTRIES, cat.EMAIL_ENTRY)])


def visits_of(cast: Cast, deals: pd.DataFrame, customer_from: Ints, clicks: pd.DataFrame) -> pd.DataFrame:
    """One row per session before the horizon, observed or not."""
    people = _people(cast, customer_from)
    planned = [
        _strangers(cast),
        _journeys(cast),
        _reading(cast),
        _buying(cast, deals),
        _customer_visits(cast, people),
        _from_email(cast, clicks),
    ]
    plans = pd.concat(planned, ignore_index=True)
    plans = plans[plans["at"] < cast.horizon]
    return _sessions(plans.sort_values(["at", "visitor", "slot"], ignore_index=True), people, cast)


def _people(cast: Cast, customer_from: Ints) -> pd.DataFrame:
    """Login of each contact and the instant it was created: signing up on the site, or becoming a customer."""
    contacts = cast.contacts
    draw = Draw(contacts["key"].to_numpy())
    since = customer_from[contacts["account"].to_numpy()]
    invited = (since < clock.NO_DAY) & (contacts["slot"].to_numpy() < 4) & draw.chance("invited", 0.8)
    from_day = np.maximum(np.minimum(since, 30_000), contacts["form_day"].to_numpy() + 1)
    at_contract = clock.office(clock.business(from_day), draw.uniform("invited at")) + 23 * clock.SECOND
    signs_up = (contacts["origin"] == WEB) & (contacts["event"] == 2)
    login_from = np.where(signs_up, contacts["created"], np.where(invited, at_contract, clock.NEVER))
    return pd.DataFrame(
        {"login_from": login_from, "invited": invited, "first_day": contacts["first_day"], "from": from_day}
    )


def logins_from(cast: Cast, customer_from: Ints) -> Ints:
    """The instant each contact was given a login, NEVER for most."""
    return _people(cast, customer_from)["login_from"].to_numpy()


def _plan(draw: Draw, person: Ints, visitor: Ints, slot: Ints, day: Ints, entry: Ints, event: Ints) -> pd.DataFrame:
    share = browsing_hour(draw, "hour")
    seconds = (clock.elapsed(day, share) - clock.midnight(day)) // clock.SECOND // 64 * 64 + slot
    at = clock.midnight(day) + seconds * clock.SECOND + draw.integers("fraction", 1, 999) * 1000
    return pd.DataFrame(
        {
            "draw": draw.keys,
            "person": person,
            "visitor": visitor,
            "slot": slot,
            "day": day,
            "at": at,
            "entry": entry,
            "event": event,
        }
    )


def _strangers(cast: Cast) -> pd.DataFrame:
    days = np.arange(cast.start, cast.until, dtype=np.int64)
    expected = STRANGERS_PER_DAY * cast.scale * rhythm.web(days, cast.start)
    rows, numbers = spread(rhythm.count(cast.seed, "strangers", days, expected))
    visitor = Draw(keys(cast.seed, "stranger", days[rows], numbers))
    shares = [entry.share for entry in cat.ENTRIES]
    owner, slot = spread(np.minimum(1 + visitor.geometric("sessions", 0.38), 12))
    draw = visitor.at(owner).child("session", slot)
    returns = np.where(slot == 0, 0, slot + draw.exponential("gap", 9.0 * np.maximum(slot, 1)).astype(np.int64))
    entry = visitor.pick("entry", shares)[owner]
    entry = np.where((slot > 0) & draw.chance("direct", 0.5), cat.RETURNING, entry)
    event = np.where(draw.chance("event", 0.002), 2, _NONE)  # signs up under an address nobody knows
    return _plan(
        draw, np.full(len(owner), _NONE), draw_keys(visitor, owner), slot, days[rows][owner] + returns, entry, event
    )


def draw_keys(draw: Draw, rows: Ints) -> Ints:
    """Keys as signed integers, for columns of a frame."""
    return draw.keys[rows].view(np.int64)


def _journeys(cast: Cast) -> pd.DataFrame:
    """The visits that lead a web contact to the form; the last of them carries the key event."""
    contacts = cast.contacts
    rows, slot = spread(contacts["visits"].to_numpy())
    person = Draw(contacts["key"].to_numpy())
    draw = person.at(rows).child("journey", slot)
    total = contacts["visits"].to_numpy()[rows]
    first, last = contacts["first_day"].to_numpy()[rows], contacts["form_day"].to_numpy()[rows]
    middle = first + np.floor((last - first) * (slot + draw.uniform("when")) / np.maximum(total, 1)).astype(np.int64)
    day = np.where(slot == 0, first, middle)
    is_form = slot == total - 1
    account_entry = cast.accounts["entry"].to_numpy()[contacts["account"].to_numpy()]
    shares = [entry.share for entry in cat.ENTRIES]
    own = np.where(contacts["slot"] == 0, account_entry, person.pick("entry", shares))[rows]
    later = np.where(draw.chance("direct", 0.35), cat.RETURNING, draw.pick("entry", shares))
    event = np.where(is_form, contacts["event"].to_numpy()[rows], _NONE)
    plan = _plan(
        draw, rows, draw_keys(person, rows), slot, np.minimum(day, last), np.where(slot == 0, own, later), event
    )
    # The form is sent in the session's first minutes: the contact's creation time fixes the session's.
    created = contacts["created"].to_numpy()[rows]
    second = (created - person.at(rows).integers("minutes", 60, 540) * clock.SECOND) // clock.SECOND // 64 * 64 + slot
    at_form = second * clock.SECOND + draw.integers("fraction", 1, 999) * 1000
    plan["at"] = np.where(is_form, at_form, np.minimum(plan["at"], at_form - (total - slot) * clock.HOUR))
    plan["day"] = clock.day_of(plan["at"].to_numpy())
    return plan


def _reading(cast: Cast) -> pd.DataFrame:
    """Contacts who come back to read after the CRM knows them."""
    contacts = cast.contacts
    person = Draw(contacts["key"].to_numpy())
    wanted = person.geometric("reads", np.where(contacts["origin"] == WEB, 1.1, 0.6))
    wanted = np.where(contacts["is_duplicate"] | cast.accounts["is_legacy"].to_numpy()[contacts["account"]], 0, wanted)
    rows, number = spread(np.minimum(wanted, 10))
    draw = person.at(rows).child("reading", number)
    day = contacts["form_day"].to_numpy()[rows] + 1 + draw.exponential("when", 30.0).astype(np.int64)
    event = np.where(draw.chance("asks", 0.03), 1, _NONE)
    return _plan(draw, rows, draw_keys(person, rows), 10 + number, day, _returning_entry(draw), event)


def _buying(cast: Cast, deals: pd.DataFrame) -> pd.DataFrame:
    """The buyer's visits while a deal is open."""
    deal = Draw(deals["key"].to_numpy())
    rows, number = spread(np.minimum(deal.geometric("visits", 4.0), 18))
    draw = deal.at(rows).child("visit", number)
    lasts = np.minimum(deals["closed_day"].to_numpy(), deals["day"].to_numpy() + 60) - deals["day"].to_numpy()
    day = deals["day"].to_numpy()[rows] + np.floor(lasts[rows] * draw.uniform("when")).astype(np.int64)
    person = deals["primary"].to_numpy()[rows]
    visitor = Draw(cast.contacts["key"].to_numpy())
    slot = 20 + number + deals["kind"].to_numpy()[rows] % 2
    event = np.full(len(rows), _NONE)
    plan = _plan(draw, person, draw_keys(visitor, person), slot, day, _returning_entry(draw), event)
    return plan[plan["at"] > deals["created"].to_numpy()[rows]]


def _customer_visits(cast: Cast, people: pd.DataFrame) -> pd.DataFrame:
    """Invited contacts of customers: a few visits a month, mostly logged in, for as long as the world runs."""
    rows_in = np.flatnonzero(people["invited"].to_numpy())
    begins = np.maximum(people["from"].to_numpy()[rows_in], cast.start)
    months = np.maximum(0, (cast.until - begins + 29) // 30)
    at, month = spread(months)
    person = Draw(cast.contacts["key"].to_numpy())
    rows = rows_in[at]
    draw = person.at(rows).child("month", month)
    comes = draw.chance("comes", 0.42)
    day = begins[at] + month * 30 + draw.integers("day", 0, 29)
    entry = np.where(draw.chance("searches", 0.2), 3, cat.RETURNING)
    plan = _plan(draw, rows, draw_keys(person, rows), 41 + month % 19, day, entry, np.full(len(rows), _NONE))
    return plan[comes]


def _from_email(cast: Cast, clicks: pd.DataFrame) -> pd.DataFrame:
    """The session a click in a mail opens, a few seconds later."""
    rows = clicks["person"].to_numpy()
    draw = Draw(clicks["key"].to_numpy().view(np.uint64)).child("session")
    day = clock.day_of(clicks["at"].to_numpy())
    event = np.where(draw.chance("asks", 0.03), 1, _NONE)
    person = Draw(cast.contacts["key"].to_numpy())
    slot = np.full(len(rows), 62)
    plan = _plan(draw, rows, draw_keys(person, rows), slot, day, np.full(len(rows), _EMAIL), event)
    second = clicks["at"].to_numpy() // clock.SECOND // 64 * 64 + 64 + slot
    plan["at"] = second * clock.SECOND + draw.integers("fraction", 1, 999) * 1000
    plan["day"] = clock.day_of(plan["at"].to_numpy())
    plan["mail_campaign"] = clicks["utm_campaign"].to_numpy()
    return plan[draw.chance("loads", 0.86)]


def _returning_entry(draw: Draw) -> Ints:
    shares = [entry.share * (0.4 if entry.platform else 1.0) for entry in cat.ENTRIES]
    return np.where(draw.chance("direct", 0.45), cat.RETURNING, draw.pick("entry", shares))


def _sessions(plans: pd.DataFrame, people: pd.DataFrame, cast: Cast) -> pd.DataFrame:
    draw = Draw(plans["draw"].to_numpy().view(np.uint64))
    client, device = browsers_of(plans, draw)
    person = plans["person"].to_numpy()
    known = np.maximum(person, 0)
    at = plans["at"].to_numpy()
    logs_in = (person >= 0) & (people["login_from"].to_numpy()[known] < at) & draw.chance("logs in", 0.6)
    has_event = (plans["event"] != _NONE).to_numpy()
    stays = has_event | draw.chance("stays", np.where(person >= 0, 0.72, 0.525))
    pages = np.where(stays, 1 + draw.geometric("pages", 1.9) + has_event, 1)
    engaged_ms = np.clip(draw.lognormal("seconds", 42.0, 0.9), 10.5 - 8 * (pages > 1), 3000) * 1000
    idle_ms = draw.uniform("idle", 0.0, 9_900.0)
    country = cast.accounts["country"].to_numpy()[cast.contacts["account"].to_numpy()[known]]
    stranger_country = Draw(plans["visitor"].to_numpy().view(np.uint64)).pick("country", [c[1] for c in cat.COUNTRIES])
    client_text = ids(client.keys >> np.uint64(33)) + "." + ids(client.integers("since", 1_500_000_000, 1_780_000_000))
    return pd.DataFrame(
        {
            "person": person,
            "client_text": client_text,
            "at": at,
            "day": plans["day"].to_numpy(),
            "entry": plans["entry"].to_numpy(),
            "mail_campaign": plans["mail_campaign"],
            "ad": draw.integers("ad", 0, _ADS[plans["entry"].to_numpy()] - 1),
            "logs_in": logs_in,
            "device": np.where(device == 1, np.where(client.chance("tablet", 0.1), 2, 1), 0),
            "country": np.where(person >= 0, country, stranger_country),
            "pages": pages,
            "engagement_ms": np.where(stays, engaged_ms, idle_ms).astype(np.int64),
            "event": plans["event"].to_numpy(),
            "consented": client.chance("consent", CONSENT),
            "late": _late(draw),
        }
    )


def _late(draw: Draw) -> Ints:
    """Days beyond the next morning after which the day's export holds the session."""
    return draw.pick("late", (0.965, 0.02, 0.01, 0.005))
