"""Brevo's API v3: lists, contacts, campaigns, and events of transactional messages.

Flow: `request → key, limits, parameters (brevo_rules) → rows of brevo_records`. Belongs here: paths, filters, order.
Does not: exports (`brevo_exports`), sums (`brevo_totals`), refusals (`brevo_rules`).
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.apis import brevo_exports as exports
from sandbox.apis.answers import Answer, Json
from sandbox.apis.brevo_records import Account
from sandbox.apis.brevo_rules import MAX_DAYS, Query, account_of, bad, guarded, refusal, refused
from sandbox.apis.brevo_totals import contact_statistics, empty_statistics, statistics
from sandbox.apis.vendor import Place, Vendor

MAX_CONTACTS, MAX_LISTS, MAX_CAMPAIGNS, MAX_EVENTS = 1_000, 50, 100, 5_000
STATUSES = ("suspended", "archive", "sent", "queued", "draft", "inProcess")
LIST_STATISTICS = ("globalStats", "linksStats", "statsByDomain")
REPORT_STATISTICS = (*LIST_STATISTICS, "statsByDevice", "statsByBrowser")
EVENTS = (
    "bounces", "hardBounces", "softBounces", "delivered", "spam", "requests", "opened", "clicks", "invalid",
    "deferred", "blocked", "unsubscribed", "error", "loadedByProxy",
)  # fmt: skip


async def lists(request: Request) -> Response:
    query = Query(request, most=MAX_LISTS, default=10)
    rows = account_of(request).list_rows()
    return Answer({"lists": query.page(rows), "count": len(rows)})


async def attributes(request: Request) -> Response:
    Query(request)
    known = [{"name": name, "category": "normal", "type": "text"} for name in exports.HEADING[1:]]
    return Answer({"attributes": known})


async def contacts(request: Request) -> Response:
    """Contacts, all their attributes with them; the count is that of the filtered ones."""
    query = Query(request, "modifiedSince", "createdSince", most=MAX_CONTACTS)
    rows = account_of(request).contacts
    for name, field in (("modifiedSince", "modifiedAt"), ("createdSince", "createdAt")):
        since = query.moment(name)
        if since is not None:
            rows = [row for row in rows if datetime.fromisoformat(row[field]) > since]
    return Answer({"contacts": query.page(rows), "count": len(rows)})


async def contact_stats(request: Request) -> Response:
    """What one contact did, by default in the last ninety days."""
    query = Query(request, "startDate", "endDate")
    account, identifier = account_of(request), request.path_params["identifier"]
    today = account.now.date()
    first, last = query.days(today) or ((account.now - pd.Timedelta(days=MAX_DAYS)).date(), today)
    number = int(identifier) if identifier.isdecimal() else _number_of(request, identifier)
    if number not in account.contact_of:
        raise refused(404, "Contact does not exist")
    return Answer(contact_statistics(account, number, first, last))


def _number_of(request: Request, email: str) -> int:
    """Brevo also takes an address for an identifier."""
    found = [each["id"] for each in account_of(request).contacts if each["email"] == email.lower()]
    return int(found[0]) if found else -1


async def campaigns(request: Request) -> Response:
    """Campaigns in order of creation. Dates choose among those that were sent, whether they now lie in the archive or
    not; statistics reach back six months.
    """
    query = Query(
        request, "type", "status", "statistics", "startDate", "endDate", "excludeHtmlContent", most=MAX_CAMPAIGNS
    )
    status, kind = query.choice("status", STATUSES), query.choice("type", ("classic", "trigger"))
    wanted = query.choice("statistics", LIST_STATISTICS)
    plain = query.choice("excludeHtmlContent", ("true", "false")) == "true"
    first, last = query.moment("startDate"), query.moment("endDate")
    if (first is None) != (last is None):
        raise bad("startDate and endDate are both needed", "missing_parameter")
    if first is not None and status not in (None, "sent"):
        raise bad("startDate and endDate go with the status sent only")
    account = account_of(request)
    places: list[int] = [] if first else [-1]
    places += [
        place
        for place, at in enumerate(account.campaigns["send_time"])
        if first is None or last is None or first <= at <= last
    ]
    rows = [(place, account.draft() if place < 0 else account.campaign(place)) for place in places]
    rows = [(place, row) for place, row in rows if status in (None, row["status"]) and kind in (None, "classic")]
    page = [_with_statistics(account, place, row, wanted, plain=plain) for place, row in query.page(rows)]
    return Answer({"campaigns": page, "count": len(rows)})


def _with_statistics(account: Account, place: int, row: Json, wanted: str | None, *, plain: bool) -> Json:
    told = empty_statistics() if place < 0 else statistics(account, row["id"], wanted, whole=False)
    return {**row, "statistics": told, **({"htmlContent": ""} if plain else {})}


async def campaign(request: Request) -> Response:
    """One campaign with its whole statistics, however old."""
    query = Query(request, "statistics")
    account, number = account_of(request), request.path_params["campaign"]
    found = np.flatnonzero(account.campaign_numbers == number)
    if not len(found):
        raise refused(404, "Campaign ID does not exist")
    wanted = query.choice("statistics", REPORT_STATISTICS) or "globalStats"
    told = statistics(account, number, wanted, whole=True)
    return Answer({**account.campaign(int(found[0])), "statistics": told})


async def events(request: Request) -> Response:
    """Events of transactional messages, by default of the last thirty days; there is no count."""
    query = Query(
        request, "startDate", "endDate", "days", "email", "event", "tags", "messageId", "templateId", most=MAX_EVENTS,
        default=2_500,
    )  # fmt: skip
    account = account_of(request)
    today = account.now.date()
    days = query.days(today)
    if days is not None and query.text("days") is not None:
        raise bad("days does not go with startDate and endDate")
    back = query.whole("days", 30)
    if back > MAX_DAYS:
        raise bad(f"Time period should not be greater than {MAX_DAYS} days")
    first, last = days or ((account.now - pd.Timedelta(days=back)).date(), today)
    rows = [row for row in account.messages if first.isoformat() <= row["date"][:10] <= last.isoformat()]
    query.choice("event", EVENTS)
    for name in ("email", "event", "messageId"):
        if query.text(name) is not None:
            rows = [row for row in rows if row[name] == query.text(name)]
    return Answer({"events": query.page(rows)})


def routes() -> list[BaseRoute]:
    handlers = {
        "/v3/contacts": contacts,
        "/v3/contacts/lists": lists,
        "/v3/contacts/attributes": attributes,
        "/v3/contacts/{identifier}/campaignStats": contact_stats,
        "/v3/emailCampaigns": campaigns,
        "/v3/emailCampaigns/{campaign:int}": campaign,
        "/v3/processes": exports.processes,
        "/v3/processes/{process:int}": exports.process,
        "/v3/smtp/statistics/events": events,
    }
    return [
        *(Route(path, guarded(handler), methods=["GET"]) for path, handler in handlers.items()),
        Route("/v3/emailCampaigns/{campaign:int}/exportRecipients", guarded(exports.export), methods=["POST"]),
        Route("/exports/{token}.csv", exports.download, methods=["GET"]),
    ]


def _env(place: Place) -> dict[str, str]:
    limits = place.limits
    return {
        "SOURCES__BREVO__BASE_URL": f"{place.url}/v3",
        "SOURCES__BREVO__API_KEY": place.credentials.brevo_key,
        # The connector keeps to the vendor's limits by itself; here it may go as fast as the sandbox allows, and an
        # export is ready as soon as it was looked at thrice.
        "SOURCES__BREVO__CONTACTS_PER_SECOND": str(limits.brevo_contacts_per_second),
        "SOURCES__BREVO__MESSAGES_PER_HOUR": str(limits.brevo_smtp_per_hour),
        "SOURCES__BREVO__OTHERS_PER_HOUR": str(limits.brevo_others_per_hour),
        "SOURCES__BREVO__POLL_SECONDS": "0.05",
    }


VENDOR = Vendor(
    "brevo", routes, refusal, _env, lists=("lists", "contacts", "campaigns", "events", "processes")
)  # fmt: skip
