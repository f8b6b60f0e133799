"""What people and salespeople left behind at an instant: sessions, meetings, calls, one-to-one mails."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sandbox.world import catalogue as cat
from sandbox.world import clock
from sandbox.world.activities import OUTCOMES
from sandbox.world.contacts import login_keys
from sandbox.world.draw import Ints
from sandbox.world.mailing import SITE
from sandbox.world.people import Cast
from sandbox.world.text import COMPANY_BASE, CONTACT_BASE, DEAL_BASE, OWNER_BASE, Texts, ids, labels, where

_DEVICES = ("desktop", "mobile", "tablet")


def survivors(cast: Cast, person: Ints) -> Ints:
    """The contact number a vendor shows for a contact row: its survivor's once it was merged."""
    number = cast.contacts["number"].to_numpy()[person]
    merged = cast.contacts["merged"].to_numpy()[person] < cast.horizon
    return np.where(merged, number // 10 * 10, number)


def _company(cast: Cast, person: Ints) -> Texts:
    account = cast.contacts["account"].to_numpy()[person]
    number = ids(cast.accounts["number"].to_numpy()[account], COMPANY_BASE)
    return where(cast.accounts["has_company"].to_numpy()[account], number, None)


def _deal(deals: pd.DataFrame, rows: Ints) -> Texts:
    if deals.empty:
        return np.full(len(rows), None, dtype=object)
    return where(rows >= 0, ids(deals["number"].to_numpy()[np.maximum(rows, 0)], DEAL_BASE), None)


def sessions(cast: Cast, visits: pd.DataFrame) -> pd.DataFrame:
    """Every session that began, seen by analytics or not; `observable_sessions` of the snapshot tells which."""
    entries = [*cat.ENTRIES, cat.EMAIL_ENTRY]
    entry = visits["entry"].to_numpy()
    person = visits["person"].to_numpy()
    campaign = labels([e.campaign for e in entries], entry)
    logins = login_keys(cast)
    known = np.maximum(person, 0)
    event = visits["event"].to_numpy()
    return pd.DataFrame(
        {
            "session_id": visits["at"].to_numpy() // clock.SECOND,
            "client_id": visits["client_text"].to_numpy(),
            "user_id": where(visits["logs_in"], logins[known], None),
            "contact_id": where(person >= 0, ids(cast.contacts["number"].to_numpy()[known], CONTACT_BASE), None),
            "started_at": clock.stamps(visits["at"].to_numpy()),
            "arrives_on": clock.dates(visits["day"].to_numpy() + 1 + visits["late"].to_numpy()),
            "source": labels([e.source for e in entries], entry),
            "medium": labels([e.medium for e in entries], entry),
            "campaign": np.where(visits["mail_campaign"].notna(), visits["mail_campaign"], campaign),
            "content": _contents(entries, entry, visits["ad"].to_numpy()),
            "country": labels([c[0] for c in cat.COUNTRIES], visits["country"].to_numpy()),
            "device": labels(_DEVICES, visits["device"].to_numpy()),
            "landing_page": SITE + labels([e.landing for e in entries], entry),
            "page_views": visits["pages"].to_numpy(),
            "engagement_ms": visits["engagement_ms"].to_numpy(),
            "key_event": where(event >= 0, labels(cat.KEY_EVENTS, np.maximum(event, 0)), None),
            "consented": visits["consented"].to_numpy(),
        }
    )


def _contents(entries: Sequence[cat.Entry], entry: Ints, ad: Ints) -> Texts:
    """The utm_content of the ad each visit came by; None where its campaign has no several ones."""
    options = [entry.contents or (None,) for entry in entries]
    firsts = np.cumsum([0, *map(len, options)])
    return labels([content for each in options for content in each], firsts[entry] + ad)


def meetings(cast: Cast, plan: pd.DataFrame, deals: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Meetings as they stand, those to come included."""
    horizon = cast.horizon
    person = plan["person"].to_numpy()
    known = history[history["at"] < horizon]
    touched = known.groupby("meeting")["at"].max().reindex(np.arange(len(plan))).to_numpy(dtype=np.int64)
    archived, moved = plan["archived"].to_numpy(), plan["moved"].to_numpy()
    decided = plan["decided"].to_numpy() < np.minimum(horizon, archived)
    has_moved = moved < np.minimum(horizon, archived)
    start = np.where(has_moved, plan["start"].to_numpy(), plan["first_start"].to_numpy())
    kind = plan["kind"].to_numpy()
    return pd.DataFrame(
        {
            "meeting_id": ids(plan["number"]),
            "contact_id": ids(survivors(cast, person), CONTACT_BASE),
            "company_id": _company(cast, person),
            "deal_id": _deal(deals, plan["deal"].to_numpy()),
            "owner_id": ids(plan["owner"], OWNER_BASE),
            "title": labels(cat.MEETING_TITLES, kind),
            "kind": labels(cat.MEETING_KINDS, kind),
            "created_at": clock.stamps(plan["created"].to_numpy()),
            "start_at": clock.stamps(start),
            "end_at": clock.stamps(start + plan["length"].to_numpy()),
            "outcome": where(decided, labels(OUTCOMES, plan["outcome"].to_numpy()), "SCHEDULED"),
            "updated_at": clock.stamps(clock.latest(touched, archived, until=horizon)),
            "archived_at": clock.stamps(archived, horizon),
        }
    )


def meeting_changes(plan: pd.DataFrame, history: pd.DataFrame, horizon: int) -> pd.DataFrame:
    known = history[history["at"] < horizon]
    return pd.DataFrame(
        {
            "object_type": "meeting",
            "object_id": ids(plan["number"].to_numpy()[known["meeting"].to_numpy()]),
            "property": known["property"].to_numpy(),
            "value": known["value"].to_numpy(),
            "changed_at": clock.stamps(known["at"].to_numpy()),
        }
    )


def calls(cast: Cast, plan: pd.DataFrame, deals: pd.DataFrame) -> pd.DataFrame:
    person = plan["person"].to_numpy()
    at = plan["at"].to_numpy()
    noted = at + plan["noted_after"].to_numpy() * clock.SECOND
    answered = plan["result"].to_numpy() == 0
    return pd.DataFrame(
        {
            "call_id": ids(plan["number"]),
            "contact_id": ids(survivors(cast, person), CONTACT_BASE),
            "company_id": _company(cast, person),
            "deal_id": _deal(deals, plan["deal"].to_numpy()),
            "owner_id": ids(plan["owner"], OWNER_BASE),
            "direction": where(plan["is_inbound"], "INBOUND", "OUTBOUND"),
            "start_at": clock.stamps(at),
            "duration_ms": np.where(answered, plan["seconds"].to_numpy() * 1000, 0),
            "disposition": labels(cat.CALL_DISPOSITIONS, plan["result"].to_numpy()),
            "created_at": clock.stamps(noted),
            "updated_at": clock.stamps(noted),
        }
    )


def crm_emails(cast: Cast, plan: pd.DataFrame) -> pd.DataFrame:
    at = plan["at"].to_numpy()
    return pd.DataFrame(
        {
            "email_id": ids(plan["number"]),
            "contact_id": ids(survivors(cast, plan["person"].to_numpy()), CONTACT_BASE),
            "owner_id": ids(plan["owner"], OWNER_BASE),
            "direction": where(plan["is_inbound"], "INCOMING_EMAIL", "EMAIL"),
            "sent_at": clock.stamps(at),
            "created_at": clock.stamps(at + 2 * clock.SECOND),
            "updated_at": clock.stamps(at + 2 * clock.SECOND),
        }
    )
