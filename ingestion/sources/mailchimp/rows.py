"""Mailchimp's answers by lake columns, and which endpoint and fields each table is read from."""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

from ingestion.http import Json
from ingestion.rows import ByColumn
from ingestion.sources.mailchimp.api import Listing


def audiences() -> Listing:
    fields = ("id", "name", "date_created", "stats.member_count", "stats.unsubscribe_count")
    return Listing("/lists", "lists", "id", fields, (("sort_field", "date_created"),))


def members(list_id: str, since: dt.datetime | None, *, archived: bool) -> Listing:
    """Members changed since; archived ones are listed only where they are asked for."""
    changed = (("since_last_changed", since.isoformat(timespec="seconds")),) if since else ()
    return Listing(
        f"/lists/{list_id}/members",
        "members",
        "id",
        ("id", "email_address", "status", "timestamp_opt", "last_changed"),
        (
            ("sort_field", "last_changed"),
            ("sort_dir", "ASC"),
            *changed,
            *((("status", "archived"),) if archived else ()),
        ),
        owner=("list_id", list_id),
        row_says=("status", "archived") if archived else None,
    )


def sent_campaigns(sent: tuple[tuple[str, str], ...]) -> Listing:
    fields = (
        *("id", "status", "send_time", "emails_sent", "recipients.list_id"),
        *("settings.title", "settings.subject_line", "tracking.google_analytics"),
    )
    order = (("status", "sent"), ("sort_field", "send_time"), ("sort_dir", "ASC"))
    return Listing("/campaigns", "campaigns", "id", fields, (*order, *sent))


def reports(sent: tuple[tuple[str, str], ...]) -> Listing:
    fields = (
        *("id", "emails_sent", "send_time", "unsubscribed", "opens.opens_total", "opens.unique_opens"),
        *("clicks.clicks_total", "clicks.unique_subscriber_clicks", "bounces.hard_bounces", "bounces.soft_bounces"),
    )
    return Listing("/reports", "reports", "id", fields, sent)


def recipients(campaign_id: str, table: str) -> Listing:
    """The endpoint behind a window table of one campaign."""
    path, member, *fields = {
        "sends": ("sent-to", "sent_to", "status"),
        "email_activity": ("email-activity", "emails", "activity"),
        "unsubscribes": ("unsubscribed", "unsubscribes", "timestamp", "reason"),
    }[table]
    return Listing(
        f"/reports/{campaign_id}/{path}",
        member,
        "email_id",
        ("email_id", "email_address", *fields),
        owner=("campaign_id", campaign_id),
    )


def audience(row: Json) -> dict[str, Any]:
    stats = row.get("stats", {})
    return {
        "list_id": row.get("id"),
        "name": row.get("name"),
        "created_at": row.get("date_created"),
        "member_count": stats.get("member_count"),
        "unsubscribe_count": stats.get("unsubscribe_count"),
    }


def member(list_id: str, row: Json) -> dict[str, Any]:
    return {
        "member_id": row.get("id"),
        "list_id": list_id,
        "email_hash": row.get("email_address"),
        "email_domain": row.get("email_address"),
        "status": row.get("status"),
        "opted_in_at": row.get("timestamp_opt"),
        "last_changed": row.get("last_changed"),
    }


def campaign(row: Json) -> dict[str, Any]:
    details = row.get("settings", {})
    return {
        "campaign_id": row.get("id"),
        "list_id": row.get("recipients", {}).get("list_id"),
        "title": details.get("title"),
        "subject": details.get("subject_line"),
        "utm_campaign": row.get("tracking", {}).get("google_analytics"),
        "status": row.get("status"),
        "send_time": row.get("send_time"),
        "emails_sent": row.get("emails_sent"),
    }


def report(row: Json) -> dict[str, Any]:
    opens, clicks, bounces = row.get("opens", {}), row.get("clicks", {}), row.get("bounces", {})
    return {
        "campaign_id": row.get("id"),
        "emails_sent": row.get("emails_sent"),
        "opens_total": opens.get("opens_total"),
        "unique_opens": opens.get("unique_opens"),
        "clicks_total": clicks.get("clicks_total"),
        "unique_clicks": clicks.get("unique_subscriber_clicks"),
        "hard_bounces": bounces.get("hard_bounces"),
        "soft_bounces": bounces.get("soft_bounces"),
        "unsubscribed": row.get("unsubscribed"),
        "send_time": row.get("send_time"),
    }


def sends(campaign: Json, entries: list[Json]) -> ByColumn:
    return {**_filed(campaign, entries), "status": [each.get("status") for each in entries]}


def unsubscribes(campaign: Json, entries: list[Json]) -> ByColumn:
    return {
        **_filed(campaign, entries),
        "occurred_at": [each.get("timestamp") for each in entries],
        "reason": [each.get("reason") for each in entries],
    }


def activity(is_machine: Callable[[str | None], bool], campaign: Json, entries: list[Json]) -> ByColumn:
    """What each recipient did, in a fixed order; the same again in the same second is numbered from 0."""
    recipients, events, ordinals = list[Json](), list[Json](), list[int]()
    for entry in entries:
        done = entry.get("activity")
        if not done:
            continue
        if len(done) == 1:
            ordinals.append(0)
            recipients.append(entry)
        else:
            done = sorted(done, key=lambda event: (str(event.get("timestamp")), str(event.get("url"))))
            ordinals += _ordinals(done)
            recipients += [entry] * len(done)
        events += done
    return {
        **_filed(campaign, recipients),
        "action": [each.get("action") for each in events],
        "occurred_at": [each.get("timestamp") for each in events],
        "url": [each.get("url") for each in events],
        "is_machine": [is_machine(each.get("ip")) for each in events],
        "ordinal": ordinals,
    }


def _ordinals(events: list[Json]) -> Iterator[int]:
    """For each how many of the same action in the same second came before."""
    seen: dict[tuple[Any, Any], int] = {}
    for event in events:
        same = event.get("action"), event.get("timestamp")
        seen[same] = seen.get(same, -1) + 1
        yield seen[same]


def _filed(campaign: Json, recipients: list[Json]) -> ByColumn:
    """What every row of a campaign's recipients begins with."""
    return {
        "send_day": [day(campaign["send_time"])] * len(recipients),
        "campaign_id": [campaign["id"]] * len(recipients),
        "email_hash": [each.get("email_address") for each in recipients],
    }


def day(send_time: str) -> dt.date:
    return dt.datetime.fromisoformat(send_time).astimezone(dt.UTC).date()
