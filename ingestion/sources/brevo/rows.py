"""Brevo's answers by lake columns, and which list each table is read from."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ingestion.cursor import moment
from ingestion.http import Json
from ingestion.sources.brevo.api import Listing

# Brevo invents an address for contacts known by phone only; its local part is the phone number.
PHONE_DOMAIN = "@mailin-sms.com"
TOTALS = {
    "sent": "sent",
    "delivered": "delivered",
    "hard_bounces": "hardBounces",
    "soft_bounces": "softBounces",
    "opens": "viewed",
    "unique_opens": "uniqueViews",
    "trackable_opens": "trackableViews",
    "clicks": "clickers",
    "unique_clicks": "uniqueClicks",
    "unsubscribes": "unsubscriptions",
    "complaints": "complaints",
}
EVENTS = {
    "requests": "requested",
    "opened": "opened",
    "loadedByProxy": "proxy_opened",
    "clicks": "clicked",
    "hardBounces": "hard_bounced",
    "softBounces": "soft_bounced",
    "bounces": "bounced",
    "spam": "complained",
}
# Brevo's list of campaigns tells events of six months: 181 days at the least, less one for the time zone it counts in.
REMEMBERED = dt.timedelta(days=180)
Is = Callable[[str | None], bool]


def lists() -> Listing:
    return Listing("/contacts/lists", "lists", 50, "contacts", is_counted=True)


def contacts(since: dt.datetime | None) -> Listing:
    """Contacts changed since; all of them where that is not given."""
    if since is None:
        return Listing("/contacts", "contacts", 1000, "contacts", is_counted=True)
    return Listing(
        "/contacts",
        "contacts",
        1000,
        "contacts",
        {"modifiedSince": _written(since)},
        is_wanted=lambda row: not row.get("modifiedAt") or moment(row["modifiedAt"]) >= since,
    )


def campaigns(start: dt.date, end: dt.date) -> Listing:
    """Campaigns sent on these days, end exclusive, whatever became of them: a status would leave out the archive."""
    first, last = (dt.datetime.combine(day, dt.time(), tzinfo=dt.UTC) for day in (start, end))
    return Listing(
        "/emailCampaigns",
        "campaigns",
        100,
        "others",
        {
            "startDate": _written(first),
            "endDate": _written(last),
            "statistics": "globalStats",
            "excludeHtmlContent": "true",
        },
        is_wanted=lambda row: (at := sent_at(row)) is None or first <= moment(at) <= last,
    )


def messages(first: dt.date, last: dt.date) -> Listing:
    """Events of transactional messages on these days, both included, in a time zone that Brevo does not name."""
    one = dt.timedelta(days=1)
    return Listing(
        "/smtp/statistics/events",
        "events",
        5000,
        "messages",
        {"startDate": first.isoformat(), "endDate": last.isoformat()},
        same=lambda row: row,
        is_wanted=lambda row: first - one <= day(row["date"]) <= last + one,
    )


def _written(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def sent_at(row: Json) -> str | None:
    """When a campaign was sent. One in the archive need not tell; it was sent when it was planned for."""
    sent = row.get("sentDate") or (row.get("scheduledAt") if row.get("status") == "archive" else None)
    return sent or None


def day(at: str) -> dt.date:
    return moment(at).astimezone(dt.UTC).date()


def text(value: Any) -> str | None:
    """Brevo's numbers of things are texts in the lake."""
    return None if value is None else str(value)


def contact_list(row: Json) -> dict[str, Any]:
    return {
        "list_id": text(row.get("id")),
        "name": row.get("name"),
        "folder_id": text(row.get("folderId")),
        "subscribers": row.get("totalSubscribers"),
        "blacklisted": row.get("totalBlacklisted"),
    }


def address(row: Json) -> str | None:
    """A contact's address, if it is one."""
    email = row.get("email")
    return None if isinstance(email, str) and email.lower().endswith(PHONE_DOMAIN) else email


