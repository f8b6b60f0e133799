"""Brevo: `/contacts/lists, /contacts, /emailCampaigns → records`; exports and `/contacts/{id}/campaignStats → windows`;
`/smtp/statistics/events → a window`.

What recipients do keeps arriving for weeks, so campaigns sent in the last days are read again. Asked for are addresses
(hashed at the door); names and phones that come with a contact end in `rows.contact`. Belongs here: what is read, in
which window, and that totals Brevo forgets are kept. Does not: requests (`api.py`), exports (`exports.py`), recipients
(`recipients.py`), fields (`rows.py`).
"""

import datetime as dt
from collections.abc import Iterator
from functools import partial
from typing import Any

from ingestion.cursor import Cursor
from ingestion.http import Json
from ingestion.pacing import concurrently
from ingestion.privacy import company_domain, without_addresses, without_secrets
from ingestion.proxies import Proxies
from ingestion.sources.brevo import rows
from ingestion.sources.brevo.api import WORKERS, Brevo, BrevoSettings
from ingestion.sources.brevo.recipients import Campaign, Recipients
from ingestion.standing import Standing, newest_rows
from ingestion.streams import Connector, Context, Rows, Stream, Window

RECIPIENT_TABLES = ("sends", "email_activity", "unsubscribes")
# Campaigns of these days are listed every time: their totals still grow, and the list has forgotten nothing of them.
TOTALS_DAYS = rows.REMEMBERED.days
MESSAGE_DAYS = 30


def connect(context: Context) -> Connector:
    """Contacts and campaigns in one stream, since recipients are asked after by their number; messages in another."""
    settings = BrevoSettings.load()
    brevo, proxies = Brevo(settings), settings.proxies()
    recipient = {"email_hash": context.hasher.email}
    return Connector(
        {
            "lists": partial(_lists, context, brevo),
            "marketing": partial(_marketing, context, brevo, proxies),
            "messages": partial(_messages, context, brevo, proxies),
        },
        {
            "contacts": {**recipient, "email_domain": company_domain},
            "campaigns": dict.fromkeys(("name", "subject", "tag"), without_addresses),
            "sends": recipient,
            "email_activity": {**recipient, "url": without_addresses},
            "unsubscribes": recipient,
            "transactional_events": {
                **recipient,
                "message_id": context.hasher.identifier,
                "tag": without_addresses,
                "url": without_addresses,
            },
        },
    )


def check() -> str:
    """What `kpilote doctor` says of this source; raises what is wrong.

    A key of Brevo's has no scopes, it opens what the account's plan has. Asked is what a pull asks but exports: asking
    for one makes it. It costs two of the hundred calls an hour.
    """
    settings = BrevoSettings.load().for_check()
    settings.proxies()
    brevo = Brevo(settings)
    known = _contact(brevo)
    for each in known["contacts"]:
        brevo.get("contacts", f"/contacts/{each['id']}/campaignStats", {})
    for path in ("/emailCampaigns", "/processes"):
        brevo.get("others", path, {"limit": 1})
    brevo.get("messages", "/smtp/statistics/events", {"limit": 1})
    lists = len(brevo.read(rows.lists()))
    return f"{lists} lists and {known['count']} contacts at {without_secrets(settings.base_url)}"


def _contact(brevo: Brevo) -> Json:
    """One contact, if Brevo holds any, and how many it holds."""
    return brevo.get("contacts", "/contacts", {"limit": 1})


def _lists(context: Context, brevo: Brevo) -> Stream:
    yield Rows("lists", [rows.contact_list(each) for each in brevo.read(rows.lists())])
    yield Window("lists", context.start, context.end)


def _marketing(context: Context, brevo: Brevo, proxies: Proxies) -> Stream:
    numbers: dict[str, str] = {}
    yield from _contacts(context, brevo, numbers)
    yield from _campaigns(context, brevo, proxies, numbers)


def _contacts(context: Context, brevo: Brevo, numbers: dict[str, str]) -> Stream:
    """Changed contacts and those that are gone; fills in Brevo's number of each by the hash of its address."""
    overlap = dt.timedelta(minutes=brevo.settings.lookback_minutes)
    forget = context.forget("contacts")
    cursor = Cursor(context.state, "contacts.updated", overlap, forget)
    standing = None
    if cursor.since is not None:
        standing = Standing(context.settings, context.source.tables["contacts"])
        numbers.update({email: id_ for id_, email in standing.column("email_hash").items() if email})
    met: set[str | None] = set()
    fresh = []
    for each in brevo.read(rows.contacts(cursor.since)):
        number, address = rows.text(each.get("id")), rows.address(each)
        if number is None or not forget(number):
            met.add(number)
            if number and address:
                numbers[context.hasher.email(address)] = number
        if cursor.is_new(number, each.get("modifiedAt")):
            fresh.append(rows.contact(each))
    yield Rows("contacts", fresh)
    # A contact without a number may be any of them: the gate raw is to see it, and nobody is taken for gone.
    if standing is not None and None not in met:
        yield from _departures(context, brevo, standing, standing.ids | {each for each in met if each})
    cursor.save()
    yield Window("contacts", context.start, context.end)


