"""The email platform's records at an instant: lists, members, campaigns, sends, activity, unsubscribes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sandbox.world import catalogue as cat
from sandbox.world import clock
from sandbox.world.draw import Draw, Ints, keys
from sandbox.world.mailing import Mailing, campaign_names
from sandbox.world.people import Cast
from sandbox.world.text import CONTACT_BASE, Texts, ids, labels, where

_LEAVE_REASONS = (
    "I no longer want to receive these emails",
    "I never signed up",
    "The emails are inappropriate",
    "Other",
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
    gone = where(left < cast.horizon, "unsubscribed", "subscribed")
    opted = members["opted_in"].to_numpy()
    person = members["person"].to_numpy()
    return pd.DataFrame(
        {
            "list_id": labels([row[0] for row in cat.EMAIL_LISTS], members["list"].to_numpy()),
            "email": addresses[person],
            "contact_id": ids(cast.contacts["number"].to_numpy()[person], CONTACT_BASE),
            "status": where(bounced < cast.horizon, "cleaned", gone),
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
            "bounce": where(sends["is_hard"], "hard", where(sends["is_soft"], "soft", None)),
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
            "ip": where(machine, private[person], home[person]),
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
