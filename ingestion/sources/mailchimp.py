"""Mailchimp: `/lists, /lists/{id}/members, /campaigns, /reports → records`; `/reports/{id}/{sent-to, email-
activity, unsubscribed} → windows`.

What recipients do keeps arriving for weeks, so campaigns sent in the last days are read again. Pages are offsets
into a set that may move: every one is counted against the total and compared with the others. Asked for are
addresses (hashed at the door), never names.
"""

import datetime as dt
import ipaddress
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from ingestion.cursor import Cursor
from ingestion.errors import SettingsError
from ingestion.http import Api, HttpSettings, Json, batches, concurrently
from ingestion.pipeline import Connector, Context, Rows, Stream, Window
from ingestion.privacy import company_domain, without_addresses

PAGE = 1000
# Mailchimp refuses more than ten connections per key; other tools share them.
WORKERS = 4
CAMPAIGNS_AT_ONCE = 8
SET_ATTEMPTS = 3
# Ranges whose requests are machines fetching mail ahead of people: Apple's and Google's image proxies.
PROXY_RANGES = "17.0.0.0/8,66.102.0.0/20,66.249.80.0/20,104.28.0.0/16,172.224.0.0/12"


class MailchimpSettings(HttpSettings):
    """SOURCES__MAILCHIMP__… ."""

    model_config = SettingsConfigDict(env_prefix="SOURCES__MAILCHIMP__")

    api_key: SecretStr = Field(description="API key; it ends in the data centre, e.g. -us1.")
    base_url: str = Field("", description="Root of the API; by default the data centre of the key.")
    lookback_days: int = Field(30, ge=0, description="Campaigns sent in these days before the end are read again.")
    lookback_minutes: int = Field(60, ge=0, description="Overlap when reading changed members.")
    proxy_ranges: str = Field(PROXY_RANGES, description="Address ranges whose opens are a machine's, comma-separated.")

    def root(self) -> str:
        """Root of the API, from the setting or the key's data centre."""
        _, dash, centre = self.api_key.get_secret_value().rpartition("-")
        if self.base_url:
            return self.base_url
        if not dash or not centre.isalnum():
            raise SettingsError("SOURCES__MAILCHIMP__API_KEY does not end in its data centre (…-us1)")
        return f"https://{centre}.api.mailchimp.com/3.0"


@dataclass(frozen=True)
class Listing:
    """One endpoint that pages by offset: its path, the member of the answer that holds the rows, and the fields
    wanted.
    """

    path: str
    member: str
    key: str
    fields: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...] = ()


def connect(context: Context) -> Connector:
    """Audiences in one stream, campaigns with what their recipients did in another."""
    settings = MailchimpSettings.load()
    api = mailchimp(settings)
    hasher = context.hasher
    recipient = {"email_hash": hasher.email}
    return Connector(
        {
            "audiences": partial(_audiences, context, api, settings),
            "campaigns": partial(_campaigns, context, api, settings),
        },
        {
            "members": {
                "member_id": hasher.identifier,
                "email_hash": hasher.email,
                "email_domain": company_domain,
            },
            "campaigns": {"title": without_addresses, "subject": without_addresses},
            "sends": recipient,
            "email_activity": {**recipient, "url": without_addresses},
            "unsubscribes": {**recipient, "reason": without_addresses},
        },
    )


def mailchimp(settings: MailchimpSettings) -> Api:
    return Api(
        "mailchimp",
        settings.root(),
        settings,
        auth=("kpilote", settings.api_key.get_secret_value()),
        explain=_explain,
        # Overload shows as a 403 without a body; a real refusal has one.
        retry_refusal=lambda status, body: status == 403 and body is None,
    )


def _audiences(context: Context, api: Api, settings: MailchimpSettings) -> Stream:
    fields = ("id", "name", "date_created", "stats.member_count", "stats.unsubscribe_count")
    audiences = _all(api, Listing("/lists", "lists", "id", fields, (("sort_field", "date_created"),)))
    yield Rows("lists", [_audience(each) for each in audiences])
    cursors = []
    for audience in audiences:
        cursor = Cursor(context.state, f"members.{audience['id']}", dt.timedelta(minutes=settings.lookback_minutes))
        cursors.append(cursor)
        # Archived members are listed only where they are asked for.
        for status in ((), (("status", "archived"),)):
            members = _all(api, _members(audience["id"], cursor.since, status))
            fresh = [each for each in members if cursor.is_new(each.get("id"), each.get("last_changed"))]
            yield Rows("members", [_member(audience["id"], each) for each in fresh])
    for cursor in cursors:
        cursor.save()
    for table in ("lists", "members"):
        yield Window(table, context.start, context.end)