def _departures(context: Context, brevo: Brevo, standing: Standing, ids: set[str]) -> Iterator[Rows]:
    """Contacts deleted: Brevo tells of them nowhere. Where its number of contacts is not that of the lake, all are
    listed, and what is in the lake but in no list any more gets a tombstone.
    """
    if int(_contact(brevo)["count"]) == len(ids):
        return
    gone = standing.ids - {str(each["id"]) for each in brevo.read(rows.contacts(None))}
    if gone:
        yield Rows("contacts", standing.gone(gone, context.pulled_at), received=len(gone))


def _campaigns(context: Context, brevo: Brevo, proxies: Proxies, numbers: dict[str, str]) -> Stream:
    """Campaigns sent in the window and the days before its end with every recipient's doings, and the totals of those
    that Brevo's list remembers whole.
    """
    start = context.reaching_back(RECIPIENT_TABLES, brevo.settings.lookback_days)
    since = context.reaching_back(RECIPIENT_TABLES, max(TOTALS_DAYS, brevo.settings.lookback_days))
    sent: list[tuple[dt.date, Json]] = []
    for each in brevo.read(rows.campaigns(since, context.end)):
        at = rows.sent_at(each)
        if at is not None and since <= rows.day(at) < context.end:
            sent.append((rows.day(at), each))
    yield Rows("campaigns", [rows.campaign(each) for day, each in sent if day >= start])
    known = _known_totals(context)
    totals = _totals(context, brevo, [each for _, each in sent], known)
    changed = [each for _, each in sent if totals[str(each["id"])] != known.get(str(each["id"]))]
    yield Rows("campaign_statistics", [rows.statistics(each, totals, context.pulled_at) for each in changed])
    recipients = Recipients(brevo, context.hasher, proxies, numbers, context.pulled_at.date())
    recent = [(str(each["id"]), day) for day, each in sent if day >= start]
    yield from recipients.read([Campaign(each, day, totals[each]) for each, day in recent])
    for table in ("campaigns", "campaign_statistics"):
        yield Window(table, context.start, context.end)
    for table in RECIPIENT_TABLES:
        yield Window(table, start, context.end)


def _known_totals(context: Context) -> dict[str, dict[str, Any]]:
    """The totals the lake holds of each campaign."""
    newest = newest_rows(context.settings, context.source.tables["campaign_statistics"]).to_pylist()
    return {row["campaign_id"]: {name: row[name] for name in rows.TOTALS} for row in newest}


def _totals(
    context: Context, brevo: Brevo, campaigns: list[Json], known: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Each campaign's totals: what the list tells of one it remembers whole; else what the lake knows; else its own
    report, one call each, which reaches back further.
    """
    told = {str(each["id"]): rows.totals(each) for each in campaigns}
    forgotten = [
        str(each["id"])
        for each in campaigns
        if rows.is_forgotten(each, known.get(str(each["id"]), {}), context.pulled_at)
    ]
    unknown = [each for each in forgotten if not known.get(each, {}).get("sent")]
    reports = concurrently(brevo.report, unknown, WORKERS)
    reported = dict(zip(unknown, map(rows.totals, reports), strict=True))
    return told | {each: known[each] for each in forgotten if each not in reported} | reported


def _messages(context: Context, brevo: Brevo, proxies: Proxies) -> Stream:
    """Events of transactional messages, a month at a time; the days asked for are one wider, since Brevo does not say
    in which time zone it cuts them.
    """
    start = context.reaching_back(("transactional_events",), 1 + brevo.settings.message_lookback_days)
    today, day, one = context.pulled_at.date(), start, dt.timedelta(days=1)
    while day < context.end and day - one <= today:
        until = min(day + dt.timedelta(days=MESSAGE_DAYS), context.end)
        told = brevo.read(rows.messages(day - one, min(until, today)))
        found = [row for row in (rows.message(each, proxies.hold) for each in told) if day <= row["event_day"] < until]
        yield Rows("transactional_events", list(rows.numbered(found, ("message_id", "event", "occurred_at"))))
        day = until
    yield Window("transactional_events", start, context.end)
