"""Mailchimp's Marketing API 3.0: lists, members and campaigns.

Flow: `request → key, connections, parameters (mailchimp_rules) → rows of mailchimp_records`. Belongs here: paths,
filters, order. Does not: reports and recipients (`mailchimp_reports`), refusals (`mailchimp_rules`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.apis import mailchimp_reports as reports
from sandbox.apis.answers import Answer, Json, sandbox_of, texts
from sandbox.apis.mailchimp_records import Account, moments, seconds
from sandbox.apis.mailchimp_rules import PROBLEM, Query, account_of, guarded, refusal, refused, sent_between, within
from sandbox.apis.vendor import Place, Vendor

MEMBER_STATUSES = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional", "archived")
CAMPAIGN_STATUSES = ("save", "paused", "schedule", "sending", "sent")


async def ping(request: Request) -> Response:
    Query(request, paged=False)
    return Answer({"health_status": "Everything's Chimpy!"})


async def lists(request: Request) -> Response:
    query = Query(request, "sort_field", "sort_dir", "since_date_created", "before_date_created")
    query.choice("sort_field", ("date_created",))
    account, frame = account_of(request), sandbox_of(request).view.snapshot.email_lists
    created = seconds(frame["created_at"])
    wanted = within(created, query.moment("since_date_created"), query.moment("before_date_created"))
    order = np.argsort(created, kind="stable")
    if query.choice("sort_dir", ("ASC", "DESC")) == "DESC":
        order = order[::-1]
    rows = [_list(account, frame.iloc[[place]]) for place in order[wanted[order]].tolist()]
    constraints = {"may_create": True, "max_instances": 5, "current_total_instances": len(rows)}
    return query.answer({"lists": query.page(rows), "total_items": len(rows), "constraints": constraints})


def _list(account: Account, row: pd.DataFrame) -> Json:
    list_id, name, created = texts(row["list_id"])[0], texts(row["name"])[0], moments(row["created_at"])[0]
    statuses = [member["status"] for member in account.members[str(list_id)][0]]
    stats = {
        "member_count": statuses.count("subscribed"), "total_contacts": len(statuses),
        "unsubscribe_count": statuses.count("unsubscribed"), "cleaned_count": statuses.count("cleaned"),
        "campaign_count": int((account.campaigns["list_id"] == list_id).sum()),
    }  # fmt: skip
    return {"id": list_id, "name": name, "date_created": created, "visibility": "prv", "stats": stats}


async def members(request: Request) -> Response:
    query = Query(
        request, "status", "since_last_changed", "before_last_changed", "since_timestamp_opt", "before_timestamp_opt",
        "sort_field", "sort_dir",
    )  # fmt: skip
    account, list_id = account_of(request), request.path_params["list_id"]
    if list_id not in account.members:
        raise refused(404)
    rows, changed, opted = account.members[list_id]
    status = query.choice("status", MEMBER_STATUSES)
    # Archived members are listed only where they are asked for.
    wanted = np.array([row["status"] == status if status else row["status"] != "archived" for row in rows], dtype=bool)
    for values, name in ((changed, "last_changed"), (opted, "timestamp_opt")):
        wanted &= within(values, query.moment(f"since_{name}"), query.moment(f"before_{name}"))
    found = np.flatnonzero(wanted)
    field = query.choice("sort_field", ("timestamp_opt", "timestamp_signup", "last_changed"))
    if field:
        keys = (changed if field == "last_changed" else opted)[found]
        descending = query.choice("sort_dir", ("ASC", "DESC")) == "DESC"
        found = found[np.argsort(-keys if descending else keys, kind="stable")]
    page = [rows[place] for place in query.page(found.tolist())]
    return query.answer({"members": page, "list_id": list_id, "total_items": len(found)})


async def campaigns(request: Request) -> Response:
    query = Query(request, "type", "status", "list_id", "since_send_time", "before_send_time", "sort_field", "sort_dir")
    account = account_of(request)
    numbers = sent_between(request, query) if query.choice("status", CAMPAIGN_STATUSES) in (None, "sent") else []
    if query.text("list_id") is not None:
        lists_of = account.campaigns["list_id"].tolist()
        numbers = [number for number in numbers if lists_of[number] == query.text("list_id")]
    query.choice("sort_field", ("create_time", "send_time"))
    if query.choice("sort_dir", ("ASC", "DESC")) == "DESC":
        numbers.reverse()
    page = [_campaign(account, number) for number in query.page(numbers)]
    return query.answer({"campaigns": page, "total_items": len(numbers)})


def _campaign(account: Account, number: int) -> Json:
    row = account.campaigns.iloc[number]
    campaign, sent = account.campaign_ids[number], len(account.recipients(account.campaign_ids[number]))
    moment = row["send_time"].strftime("%Y-%m-%dT%H:%M:%S+00:00")
    name = account.list_names[str(row["list_id"])]
    settings = {"subject_line": row["subject"], "title": row["title"], "from_name": "Kpilote", "reply_to": ""}
    tracking = {"opens": True, "html_clicks": True, "text_clicks": False, "google_analytics": row["utm_campaign"]}
    return {
        "id": campaign, "web_id": number + 1, "type": "regular", "create_time": moment, "status": "sent",
        "emails_sent": sent, "send_time": moment, "content_type": "template", "resendable": False,
        "recipients": {"list_id": row["list_id"], "list_is_active": True, "list_name": name, "recipient_count": sent},
        "settings": settings, "tracking": tracking,
    }  # fmt: skip


def routes() -> list[BaseRoute]:
    report = "/3.0/reports/{campaign_id}"
    handlers = {
        "/3.0/ping": ping,
        "/3.0/lists": lists,
        "/3.0/lists/{list_id}/members": members,
        "/3.0/campaigns": campaigns,
        "/3.0/reports": reports.reports,
        report: reports.report,
        f"{report}/sent-to": reports.sent_to,
        f"{report}/email-activity": reports.email_activity,
        f"{report}/open-details": reports.open_details,
        f"{report}/unsubscribed": reports.unsubscribed,
    }
    return [Route(path, guarded(handler), methods=["GET"]) for path, handler in handlers.items()]


def _env(place: Place) -> dict[str, str]:
    return {
        "SOURCES__MAILCHIMP__BASE_URL": f"{place.url}/3.0",
        "SOURCES__MAILCHIMP__API_KEY": place.credentials.mailchimp_key,
    }


VENDOR = Vendor(
    "mailchimp", routes, refusal, _env, media_type=PROBLEM,
    lists=("members", "emails", "sent_to", "unsubscribes", "campaigns", "lists", "reports"),
)  # fmt: skip
