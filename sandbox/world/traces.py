"""What people left behind at an instant: sessions, mails, meetings, calls; one frame per vendor entity."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sandbox.world import catalogue as cat
from sandbox.world import clock
from sandbox.world.activities import OUTCOMES, disposition
from sandbox.world.draw import Draw, Ints, keys
from sandbox.world.mailing import SITE, Mailing, campaign_names
from sandbox.world.people import Cast
from sandbox.world.records import COMPANY_BASE, CONTACT_BASE, DEAL_BASE, OWNER_BASE, login_keys
from sandbox.world.text import Texts, ids, labels

_LEAVE_REASONS = (
    "I no longer want to receive these emails",
    "I never signed up",
    "The emails are inappropriate",
    "Other",
)
_DEVICES = ("desktop", "mobile", "tablet")


def survivors(cast: Cast, person: Ints) -> Ints:
    """The contact number a vendor shows for a contact row: its survivor's once it was merged."""
    number = cast.contacts["number"].to_numpy()[person]
    merged = cast.contacts["merged"].to_numpy()[person] < cast.horizon
    return np.where(merged, number // 10 * 10, number)


def _company(cast: Cast, person: Ints) -> Texts:
    account = cast.contacts["account"].to_numpy()[person]
    number = ids(cast.accounts["number"].to_numpy()[account], COMPANY_BASE)
    return np.where(cast.accounts["has_company"].to_numpy()[account], number, None)


def _deal(deals: pd.DataFrame, rows: Ints) -> Texts:
    if deals.empty:
        return np.full(len(rows), None, dtype=object)
    return np.where(rows >= 0, ids(deals["number"].to_numpy()[np.maximum(rows, 0)], DEAL_BASE), None)


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
            "user_id": np.where(visits["logs_in"], logins[known], None),
            "contact_id": np.where(person >= 0, ids(cast.contacts["number"].to_numpy()[known], CONTACT_BASE), None),
            "started_at": clock.stamps(visits["at"].to_numpy()),
            "arrives_on": clock.dates(visits["day"].to_numpy() + 1 + visits["late"].to_numpy()),
            "source": labels([e.source for e in entries], entry),
            "medium": labels([e.medium for e in entries], entry),
            "campaign": np.where(visits["mail_campaign"].notna(), visits["mail_campaign"], campaign),
            "country": labels([c[0] for c in cat.COUNTRIES], visits["country"].to_numpy()),
            "device": labels(_DEVICES, visits["device"].to_numpy()),
            "landing_page": SITE + labels([e.landing for e in entries], entry),
            "page_views": visits["pages"].to_numpy(),
            "engagement_ms": visits["engagement_ms"].to_numpy(),
            "key_event": np.where(event >= 0, labels(cat.KEY_EVENTS, np.maximum(event, 0)), None),
            "consented": visits["consented"].to_numpy(),
        }
    )


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
            "outcome": np.where(decided, labels(OUTCOMES, plan["outcome"].to_numpy()), "SCHEDULED"),
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
            "direction": np.where(plan["is_inbound"], "INBOUND", "OUTBOUND"),
            "start_at": clock.stamps(at),
            "duration_ms": np.where(answered, plan["seconds"].to_numpy() * 1000, 0),
            "disposition": disposition(plan),
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
            "direction": np.where(plan["is_inbound"], "INCOMING_EMAIL", "EMAIL"),
            "sent_at": clock.stamps(at),
            "created_at": clock.stamps(at + 2 * clock.SECOND),
            "updated_at": clock.stamps(at + 2 * clock.SECOND),
        }
    )


def email_lists(cast: Cast) -> pd.DataFrame:
    created = np.full(len(cat.EMAIL_LISTS), clock.midnight(np.array([cast.start - 400]))[0])
    return pd.DataFrame(
        {
            "list_id": [row[0] for row in cat.EMAIL_LISTS],
            "name": [row[1] for row in cat.EMAIL_LISTS],
            "created_at": clock.stamps(created),
        }
    )


def _mail_ids(mailing: Mailing, rows: Ints) -> Texts:
    numbers = mailing.campaigns["day"].to_numpy()[rows] * 10 + mailing.campaigns["list"].to_numpy()[rows]
    return np.array([f"c{number:09x}" for number in numbers], dtype=object)


