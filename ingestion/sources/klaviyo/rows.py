"""Klaviyo's resource objects by lake columns, and which listing each table is read from."""

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from ingestion.http import Json
from ingestion.privacy import REMOVED
from ingestion.sources.klaviyo.api import Listing

RECEIVED = "Received Email"
# Kinds of events that say what became of an email, by the names of Klaviyo's own integration.
EMAIL_METRICS = (
    RECEIVED, "Bounced Email", "Opened Email", "Clicked Email", "Unsubscribed from Email Marketing",
    "Marked Email as Spam", "Dropped Email",
)  # fmt: skip
OWN_INTEGRATION = "klaviyo"
MACHINE_FLAGS = ("machine_open", "Apple Privacy Open", "Bot Click")
SECOND = dt.timedelta(seconds=1)
# The parameter by which Klaviyo recognises who follows a link.
_EXCHANGE_ID = re.compile(r"(?<=[?&])_kx=[^&#]*&?")


def metrics() -> Listing:
    return Listing("metrics", "metric", {"fields[metric]": "name,created,updated,integration"})


def lists() -> Listing:
    return Listing("lists", "list", {"fields[list]": "name,created,updated,opt_in_process", "sort": "id"})


def profiles(since: dt.datetime | None) -> Listing:
    """Profiles changed since, with their consent to email only: the other channels' would come with phone numbers."""
    parameters = {
        "fields[profile]": "email,created,updated,subscriptions.email.marketing",
        "additional-fields[profile]": "subscriptions",
        "sort": "updated",
    }
    if since is not None:
        # The bound is exclusive.
        parameters["filter"] = f"greater-than(updated,{_instant(since - SECOND)})"
    floor = dt.datetime.min.replace(tzinfo=dt.UTC) if since is None else since - SECOND
    return Listing(
        "profiles", "profile", parameters, "updated", lambda row: _moment(row["attributes"]["updated"]) > floor
    )


def profile_ids() -> Listing:
    return Listing("profiles", "profile", {"fields[profile]": "updated", "sort": "id"})


def campaigns(since: dt.datetime | None, *, archived: bool) -> Listing:
    """Campaigns with their messages; those put away are listed only where they are asked for."""
    conditions = ["equals(messages.channel,'email')", f"equals(archived,{str(archived).lower()})"]
    if since is not None:
        conditions.append(f"greater-or-equal(updated_at,{_instant(since)})")
    parameters = {
        "filter": f"and({','.join(conditions)})",
        "include": "campaign-messages",
        "fields[campaign]": "name,status,archived,audiences,tracking_options,created_at,updated_at,send_time",
        "fields[campaign-message]": "definition.content.subject",
        "sort": "updated_at",
    }
    return Listing(
        "campaigns", "campaign", parameters, "updated_at", lambda row: row["attributes"]["archived"] is archived
    )


def events(metric_id: str, start: dt.date, end: dt.date) -> Listing:
    """Events of one kind on some days, with the address of each profile and nothing else of it."""
    first, last = (dt.datetime.combine(day, dt.time(), tzinfo=dt.UTC) for day in (start, end))
    conditions = f'equals(metric_id,"{metric_id}"),greater-or-equal(datetime,{_instant(first)})'
    parameters = {
        "filter": f"and({conditions},less-than(datetime,{_instant(last)}))",
        "include": "profile",
        "fields[event]": "datetime,event_properties",
        "fields[profile]": "email",
        "sort": "datetime",
    }

    def belongs(row: Json) -> bool:
        metric = row["relationships"]["metric"]["data"]["id"]
        return metric == metric_id and first <= _moment(row["attributes"]["datetime"]) < last

    return Listing("events", "event", parameters, None, belongs)


def metric(row: Json) -> dict[str, Any]:
    attributes = row["attributes"]
    return {
        "metric_id": row["id"],
        "name": attributes.get("name"),
        "integration": (attributes.get("integration") or {}).get("name"),
        "created_at": attributes.get("created"),
        "updated_at": attributes.get("updated"),
    }


def email_metrics(rows: Iterable[Json]) -> dict[str, str]:
    """Name by id of the kinds of events to read: an account's own programs may send others of the same name."""
    return {
        row["metric_id"]: row["name"]
        for row in map(metric, rows)
        if row["name"] in EMAIL_METRICS and str(row["integration"]).lower() == OWN_INTEGRATION
    }


def audience(row: Json) -> dict[str, Any]:
    attributes = row["attributes"]
    return {
        "list_id": row["id"],
        "name": attributes.get("name"),
        "opt_in_process": attributes.get("opt_in_process"),
        "created_at": attributes.get("created"),
        "updated_at": attributes.get("updated"),
    }