def _members(list_id: str, since: dt.datetime | None, status: Iterable[tuple[str, str]]) -> Listing:
    changed = (("since_last_changed", since.isoformat(timespec="seconds")),) if since else ()
    return Listing(
        f"/lists/{list_id}/members",
        "members",
        "id",
        ("id", "email_address", "status", "timestamp_opt", "last_changed"),
        (("sort_field", "last_changed"), ("sort_dir", "ASC"), *changed, *status),
    )


def _campaigns(context: Context, api: Api, settings: MailchimpSettings) -> Stream:
    """Campaigns sent in the window and the days before its end, their reports, and every recipient's doings."""
    recent = max(context.end - dt.timedelta(days=settings.lookback_days), context.settings.start_date)
    start = min(context.start, recent)
    sent = (("since_send_time", _midnight(start)), ("before_send_time", _midnight(context.end)))
    campaigns = [each for each in _all(api, _sent_campaigns(sent)) if start <= _day(each["send_time"]) < context.end]
    yield Rows("campaigns", [_campaign(each) for each in campaigns])
    known = {each["id"] for each in campaigns}
    yield Rows("reports", [_report(each) for each in _all(api, _reports(sent)) if each["id"] in known])
    readers: Mapping[str, Callable[[Json, Json], Iterator[dict[str, Any]]]] = {
        "sends": _send,
        "email_activity": partial(_activity, partial(_is_machine, settings.proxy_ranges)),
        "unsubscribes": _unsubscribe,
    }
    for group in batches(campaigns, CAMPAIGNS_AT_ONCE):
        tasks = [(campaign, table) for campaign in group for table in readers]
        found = _all_concurrently(api, [_recipients(campaign["id"], table) for campaign, table in tasks])
        for (campaign, table), entries in zip(tasks, found, strict=True):
            yield Rows(table, [row for entry in entries for row in readers[table](campaign, entry)])
    for table in ("campaigns", "reports"):
        yield Window(table, context.start, context.end)
    for table in readers:
        yield Window(table, start, context.end)


def _sent_campaigns(sent: tuple[tuple[str, str], ...]) -> Listing:
    fields = (
        *("id", "status", "send_time", "emails_sent", "recipients.list_id"),
        *("settings.title", "settings.subject_line", "tracking.google_analytics"),
    )
    order = (("status", "sent"), ("sort_field", "send_time"), ("sort_dir", "ASC"))
    return Listing("/campaigns", "campaigns", "id", fields, (*order, *sent))


def _reports(sent: tuple[tuple[str, str], ...]) -> Listing:
    fields = (
        *("id", "emails_sent", "send_time", "unsubscribed", "opens.opens_total", "opens.unique_opens"),
        *("clicks.clicks_total", "clicks.unique_subscriber_clicks", "bounces.hard_bounces", "bounces.soft_bounces"),
    )
    return Listing("/reports", "reports", "id", fields, sent)


def _recipients(campaign_id: str, table: str) -> Listing:
    """The endpoint behind a window table of one campaign."""
    path, member, *fields = {
        "sends": ("sent-to", "sent_to", "status"),
        "email_activity": ("email-activity", "emails", "activity"),
        "unsubscribes": ("unsubscribed", "unsubscribes", "timestamp", "reason"),
    }[table]
    return Listing(f"/reports/{campaign_id}/{path}", member, "email_id", ("email_id", "email_address", *fields))


def _all(api: Api, listing: Listing) -> list[Json]:
    return _all_concurrently(api, [listing])[0]


def _all_concurrently(api: Api, listings: Sequence[Listing]) -> list[list[Json]]:
    """Every row of each listing: first pages first, then the rest of them; a set that moved meanwhile is read again."""
    pages: list[list[Json]] = [[page] for page in concurrently(lambda each: _page(api, each, 0), listings, WORKERS)]
    rest = [
        (index, offset) for index, (first,) in enumerate(pages) for offset in range(PAGE, first["total_items"], PAGE)
    ]
    further = concurrently(lambda task: _page(api, listings[task[0]], task[1]), rest, WORKERS)
    for (index, _), page in zip(rest, further, strict=True):
        pages[index].append(page)
    return [_settled(api, listing, found) for listing, found in zip(listings, pages, strict=True)]


def _settled(api: Api, listing: Listing, pages: list[Json]) -> list[Json]:
    for _ in range(SET_ATTEMPTS):
        problem = _fault(listing, pages)
        if problem is None:
            return [row for page in pages for row in page[listing.member]]
        first = _page(api, listing, 0)
        pages = [first, *(_page(api, listing, offset) for offset in range(PAGE, first["total_items"], PAGE))]
    raise api.error(f"{listing.path} {problem}, {SET_ATTEMPTS} times; nothing was loaded, run it again later")