def email_campaigns(mailing: Mailing) -> pd.DataFrame:
    campaigns = mailing.campaigns
    topics = labels(cat.EMAIL_TOPICS, campaigns["topic"].to_numpy())
    names = campaign_names(campaigns)
    return pd.DataFrame(
        {
            "campaign_id": _mail_ids(mailing, np.arange(len(campaigns))),
            "list_id": labels([row[0] for row in cat.EMAIL_LISTS], campaigns["list"].to_numpy()),
            "title": names,
            "subject": topics,
            "utm_campaign": names,
            "send_time": clock.stamps(campaigns["send"].to_numpy()),
        }
    )


def email_members(cast: Cast, mailing: Mailing, addresses: Texts) -> pd.DataFrame:
    """List members with their present status: subscribed, unsubscribed, or cleaned after a hard bounce."""
    members, sends = mailing.members, mailing.sends
    left = np.full(len(members), clock.NEVER, dtype=np.int64)
    np.minimum.at(left, sends["member"].to_numpy(), sends["leaves_at"].to_numpy())
    bounced = np.full(len(members), clock.NEVER, dtype=np.int64)
    hard = sends[sends["is_hard"]]
    np.minimum.at(bounced, hard["member"].to_numpy(), hard["at"].to_numpy())
    gone = np.where(left < cast.horizon, "unsubscribed", "subscribed")
    opted = members["opted_in"].to_numpy()
    person = members["person"].to_numpy()
    return pd.DataFrame(
        {
            "list_id": labels([row[0] for row in cat.EMAIL_LISTS], members["list"].to_numpy()),
            "email": addresses[person],
            "contact_id": ids(cast.contacts["number"].to_numpy()[person], CONTACT_BASE),
            "status": np.where(bounced < cast.horizon, "cleaned", gone),
            "opted_in_at": clock.stamps(opted),
            "last_changed": clock.stamps(clock.latest(opted, left, bounced, until=cast.horizon)),
        }
    )


def email_sends(cast: Cast, mailing: Mailing, addresses: Texts) -> pd.DataFrame:
    sends = mailing.sends
    person = sends["person"].to_numpy()
    return pd.DataFrame(
        {
            "campaign_id": _mail_ids(mailing, np.arange(len(mailing.campaigns)))[sends["campaign"].to_numpy()],
            "contact_id": ids(cast.contacts["number"].to_numpy(), CONTACT_BASE)[person],
            "email": addresses[person],
            "sent_at": clock.stamps(sends["at"].to_numpy()),
            "bounce": np.where(sends["is_hard"], "hard", np.where(sends["is_soft"], "soft", None)),
        }
    )


def email_activity(cast: Cast, mailing: Mailing, addresses: Texts) -> pd.DataFrame:
    activity, sends = mailing.activity, mailing.sends
    send = activity["send"].to_numpy()
    person = sends["person"].to_numpy()[send]
    machine = activity["is_machine"].to_numpy()
    hosts = Draw(keys("reader", cast.contacts["key"].to_numpy()))
    private = "17.58." + ids(hosts.integers("c", 0, 255)) + "." + ids(hosts.integers("d", 1, 254))
    home = "86." + ids(hosts.integers("e", 192, 255)) + "." + ids(hosts.integers("c", 0, 255)) + ".7"
    return pd.DataFrame(
        {
            "campaign_id": _mail_ids(mailing, np.arange(len(mailing.campaigns)))[sends["campaign"].to_numpy()[send]],
            "contact_id": ids(cast.contacts["number"].to_numpy(), CONTACT_BASE)[person],
            "email": addresses[person],
            "action": activity["action"].to_numpy(),
            "at": clock.stamps(activity["at"].to_numpy()),
            "url": activity["url"].to_numpy(),
            "ip": np.where(machine, private[person], home[person]),
            "is_machine": machine,
        }
    )


def email_unsubscribes(cast: Cast, mailing: Mailing, addresses: Texts) -> pd.DataFrame:
    leaves = mailing.leaves.sort_values(["leaves_at", "member"], ignore_index=True)
    person = leaves["person"].to_numpy()
    reason = Draw(leaves["key"].to_numpy()).pick("reason", (0.55, 0.15, 0.05, 0.25))
    return pd.DataFrame(
        {
            "campaign_id": _mail_ids(mailing, np.arange(len(mailing.campaigns)))[leaves["campaign"].to_numpy()],
            "contact_id": ids(cast.contacts["number"].to_numpy(), CONTACT_BASE)[person],
            "email": addresses[person],
            "at": clock.stamps(leaves["leaves_at"].to_numpy()),
            "reason": labels(_LEAVE_REASONS, reason),
        }
    )
