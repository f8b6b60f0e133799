"""Mailchimp's answers by lake columns, and which endpoint and fields each table is read from."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from ingestion.http import Json
from ingestion.sources.mailchimp.api import Listing

Row = dict[str, Any]


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


def filed(campaign: Json) -> dict[str, Any]:
    """What every row of a campaign's recipients begins with."""
    return {"send_day": day(campaign["send_time"]), "campaign_id": campaign["id"]}


def sends(filed: Json, entries: list[Json]) -> list[Row]:
    return [{**filed, "email_hash": each.get("email_address"), "status": each.get("status")} for each in entries]


def unsubscribes(filed: Json, entries: list[Json]) -> list[Row]:
    return [
        {
            **filed,
            "email_hash": each.get("email_address"),
            "occurred_at": each.get("timestamp"),
            "reason": each.get("reason"),
        }
        for each in entries
    ]


def activity(is_machine: Callable[[str | None], bool], filed: Json, entries: list[Json]) -> list[Row]:
    """What each recipient did, in a fixed order; the same again in the same second is numbered from 0."""
    found = []
    for entry in entries:
        events = entry.get("activity") or ()
        if len(events) > 1:
            events = sorted(events, key=lambda event: (str(event.get("timestamp")), str(event.get("url"))))
        email = entry.get("email_address")
        seen: dict[tuple[Any, Any], int] = {}
        for event in events:
            action, at = same = event.get("action"), event.get("timestamp")
            seen[same] = seen.get(same, -1) + 1
            found.append(
                {
                    **filed,
                    "email_hash": email,
                    "action": action,
                    "occurred_at": at,
                    "url": event.get("url"),
                    "is_machine": is_machine(event.get("ip")),
                    "ordinal": seen[same],
                }
            )
    return found


def day(send_time: str) -> dt.date:
    return dt.datetime.fromisoformat(send_time).astimezone(dt.UTC).date()
