"""Mailchimp's side of the company: lists, members, campaigns, and what every recipient did, as flat columns.

Flow: `Snapshot → Account` (built once per snapshot) `→ rows` as plain dicts in Mailchimp's field names. Belongs here:
what Mailchimp holds. Does not: paths, parameters and refusals (`mailchimp`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from sandbox.apis.answers import Json, instants, iso, texts

Values = np.ndarray[Any, np.dtype[Any]]
UTC = "+00:00"
SENT = {None: "sent", "hard": "hard", "soft": "soft"}


def subscriber_hash(email: str | None) -> str:
    """Mailchimp's id of an address: the MD5 of its lower case."""
    return hashlib.md5((email or "").lower().encode(), usedforsecurity=False).hexdigest()


def moments(values: pd.Series) -> list[str | None]:
    return iso(instants(values, "s"), UTC)


def seconds(values: pd.Series) -> Values:
    """Unix seconds, the smallest integer where empty."""
    return instants(values, "s").astype(np.int64)


@dataclass(frozen=True)
class Recipients:
    """The recipients of one campaign as positions in Account.sends."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first


class Account:
    """One Mailchimp account at one moment."""

    def __init__(self, snapshot: Any) -> None:
        self._snapshot = snapshot
        self.campaigns = snapshot.email_campaigns.sort_values("send_time", kind="stable", ignore_index=True)
        self.campaign_ids = [str(each) for each in self.campaigns["campaign_id"]]
        self.numbers = {each: number for number, each in enumerate(self.campaign_ids)}
        self.send_times = seconds(self.campaigns["send_time"])
        names, lists = texts(snapshot.email_lists["name"]), texts(snapshot.email_lists["list_id"])
        self.list_names = {str(each): str(name) for each, name in zip(lists, names, strict=True)}
        self._load_sends(snapshot.email_sends)

    def _load_sends(self, sends: pd.DataFrame) -> None:
        number = sends["campaign_id"].map(self.numbers).to_numpy()
        order = np.argsort(number, kind="stable")
        frame = sends.iloc[order]
        self._bounds = np.searchsorted(number[order], np.arange(len(self.campaign_ids) + 1))
        self.emails = texts(frame["email"])
        hashes = {email: subscriber_hash(email) for email in dict.fromkeys(self.emails)}
        self.email_ids = [hashes[email] for email in self.emails]
        self.statuses = [SENT[bounce] for bounce in texts(frame["bounce"])]
        self._sent_at = moments(frame["sent_at"])
        self._sends = pd.DataFrame({"number": number[order], "email": frame["email"].to_numpy()})

    def recipients(self, campaign_id: str) -> Recipients:
        number = self.numbers[campaign_id]
        return Recipients(int(self._bounds[number]), int(self._bounds[number + 1]))

    @cached_property
    def _activity(self) -> tuple[Values, list[Json], Values]:
        """(positions of events ordered by recipient and time, the events, their unix seconds)."""
        frame = self._snapshot.email_activity
        recipients = self._sends.assign(position=np.arange(len(self._sends))).drop_duplicates(["number", "email"])
        doings = pd.DataFrame({"number": frame["campaign_id"].map(self.numbers), "email": frame["email"]})
        found = doings.merge(recipients, how="left", on=["number", "email"])["position"]
        position = found.fillna(-1).to_numpy(dtype=np.int64)
        at = seconds(frame["at"])
        order = np.lexsort((at, position))
        order = order[position[order] >= 0]
        columns = [texts(frame[name].iloc[order]) for name in ("action", "url", "ip")]
        written = iso(instants(frame["at"].iloc[order], "s"), UTC)
        events = []
        for action, url, ip, moment in zip(*columns, written, strict=True):
            event: Json = {"action": action, "timestamp": moment, "ip": ip}
            if action == "click":
                event["url"] = url
            events.append(event)
        return position[order], events, at[order]

    @cached_property
    def _event_bounds(self) -> list[int]:
        positions = self._activity[0]
        return [*np.searchsorted(positions, np.arange(len(self.emails) + 1)).tolist()]

    def events(self, position: int, since: int | None = None) -> list[Json]:
        """What one recipient did, in order of time; bounces first. Only after `since` (unix seconds) when given."""
        first, last = self._event_bounds[position], self._event_bounds[position + 1]
        if since is not None:
            first += int(np.searchsorted(self._activity[2][first:last], since, side="right"))
        found = self._activity[1][first:last]
        status = self.statuses[position]
        if status != "sent" and since is None:
            bounce = {"action": "bounce", "type": status, "timestamp": self._sent_at[position]}
            return [bounce, *found]
        return found

    def active_since(self, recipients: Recipients, since: int) -> list[int]:
        """Positions of the recipients who did something after `since`."""
        positions, _, at = self._activity
        first, last = np.searchsorted(positions, [recipients.first, recipients.last])
        window = slice(int(first), int(last))
        return [int(each) for each in np.unique(positions[window][at[window] > since])]

    def openers(self, recipients: Recipients, since: int | None = None) -> list[tuple[int, list[str]]]:
        """(position, moments of opening) of every recipient who opened."""
        found = []
        for position in range(recipients.first, recipients.last):
            opens = [event["timestamp"] for event in self.events(position, since) if event["action"] == "open"]
            if opens:
                found.append((position, opens))
        return found

    @cached_property
    def _leavers(self) -> dict[str, list[Json]]:
        frame = self._snapshot.email_unsubscribes.sort_values("at", kind="stable")
        rows: dict[str, list[Json]] = {}
        columns = zip(
            texts(frame["campaign_id"]),
            texts(frame["email"]),
            moments(frame["at"]),
            texts(frame["reason"]),
            strict=True,
        )
        for campaign, email, moment, reason in columns:
            row = {
                "email_id": subscriber_hash(email),
                "email_address": email,
                "timestamp": moment,
                "reason": reason or "",
            }
            rows.setdefault(str(campaign), []).append(row)
        return rows

    def leavers(self, campaign_id: str) -> list[Json]:
        return self._leavers.get(campaign_id, [])

    def totals(self, campaign_id: str) -> Json:
        """A report's counts; opens include machines, as Mailchimp's do."""
        recipients = self.recipients(campaign_id)
        positions, events, _ = self._activity
        first, last = np.searchsorted(positions, [recipients.first, recipients.last]).tolist()
        opened: set[int] = set()
        clicked: set[int] = set()
        links: set[tuple[int, str]] = set()
        opens = clicks = 0
        last_open = last_click = ""
        for position, event in zip(positions[first:last].tolist(), events[first:last], strict=True):
            if event["action"] == "open":
                opens += 1
                opened.add(position)
                last_open = max(last_open, event["timestamp"])
            elif event["action"] == "click":
                clicks += 1
                clicked.add(position)
                links.add((position, event["url"]))
                last_click = max(last_click, event["timestamp"])
        statuses = self.statuses[recipients.first : recipients.last]
        hard, soft, sent = statuses.count("hard"), statuses.count("soft"), len(recipients)
        delivered = max(1, sent - hard - soft)
        return {
            "emails_sent": sent,
            "unsubscribed": len(self.leavers(campaign_id)),
            "bounces": {"hard_bounces": hard, "soft_bounces": soft, "syntax_errors": 0},
            "opens": {
                "opens_total": opens, "unique_opens": len(opened), "open_rate": len(opened) / delivered,
                "last_open": last_open,
            },
            "clicks": {
                "clicks_total": clicks, "unique_clicks": len(links), "unique_subscriber_clicks": len(clicked),
                "click_rate": len(clicked) / delivered, "last_click": last_click,
            },
        }  # fmt: skip

    @cached_property
    def members(self) -> dict[str, tuple[list[Json], Values, Values]]:
        """Per list: the members, their unix seconds of last change and of opting in."""
        frame = self._snapshot.email_members
        emails = texts(frame["email"])
        changed, opted = moments(frame["last_changed"]), moments(frame["opted_in_at"])
        first, last = self._names(texts(frame["contact_id"]))
        columns = zip(emails, texts(frame["list_id"]), texts(frame["status"]), changed, opted, first, last, strict=True)
        rows: dict[str, list[Json]] = {each: [] for each in self.list_names}
        places: dict[str, list[int]] = {each: [] for each in self.list_names}
        for place, (email, list_id, status, last_changed, opted_in, given, family) in enumerate(columns):
            key = subscriber_hash(email)
            row = {
                "id": key, "email_address": email, "unique_email_id": key[:10], "contact_id": key,
                "full_name": f"{given} {family}".strip(), "web_id": int(key[:7], 16), "email_type": "html",
                "status": status, "merge_fields": {"FNAME": given, "LNAME": family},
                "stats": {"avg_open_rate": 0, "avg_click_rate": 0}, "ip_signup": "", "timestamp_signup": opted_in,
                "ip_opt": "", "timestamp_opt": opted_in, "member_rating": 2, "last_changed": last_changed,
                "language": "", "vip": False, "email_client": "", "source": "API - Generic", "tags_count": 0,
                "tags": [], "list_id": list_id,
            }  # fmt: skip
            rows[str(list_id)].append(row)
            places[str(list_id)].append(place)
        at, since = seconds(frame["last_changed"]), seconds(frame["opted_in_at"])
        return {each: (rows[each], at[places[each]], since[places[each]]) for each in rows}

    def _names(self, contact_ids: list[str | None]) -> tuple[list[str], list[str]]:
        contacts = self._snapshot.contacts
        pairs = zip(texts(contacts["first_name"]), texts(contacts["last_name"]), strict=True)
        known = dict(zip(texts(contacts["contact_id"]), pairs, strict=True))
        found = [known.get(each, ("", "")) for each in contact_ids]
        return [given or "" for given, _ in found], [family or "" for _, family in found]