def _page(api: Api, listing: Listing, offset: int) -> Json:
    names = (f"{listing.member}.{name}" for name in listing.fields)
    parameters = {
        "count": str(PAGE),
        "offset": str(offset),
        "fields": ",".join((*names, "total_items")),
        **dict(listing.parameters),
    }
    return api.verified(
        partial(api.get, listing.path, parameters),
        lambda page: (
            None
            if page[listing.member] or offset >= page["total_items"]
            else f"{listing.path} answered an empty page though {page['total_items']} rows exist"
        ),
    )


def _fault(listing: Listing, pages: Sequence[Json]) -> str | None:
    """Whether the pages are one set: as many rows as the last total says, and no page a repetition of others."""
    received = sum(len(page[listing.member]) for page in pages)
    if received != pages[-1]["total_items"]:
        return f"answered {received} of {pages[-1]['total_items']} rows"
    seen: set[str] = set()
    for page in pages:
        ids = {row[listing.key] for row in page[listing.member] if row.get(listing.key)}
        if ids and ids <= seen:
            return "repeated a page"
        seen |= ids
    return None


def _audience(row: Json) -> dict[str, Any]:
    stats = row.get("stats", {})
    return {
        "list_id": row.get("id"),
        "name": row.get("name"),
        "created_at": row.get("date_created"),
        "member_count": stats.get("member_count"),
        "unsubscribe_count": stats.get("unsubscribe_count"),
    }


def _member(list_id: str, row: Json) -> dict[str, Any]:
    return {
        "member_id": row.get("id"),
        "list_id": list_id,
        "email_hash": row.get("email_address"),
        "email_domain": row.get("email_address"),
        "status": row.get("status"),
        "opted_in_at": row.get("timestamp_opt"),
        "last_changed": row.get("last_changed"),
    }


def _campaign(row: Json) -> dict[str, Any]:
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


def _report(row: Json) -> dict[str, Any]:
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


def _filed(campaign: Json, entry: Json) -> dict[str, Any]:
    return {
        "send_day": _day(campaign["send_time"]),
        "campaign_id": campaign["id"],
        "email_hash": entry.get("email_address"),
    }


def _send(campaign: Json, entry: Json) -> Iterator[dict[str, Any]]:
    yield {**_filed(campaign, entry), "status": entry.get("status")}


def _unsubscribe(campaign: Json, entry: Json) -> Iterator[dict[str, Any]]:
    yield {**_filed(campaign, entry), "occurred_at": entry.get("timestamp"), "reason": entry.get("reason")}


def _activity(is_machine: Callable[[str | None], bool], campaign: Json, entry: Json) -> Iterator[dict[str, Any]]:
    filed = _filed(campaign, entry)
    repeated: Counter[tuple[Any, Any]] = Counter()
    for event in sorted(
        entry.get("activity", []), key=lambda event: (str(event.get("timestamp")), str(event.get("url")))
    ):
        same = (event.get("action"), event.get("timestamp"))
        yield {
            **filed,
            "action": event.get("action"),
            "occurred_at": event.get("timestamp"),
            "url": event.get("url"),
            "is_machine": is_machine(event.get("ip")),
            "ordinal": repeated[same],
        }
        repeated[same] += 1


@lru_cache(maxsize=100_000)
def _is_machine(ranges: str, address: str | None) -> bool:
    """Whether an address lies in the proxy ranges; the address goes no further."""
    try:
        return bool(address) and any(ipaddress.ip_address(address or "") in network for network in _networks(ranges))
    except ValueError:
        return False


@lru_cache(maxsize=4)
def _networks(ranges: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    try:
        return tuple(ipaddress.ip_network(each.strip()) for each in ranges.split(",") if each.strip())
    except ValueError as error:
        raise SettingsError(f"SOURCES__MAILCHIMP__PROXY_RANGES is not usable: {error}") from None


def _day(send_time: str) -> dt.date:
    return dt.datetime.fromisoformat(send_time).astimezone(dt.UTC).date()


def _midnight(day: dt.date) -> str:
    return dt.datetime.combine(day, dt.time(), tzinfo=dt.UTC).isoformat()


def _explain(status: int, body: Json | None) -> str | None:
    if status == 401:
        return "the key was refused (401): set SOURCES__MAILCHIMP__API_KEY to an active one, with its -us… ending"
    if status == 403:
        return "the key lacks access (403): make one under an account user with the role Viewer or higher"
    if status == 404:
        return "the path does not exist (404): check SOURCES__MAILCHIMP__BASE_URL and the key's data centre"
    return None
