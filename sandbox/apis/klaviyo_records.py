"""Klaviyo's side of the company: lists, campaigns with their messages, profiles, metrics, and every event by time.

Flow: `Snapshot → Account` (built once per snapshot) `→ resource objects` of JSON:API, whole: what a request keeps of
them is decided elsewhere (`klaviyo`). Ids are Klaviyo's kinds of ids, made from the world's, always the same. Belongs
here: what Klaviyo holds. Does not: paths, parameters and refusals.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from sandbox.apis.answers import Json, instants, iso, texts
from sandbox.apis.klaviyo_ids import short_id, stable_uuid, ulid
from sandbox.apis.klaviyo_resources import UTC, campaign_and_message, profile
from sandbox.world.clock import TIME_ZONE

Values = np.ndarray[Any, np.dtype[Any]]
RECEIVED, BOUNCED, OPENED, CLICKED, UNSUBSCRIBED, SPAM, DROPPED = range(7)
METRICS = (
    "Received Email", "Bounced Email", "Opened Email", "Clicked Email", "Unsubscribed from Email Marketing",
    "Marked Email as Spam", "Dropped Email", "Subscribed to List",
)  # fmt: skip
KLAVIYO = {"object": "integration", "id": "0rG4eQ", "key": "klaviyo", "name": "Klaviyo", "category": "Internal"}
# A shop's own programs may send events of any name.
OWN = {"object": "integration", "id": "7FtS4J", "key": "api", "name": "API", "category": "API"}
# People put old campaigns away.
KEPT_OPEN = pd.Timedelta(days=60)
BOUNCES = {"hard": "Hard", "soft": "Soft"}


def moments(values: pd.Series) -> list[str | None]:
    return iso(instants(values, "s"), UTC)


def exactly(values: pd.Series) -> list[str | None]:
    """Profiles and lists tell microseconds."""
    return iso(instants(values, "us"), UTC)


def seconds(values: pd.Series) -> Values:
    """Unix seconds, the smallest integer where empty."""
    return instants(values, "s").astype(np.int64)


class Account:
    """One Klaviyo account at one moment."""

    def __init__(self, snapshot: Any) -> None:
        self._snapshot = snapshot
        self.list_ids = {str(each): short_id(f"list {each}") for each in snapshot.email_lists["list_id"]}

    @cached_property
    def metrics(self) -> list[Json]:
        own = ("Clicked Email", OWN)
        found = [*((name, KLAVIYO) for name in METRICS), own]
        return [
            {
                "type": "metric",
                "id": short_id(f"metric {name} {integration['key']}"),
                "attributes": {
                    "name": name, "created": f"2024-01-09T08:00:00{UTC}", "updated": f"2024-01-09T08:00:00{UTC}",
                    "integration": integration,
                },
            }
            for name, integration in found
        ]  # fmt: skip

    @cached_property
    def lists(self) -> list[Json]:
        frame = self._snapshot.email_lists
        created = exactly(frame["created_at"])
        return [
            {
                "type": "list",
                "id": self.list_ids[str(list_id)],
                "attributes": {"name": name, "created": at, "updated": at, "opt_in_process": "double_opt_in"},
            }
            for list_id, name, at in zip(frame["list_id"], texts(frame["name"]), created, strict=True)
        ]

    @cached_property
    def _campaigns(self) -> pd.DataFrame:
        frame: pd.DataFrame = self._snapshot.email_campaigns.dropna(subset=["campaign_id"])
        return frame.drop_duplicates("campaign_id").sort_values("send_time", kind="stable", ignore_index=True)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {str(each): number for number, each in enumerate(self._campaigns["campaign_id"])}

    @cached_property
    def campaigns(self) -> list[tuple[Json, Json]]:
        """Each campaign with its one message, oldest first."""
        frame = self._campaigns
        now = pd.Timestamp(self._snapshot.until, tz=TIME_ZONE).tz_convert("UTC")
        put_away = frame["send_time"] + KEPT_OPEN
        archived = put_away < now
        columns = zip(
            *(texts(frame[name]) for name in ("campaign_id", "list_id", "title", "subject", "utm_campaign")),
            moments(frame["send_time"]), moments(frame["send_time"] - pd.Timedelta(days=1)),
            moments(put_away.where(archived, frame["send_time"])), archived, strict=True,
        )  # fmt: skip
        return [campaign_and_message(self.list_ids, *each) for each in columns]

    @cached_property
    def _members(self) -> dict[str, list[Json]]:
        """Memberships by person, whichever lists."""
        frame = self._snapshot.email_members
        columns = zip(
            *(texts(frame[name]) for name in ("contact_id", "email", "list_id", "status")),
            exactly(frame["opted_in_at"]), exactly(frame["last_changed"]), strict=True,
        )  # fmt: skip
        people: dict[str, list[Json]] = {}
        for person, email, list_id, status, opted, changed in columns:
            row = {"email": email, "list_id": list_id, "status": status, "opted": opted, "changed": changed}
            people.setdefault(str(person), []).append(row)
        return people

    @cached_property
    def profiles(self) -> list[Json]:
        """One per person, however many lists; the address, names and phone as the CRM knows them."""
        contacts = self._snapshot.contacts
        names = ("first_name", "last_name", "phone", "country")
        known = zip(texts(contacts["contact_id"]), *(texts(contacts[name]) for name in names), strict=True)
        details = {str(person): dict(zip(names, values, strict=True)) for person, *values in known}
        return [profile(self.list_ids, person, own, details.get(person, {})) for person, own in self._members.items()]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {person: place for place, person in enumerate(self._members)}

    @cached_property
    def events(self) -> pd.DataFrame:
        """Every event in order of time: at (unix seconds), metric, campaign, profile, url, machine, bounce, ordinal."""
        sends = self._snapshot.email_sends
        activity = self._snapshot.email_activity
        leaves = self._snapshot.email_unsubscribes
        pieces = [
            self._piece(sends, "sent_at", np.where(sends["bounce"].isna(), RECEIVED, BOUNCED), bounce=sends["bounce"]),
            self._piece(
                activity, "at", np.where(activity["action"] == "click", CLICKED, OPENED),
                url=activity["url"], machine=activity["is_machine"],
            ),
            self._piece(leaves, "at", np.full(len(leaves), UNSUBSCRIBED)),
        ]  # fmt: skip
        events = pd.concat(pieces, ignore_index=True)
        events = events[(events["campaign"] >= 0) & (events["profile"] >= 0)]
        key = ["at", "metric", "campaign", "profile"]
        events = events.sort_values(key, kind="stable", ignore_index=True)
        return events.assign(ordinal=events.groupby(key).cumcount())

    def _piece(
        self, frame: pd.DataFrame, at: str, metric: Values, *, url: Any = None, machine: Any = False, bounce: Any = None
    ) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "at": seconds(frame[at]),
                "metric": metric.astype(np.int64),
                "campaign": frame["campaign_id"].map(self._numbers).fillna(-1).astype(np.int64).to_numpy(),
                "profile": frame["contact_id"].map(self._places).fillna(-1).astype(np.int64).to_numpy(),
                "url": None if url is None else np.array(texts(url), dtype=object),
                "machine": machine if machine is False else machine.to_numpy(dtype=bool),
                "bounce": None if bounce is None else np.array(texts(bounce), dtype=object),
            }
        )

    def page_of_events(self, places: Sequence[int]) -> list[Json]:
        """The events at these places of `events`."""
        return [self._event(*row) for row in self.events.iloc[list(places)].itertuples(index=False, name=None)]

    def _event(
        self, at: int, metric: int, number: int, place: int, url: str | None, machine: bool, bounce: str | None,
        ordinal: int,
    ) -> Json:  # fmt: skip
        campaign, message = self.campaigns[number]
        person = self.profiles[place]
        seed = f"event {metric} {campaign['id']} {person['id']} {at} {ordinal}"
        unique = stable_uuid(seed, at)
        content = message["attributes"]["definition"]["content"]
        properties: Json = {
            "$message": message["id"], "Campaign Name": campaign["attributes"]["name"], "Subject": content["subject"],
            "Message Type": "campaign", "$event_id": unique.hex,
            "Recipient Email Address": person["attributes"]["email"],
        }  # fmt: skip
        if metric == BOUNCED:
            properties["Bounce Type"] = BOUNCES.get(bounce or "", bounce)
        elif metric == OPENED:
            properties["machine_open"] = bool(machine)
        elif metric == CLICKED:
            properties |= {"URL": url, "Bot Click": bool(machine)}
        written = np.datetime64(at, "s").astype(str) + UTC
        return {
            "type": "event",
            "id": ulid(at * 1000, seed),
            "attributes": {
                "timestamp": at, "event_properties": properties, "datetime": written,
                "uuid": str(unique),
            },
            "profile": person,
            "metric": self.metrics[metric],
        }  # fmt: skip
