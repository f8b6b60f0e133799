"""Matomo's side of the company: the visits of one site as its log holds them, by day, and the day's totals.

Flow: `Snapshot → Site` (built once per snapshot) `→ rows` in Matomo's field names. Belongs here: what Matomo holds and
how it names it. Does not: parameters and refusals (`matomo_rules`), methods (`matomo`). A visit's actions stay within
its day, since Matomo begins a new visit at midnight; its length is the time the heartbeat timer saw.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from sandbox.apis.answers import Json, instants, texts
from sandbox.apis.visitors import visitor_id
from sandbox.export import PAGES, SLOPPY, THANKS
from sandbox.world import Snapshot, clock
from sandbox.world.catalogue import KEY_EVENTS
from sandbox.world.mailing import SITE

# One session as the world has it, with day, id and seconds.
Record = Mapping[Any, Any]
TIME_ZONE = "Europe/Paris"  # of the site: it cuts days of log and reports
CURRENCY = "EUR"
GOALS = dict(enumerate(KEY_EVENTS, start=1))
TYPES = {
    "direct": "Direct Entry", "search": "Search Engines", "website": "Websites", "campaign": "Campaigns",
    "social": "Social Networks",
}  # fmt: skip
# The names Matomo's own lists give to hosts that refer visits.
_ENGINES = {"google": "Google", "bing": "Bing", "ecosia": "Ecosia"}
_NETWORKS = {"linkedin": "LinkedIn", "facebook": "Facebook", "instagram": "Instagram", "x": "Twitter"}
_DEVICES = {"desktop": "Desktop", "mobile": "Smartphone", "tablet": "Tablet"}


@dataclass(frozen=True)
class Arrival:
    """How a visit came, in the words of Matomo and of its plugin MarketingCampaignsReporting."""

    type: str
    name: str
    source: str = ""
    medium: str = ""
    campaign: str = ""


def arrival(source: str, medium: str, campaign: str | None) -> Arrival:
    """A tagged link is a campaign; the others are told by the host that referred them."""
    if campaign is not None:
        return Arrival("campaign", campaign, source, medium, campaign)
    if medium == "(none)":
        return Arrival("direct", "")
    if medium == "organic" and source in _ENGINES:
        return Arrival("search", _ENGINES[source])
    if medium == "social" and source in _NETWORKS:
        return Arrival("social", _NETWORKS[source])
    if medium == "referral":
        return Arrival("website", source)
    return Arrival("campaign", source, source, medium)


def visit_number(client_id: str, session_id: str) -> int:
    """idVisit of a session: the same whenever it arrives."""
    return int(hashlib.sha256(f"matomo {client_id} {session_id}".encode()).hexdigest()[:12], 16)


class Site:
    """One site at one moment: its visits ordered by day, last action and id."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.until = snapshot.until
        contacts = snapshot.contacts
        self._addresses = dict(zip(texts(contacts["contact_id"]), texts(contacts["email"]), strict=True))
        sessions = snapshot.observable_sessions
        sessions = sessions[sessions["client_id"].notna()]
        start = instants(sessions["started_at"], "us").astype(np.int64)
        day = clock.day_of(start)
        end = start + sessions["engagement_ms"].to_numpy() * 1000
        keys = zip(sessions["client_id"].astype(str), sessions["session_id"].astype(str), strict=True)
        sessions = sessions.assign(
            day=day,
            id_visit=[visit_number(*key) for key in keys],
            first=start // clock.SECOND,
            last=np.maximum(np.minimum(end, clock.midnight(day + 1) - clock.SECOND), start) // clock.SECOND,
            seconds=sessions["engagement_ms"] // 1000,
        )
        self.visits = sessions.sort_values(["day", "last", "id_visit"], kind="stable", ignore_index=True)
        self._day = self.visits["day"].to_numpy()

    def between(self, first: date, last: date) -> range:
        """Positions of the visits of some days, both included."""
        bounds = np.searchsorted(self._day, [clock.day_number(first), clock.day_number(last) + 1])
        return range(int(bounds[0]), int(bounds[1]))

    @cached_property
    def _arrivals(self) -> list[Arrival]:
        columns = (texts(self.visits[name]) for name in ("source", "medium", "campaign"))
        return [
            arrival(source or "", medium or "", campaign) for source, medium, campaign in zip(*columns, strict=True)
        ]

    def totals(self, day: date) -> Json | list[Any]:
        """VisitsSummary.get of one day; an empty list where there was no visit, as Matomo has it."""
        rows = self.visits.iloc[[*self.between(day, day)]]
        if rows.empty:
            return []
        count, pages, seconds = len(rows), rows["page_views"], int(rows["seconds"].sum())
        bounces = int((pages == 1).sum())
        return {
            "nb_uniq_visitors": int(rows["client_id"].nunique()), "nb_users": int(rows["user_id"].nunique()),
            "nb_visits": count, "nb_actions": int(pages.sum()),
            "nb_visits_converted": int(rows["key_event"].notna().sum()), "bounce_count": bounces,
            "sum_visit_length": seconds, "max_actions": int(pages.max()), "bounce_rate": f"{bounces * 100 // count}%",
            "nb_actions_per_visit": round(int(pages.sum()) / count, 1), "avg_time_on_site": seconds // count,
        }  # fmt: skip

    def referrers(self, day: date) -> list[Json]:
        """Referrers.getReferrerType of one day: a row per type that brought a visit, the largest first."""
        counts = Counter(self._arrivals[place].type for place in self.between(day, day))
        return [
            {"label": TYPES[name], "nb_visits": count, "segment": f"referrerType=={name}"}
            for name, count in counts.most_common()
        ]

    def rows(self, places: range) -> list[Json]:
        """Rows of Live.getLastVisitsDetails."""
        records = self.visits.iloc[[*places]].to_dict("records")
        return [self._visit(row, self._arrivals[place]) for place, row in zip(places, records, strict=True)]

    def _visit(self, row: Record, came: Arrival) -> Json:
        """One visit, with the columns of the plugin that knows campaigns."""
        first, last = int(row["first"]), int(row["last"])
        local, began = _local(last), _local(first)
        actions = self._actions(row)
        country = (_text(row["country"]) or "xx").lower()
        return {
            "idSite": 1, "idVisit": row["id_visit"], "visitIp": f"203.0.{row['id_visit'] % 250}.0",
            "visitorId": visitor_id(row["client_id"]), "userId": _text(row["user_id"]), "actionDetails": actions,
            "goalConversions": sum(each["type"] == "goal" for each in actions),
            "siteCurrency": CURRENCY, "siteCurrencySymbol": "€",
            # Matomo's serverDate is the UTC day, serverTimestamp the last action.
            "serverDate": pd.Timestamp(last, unit="s").strftime("%Y-%m-%d"), "visitServerHour": str(local.hour),
            "lastActionTimestamp": last, "serverTimestamp": last, "firstActionTimestamp": first,
            "lastActionDateTime": pd.Timestamp(last, unit="s").strftime("%Y-%m-%d %H:%M:%S"),
            "serverTimePretty": local.strftime("%H:%M:%S"), "serverDatePretty": local.strftime("%A, %B %d, %Y"),
            "serverTimePrettyFirstAction": began.strftime("%H:%M:%S"),
            "visitDuration": int(row["seconds"]), "visitDurationPretty": f"{int(row['seconds'])}s",
            "actions": int(row["page_views"]), "interactions": int(row["page_views"]), "searches": 0, "events": 0,
            "referrerType": came.type, "referrerTypeName": TYPES[came.type], "referrerName": came.name,
            "referrerKeyword": "", "referrerUrl": f"https://{came.name}/" if came.type == "website" else None,
            "deviceType": _DEVICES.get(str(row["device"]), "Unknown"), "operatingSystemName": "Unknown",
            "countryCode": country, "country": country.upper(), "city": "Unknown", "latitude": None, "longitude": None,
            "campaignId": "", "campaignContent": _text(row["content"]) or "", "campaignKeyword": "",
            "campaignGroup": "", "campaignPlacement": "", "campaignMedium": came.medium, "campaignName": came.campaign,
            "campaignSource": came.source,
        }  # fmt: skip

    def _actions(self, row: Record) -> list[Json]:
        """Page views spread over the visit, and the goal it converted near its end."""
        pages, first, last = int(row["page_views"]), int(row["first"]), int(row["last"])
        number = int(row["session_id"])
        urls = [str(row["landing_page"]), *(SITE + PAGES[(number + page) % len(PAGES)] for page in range(1, pages))]
        moments = [first + (last - first) * page // max(pages, 1) for page in range(pages)]
        actions: list[Json] = [
            {
                "type": "action", "url": url, "pageTitle": "Kpilote", "pageIdAction": page + 1, "pageId": page + 1,
                "idpageview": f"{number % 10**6:06d}", "pageviewPosition": page + 1, "title": "Kpilote",
                "serverTimePretty": _pretty(moment), "timestamp": moment,
            }
            for page, (url, moment) in enumerate(zip(urls, moments, strict=True))
        ]  # fmt: skip
        event = _text(row["key_event"])
        if event is not None:
            moment = first + (last - first) * 9 // 10
            goal = KEY_EVENTS.index(event) + 1
            converted = {
                "type": "goal", "goalName": GOALS[goal], "goalId": goal, "revenue": 0, "goalPageId": pages,
                "url": self._thanks(row), "serverTimePretty": _pretty(moment), "timestamp": moment,
                "title": "Goal conversion",
            }  # fmt: skip
            place = sum(each <= moment for each in moments)
            actions.insert(place, converted)
        return actions

    def _thanks(self, row: Record) -> str:
        """Where the form led: every so often with the visitor's address in the URL, as sloppy pages do."""
        address = self._addresses.get(_text(row["contact_id"]))
        if address is None or int(row["session_id"]) % SLOPPY:
            return SITE + THANKS
        return f"{SITE}{THANKS}?email={address.replace('@', '%40')}"


def _text(value: Any) -> str | None:
    """A text of a frame, None where it is empty."""
    return value if isinstance(value, str) else None


def _local(seconds: int) -> pd.Timestamp:
    return pd.Timestamp(seconds, unit="s", tz="UTC").tz_convert(TIME_ZONE)


def _pretty(seconds: int) -> str:
    return _local(seconds).strftime("%b %d, %Y %H:%M:%S")
