"""Brevo's side of the company: lists, contacts, campaigns, and what every recipient did, found by contact or campaign.

Flow: `Snapshot → Account` (built once per snapshot) `→ rows` in Brevo's field names. Brevo numbers everything; the
numbers here come from the world's own ids, so they stay. Belongs here: what Brevo holds. Does not: totals of campaigns
(`brevo_totals`), transactional messages (`brevo_messages`), paths, parameters and refusals (`brevo`, `brevo_rules`).
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sandbox.apis import brevo_messages
from sandbox.apis.answers import Json, instants, iso, texts
from sandbox.world.clock import TIME_ZONE
from sandbox.world.text import CONTACT_BASE

Values = np.ndarray[Any, np.dtype[Any]]
# People of this company tidy up: campaigns older than this lie in the archive.
ARCHIVED_AFTER = pd.Timedelta(days=120)
FIRST_LIST = 3
FOLDER = 1
DRAFT = 7
SENDER = {"name": "Kpilote", "email": "marketing@kpilote-demo.example", "id": 1}


def moments(values: pd.Series) -> list[str | None]:
    """UTC date-times as Brevo writes them; it keeps whole seconds."""
    return iso(instants(values, "s"), ".000Z")


def contact_numbers(values: pd.Series) -> Values:
    """Brevo's numbers of the world's contacts."""
    numbers: Values = pd.to_numeric(values).to_numpy(dtype=np.int64) - CONTACT_BASE
    return numbers


def campaign_numbers(values: pd.Series) -> Values:
    """Brevo's numbers of the world's campaigns: later ones are larger."""
    known = {each: int(each[1:], 16) for each in values.unique()}
    numbers: Values = values.map(known).to_numpy(dtype=np.int64)
    return numbers


class Index:
    """Rows of a frame found by a whole number, in order of time."""

    def __init__(self, frame: pd.DataFrame, number: str, at: str) -> None:
        self._frame = frame.sort_values([number, at], kind="stable")
        self._numbers = self._frame[number].to_numpy()

    def rows(self, number: int) -> pd.DataFrame:
        first, last = np.searchsorted(self._numbers, [number, number + 1]).tolist()
        return self._frame.iloc[first:last]

    def all(self) -> pd.DataFrame:
        return self._frame


class Doings(NamedTuple):
    """What was sent, what was done with it, and who left."""

    sends: Index
    activity: Index
    leaves: Index


class Event(NamedTuple):
    """Something that happened to one contact; `kind` is the member of its statistics that tells it."""

    kind: str
    campaign: int
    at: str
    ip: str | None = None
    url: str | None = None


class Account:
    """One Brevo account at one moment."""

    def __init__(self, snapshot: Any) -> None:
        self.snapshot = snapshot
        self.now = pd.Timestamp(snapshot.until, tz=TIME_ZONE).tz_convert("UTC")
        self.lists = {each: place for place, each in enumerate(texts(snapshot.email_lists["list_id"]), FIRST_LIST)}
        campaigns = snapshot.email_campaigns
        self.campaigns = campaigns.assign(number=campaign_numbers(campaigns["campaign_id"])).sort_values("number")
        self.campaign_numbers = self.campaigns["number"].to_numpy()
        self.sent_at = instants(self.campaigns["send_time"], "s")

    @cached_property
    def of_campaign(self) -> Doings:
        """Everything by the campaign."""
        frames = (
            (self.snapshot.email_sends, "sent_at"),
            (self.snapshot.email_activity, "at"),
            (self.snapshot.email_unsubscribes, "at"),
        )
        return Doings(
            *(
                Index(
                    frame.assign(
                        campaign=campaign_numbers(frame["campaign_id"]), contact=contact_numbers(frame["contact_id"])
                    ),
                    "campaign",
                    at,
                )
                for frame, at in frames
            )
        )

    @cached_property
    def of_contact(self) -> dict[int, list[Event]]:
        """What happened to each contact, in order of time within a kind."""
        found: dict[int, list[Event]] = {}
        sends, activity, leaves = (each.all() for each in self.of_campaign)
        columns = zip(
            sends["contact"], sends["campaign"], moments(sends["sent_at"]), texts(sends["bounce"]), strict=True
        )
        for contact, campaign, at, bounce in columns:
            kinds = ("messagesSent", f"{bounce}Bounces" if bounce else "delivered")
            found.setdefault(contact, []).extend(Event(kind, campaign, at or "") for kind in kinds)
        told = (texts(activity[name]) for name in ("action", "ip", "url"))
        for contact, campaign, at, action, ip, url in zip(
            activity["contact"], activity["campaign"], moments(activity["at"]), *told, strict=True
        ):
            kind = "opened" if action == "open" else "clicked"
            found.setdefault(contact, []).append(Event(kind, campaign, at or "", ip, url))
        for contact, campaign, at in zip(leaves["contact"], leaves["campaign"], moments(leaves["at"]), strict=True):
            found.setdefault(contact, []).append(Event("userUnsubscription", campaign, at or ""))
        return found

    @cached_property
    def contacts(self) -> list[Json]:
        """Everybody on a list, oldest first. This account lets people leave one list: who has left them all, or whose
        address bounced hard, is barred as a whole.
        """
        members = self.snapshot.email_members
        people = self.snapshot.contacts.set_index("contact_id")[["first_name", "last_name", "phone"]]
        found = []
        for contact_id, own in members.groupby("contact_id", sort=False):
            statuses = texts(own["status"])
            lists = [self.lists[each] for each in texts(own["list_id"])]
            left = [number for number, status in zip(lists, statuses, strict=True) if status == "unsubscribed"]
            named = people.loc[contact_id] if contact_id in people.index else None
            found.append(
                {
                    "id": int(str(contact_id)) - CONTACT_BASE,
                    "email": own["email"].iat[0],
                    "emailBlacklisted": "cleaned" in statuses or "subscribed" not in statuses,
                    "smsBlacklisted": False,
                    "createdAt": moments(own["opted_in_at"].nsmallest(1))[0],
                    "modifiedAt": moments(own["last_changed"].nlargest(1))[0],
                    "listIds": lists,
                    "listUnsubscribed": left,
                    "attributes": {}
                    if named is None
                    else {"FIRSTNAME": named["first_name"], "LASTNAME": named["last_name"], "SMS": named["phone"]},
                }
            )
        return sorted(found, key=lambda each: (each["createdAt"], each["id"]))

    @cached_property
    def contact_of(self) -> dict[int, Json]:
        return {each["id"]: each for each in self.contacts}

    def list_rows(self) -> list[Json]:
        frame = self.snapshot.email_lists
        rows = []
        for list_id, name in zip(texts(frame["list_id"]), texts(frame["name"]), strict=True):
            number = self.lists[list_id]
            barred = [each["emailBlacklisted"] for each in self.contacts if number in each["listIds"]]
            rows.append(
                {
                    "id": number, "name": name, "folderId": FOLDER, "uniqueSubscribers": len(barred),
                    "totalBlacklisted": sum(barred), "totalSubscribers": len(barred) - sum(barred),
                }
            )  # fmt: skip
        return rows

    def campaign(self, place: int) -> Json:
        """A campaign that was sent, without its statistics. One in the archive says no more when it was sent, only for
        when it was planned; its links carry what the company has always put into them.
        """
        row = self.campaigns.iloc[place]
        sent = f"{self.sent_at[place]}.000Z"
        archived = row["send_time"] < self.now - ARCHIVED_AFTER
        created = (row["send_time"] - pd.Timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return {
            **_overview(int(row["number"]), str(row["title"]), str(row["subject"]), created),
            **{"status": "archive" if archived else "sent", "scheduledAt": sent, "modifiedAt": sent},
            **({} if archived else {"sentDate": sent}),
            **{"utmCampaignValue": row["utm_campaign"], "utmSource": "mailchimp", "utmMedium": "email"},
            "recipients": {"lists": [self.lists[str(row["list_id"])]], "exclusionLists": []},
        }

    @cached_property
    def messages(self) -> list[Json]:
        """Events of transactional messages, oldest first."""
        return brevo_messages.events(self.snapshot, self.now)

    def draft(self) -> Json:
        created = f"{self.snapshot.start.isoformat()}T09:00:00.000Z"
        lists = {"lists": [FIRST_LIST], "exclusionLists": []}
        return {**_overview(DRAFT, "Welcome (draft)", "Welcome", created), "status": "draft", "recipients": lists}


def _overview(number: int, name: str, subject: str, created: str) -> Json:
    return {
        "id": number, "name": name, "subject": subject, "previewText": "", "type": "classic", "testSent": False,
        "header": "[DEFAULT_HEADER]", "footer": "[DEFAULT_FOOTER]", "sender": SENDER, "replyTo": SENDER["email"],
        "toField": "{FIRSTNAME}", "htmlContent": f"<p>{subject}</p>", "tag": name.partition("-")[0],
        "createdAt": created, "modifiedAt": created, "inlineImageActivation": False, "mirrorActive": False,
        "abTesting": False, "sendAtBestTime": False, "utmIDActive": False,
    }  # fmt: skip