def contact(row: Json) -> dict[str, Any]:
    """A contact without its attributes, which Brevo always sends: names and phones end here."""
    return {
        "contact_id": text(row.get("id")),
        "email_hash": address(row),
        "email_domain": address(row),
        "is_blacklisted": row.get("emailBlacklisted"),
        "list_ids": [str(each) for each in row.get("listIds") or ()],
        "unsubscribed_list_ids": [str(each) for each in row.get("listUnsubscribed") or ()],
        "created_at": row.get("createdAt"),
        "updated_at": row.get("modifiedAt"),
        "archived": False,
    }


def campaign(row: Json) -> dict[str, Any]:
    return {
        "campaign_id": text(row.get("id")),
        "name": row.get("name"),
        "subject": row.get("subject"),
        "tag": row.get("tag"),
        "utm_campaign": row.get("utmCampaignValue"),
        "status": row.get("status"),
        "list_ids": [str(each) for each in (row.get("recipients") or {}).get("lists") or ()],
        "created_at": row.get("createdAt"),
        "sent_at": sent_at(row),
    }


def totals(row: Json) -> dict[str, Any]:
    told = (row.get("statistics") or {}).get("globalStats") or {}
    return {name: told.get(theirs) for name, theirs in TOTALS.items()}


def statistics(row: Json, known: Mapping[str, Mapping[str, Any]], read_at: dt.datetime) -> dict[str, Any]:
    """A campaign with its totals, which may be known from elsewhere than the row."""
    number = str(row["id"])
    return {"campaign_id": number, **known[number], "sent_at": sent_at(row), "read_at": read_at}


def is_forgotten(row: Json, known: Mapping[str, Any], now: dt.datetime) -> bool:
    """Whether the list tells less of a campaign than there was: it forgets event by event, and so the sends first."""
    sent = totals(row)["sent"] or 0
    if known.get("sent"):
        return bool(sent < known["sent"])
    return not sent or now - moment(str(sent_at(row))) >= REMEMBERED


def activity(answers: Iterable[Json], is_machine: Is) -> Iterator[tuple[str, dict[str, Any]]]:
    """(campaign id, what one contact did with it), from its statistics; machines' addresses end here."""
    for answer in answers:
        for kind in ("hardBounces", "softBounces"):
            for told in answer.get(kind) or ():
                yield str(told["campaignId"]), _did("bounce", told, is_machine)
        for told in answer.get("opened") or ():
            yield str(told["campaignId"]), _did("open", told, is_machine)
        for clicked in answer.get("clicked") or ():
            for told in clicked["links"]:
                yield str(clicked["campaignId"]), _did("click", told, is_machine)


def _did(action: str, told: Json, is_machine: Is) -> dict[str, Any]:
    return {
        "action": action,
        "occurred_at": told.get("eventTime"),
        "times": told.get("count", 1),
        "url": told.get("url"),
        "is_machine": is_machine(told.get("ip")),
    }


def leaves(answers: Iterable[Json]) -> Iterator[tuple[str, str | None]]:
    """(campaign id, when the contact left through it). What an administrator did belongs to no campaign."""
    for answer in answers:
        for told in (answer.get("unsubscriptions") or {}).get("userUnsubscription") or ():
            yield str(told["campaignId"]), told.get("eventTime")


def numbered(found: Iterable[dict[str, Any]], names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The rows in a fixed order, equal ones (by these columns) numbered from 0."""
    repeated: Counter[tuple[Any, ...]] = Counter()
    for row in sorted(found, key=lambda row: tuple(map(str, row.values()))):
        same = tuple(row[name] for name in names)
        yield {**row, "ordinal": repeated[same]}
        repeated[same] += 1


def message(row: Json, is_machine: Is) -> dict[str, Any]:
    event = row.get("event")
    return {
        "event_day": day(row["date"]),
        "message_id": row.get("messageId"),
        "email_hash": row.get("email"),
        "event": EVENTS.get(event or "", event),
        "occurred_at": row.get("date"),
        "tag": row.get("tag"),
        "template_id": text(row.get("templateId")),
        "url": row.get("link"),
        "is_machine": event == "loadedByProxy" or is_machine(row.get("ip")),
    }