def profile(row: Json) -> dict[str, Any]:
    attributes = row["attributes"]
    marketing = attributes.get("subscriptions", {}).get("email", {}).get("marketing") or {}
    suppressions = marketing.get("suppression") or []
    newest: Json = max(suppressions, key=lambda each: _moment(each["timestamp"]), default={})
    return {
        "profile_id": row["id"],
        "email_hash": attributes.get("email"),
        "email_domain": attributes.get("email"),
        "consent": marketing.get("consent"),
        "consented_at": marketing.get("consent_timestamp"),
        "can_receive": marketing.get("can_receive_email_marketing"),
        "suppression": newest.get("reason"),
        "suppressed_at": newest.get("timestamp"),
        "suppressed_list_ids": sorted({each["list_id"] for each in marketing.get("list_suppressions") or []}),
        "archived": False,
        "created_at": attributes.get("created"),
        "updated_at": attributes.get("updated"),
    }


def campaign(row: Json, messages: dict[str, Json]) -> dict[str, Any]:
    attributes = row["attributes"]
    ids = [each["id"] for each in row["relationships"]["campaign-messages"]["data"]]
    first = messages.get(ids[0], {}) if ids else {}
    subject = first.get("attributes", {}).get("definition", {}).get("content", {}).get("subject")
    return {
        "campaign_id": row["id"],
        "message_ids": ids,
        "list_ids": attributes.get("audiences", {}).get("included"),
        "name": attributes.get("name"),
        "subject": subject,
        "utm_campaign": _utm_campaign(row["id"], attributes, subject),
        "status": attributes.get("status"),
        "archived": attributes.get("archived"),
        "send_time": attributes.get("send_time"),
        "created_at": attributes.get("created_at"),
        "updated_at": attributes.get("updated_at"),
    }


def _utm_campaign(id_: str, attributes: Json, subject: str | None) -> str | None:
    """What the tracking options put into utm_campaign; None where they leave it to the account's own defaults."""
    options = attributes.get("tracking_options") or {}
    if not options.get("add_tracking_params"):
        return None
    for each in options.get("custom_tracking_params") or []:
        if each["name"] == "utm_campaign":
            name = attributes.get("name")
            dynamic = {"campaign_name": name, "campaign_id": id_, "email_subject": subject}
            dynamic["campaign_name_id"] = f"{name} ({id_})"
            value = each["value"] if each["type"] == "static" else dynamic.get(each["value"])
            return None if value is None else str(value)
    return None


def day_events(name: str, pages: Iterable[Json]) -> list[dict[str, Any]]:
    """The events of one kind by lake columns, numbered where a person did the same in one second; each event once."""
    rows: dict[str, dict[str, Any]] = {}
    for page in pages:
        emails = {each["id"]: each["attributes"].get("email") for each in page.get("included", [])}
        rows.update((each["id"], _event(name, each, emails)) for each in page["data"])
    return list(_numbered(sorted(rows.values(), key=lambda row: row["occurred_at"])))


def _event(name: str, row: Json, emails: dict[str, str | None]) -> dict[str, Any]:
    attributes = row["attributes"]
    properties = attributes.get("event_properties") or {}
    profile_id = (row["relationships"].get("profile", {}).get("data") or {}).get("id")
    moment = _moment(attributes["datetime"])
    return {
        "event_day": moment.date(),
        "event_id": row["id"],
        "metric": name,
        "profile_id": profile_id,
        "email_hash": emails.get(profile_id) if profile_id else None,
        "message_id": properties.get("$message"),
        "flow_id": properties.get("$flow"),
        "bounce_type": properties.get("Bounce Type"),
        "url": _link(properties.get("URL"), profile_id),
        "is_machine": any(str(properties[flag]).lower() == "true" for flag in MACHINE_FLAGS if flag in properties),
        "occurred_at": moment,
    }


def _link(url: Any, profile_id: str | None) -> Any:
    """A link without what tells Klaviyo who follows it."""
    if not isinstance(url, str):
        return url
    bare = _EXCHANGE_ID.sub("", url).rstrip("?&")
    return bare.replace(profile_id, REMOVED) if profile_id else bare


def _numbered(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for _, together in groupby(rows, key=lambda row: row["occurred_at"]):
        same: Counter[tuple[Any, Any]] = Counter()
        for row in sorted(together, key=lambda row: (str(row["url"]), row["event_id"])):
            doing = (row["message_id"], row["profile_id"])
            yield {**row, "ordinal": same[doing]}
            same[doing] += 1


def _instant(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
