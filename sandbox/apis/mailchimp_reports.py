"""Mailchimp's reports: totals of a campaign, and its recipients one by one.

Flow: `request → positions of mailchimp_records.Account → rows`. Belongs here: the report endpoints. Does not:
parameters and refusals (`mailchimp_rules`).
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sandbox.apis.answers import Json
from sandbox.apis.mailchimp_records import Account, Recipients
from sandbox.apis.mailchimp_rules import Query, account_of, refused, sent_between


def _recipients(request: Request) -> tuple[Account, str, Recipients, Json]:
    """Account, campaign, its recipients, and what every row says of the campaign."""
    account, campaign = account_of(request), request.path_params["campaign_id"]
    if campaign not in account.numbers:
        raise refused(404)
    list_id = account.campaigns["list_id"].iat[account.numbers[campaign]]
    return account, campaign, account.recipients(campaign), {
        "campaign_id": campaign, "list_id": list_id, "list_is_active": True,
    }  # fmt: skip


def _report(account: Account, number: int) -> Json:
    row, campaign = account.campaigns.iloc[number], account.campaign_ids[number]
    return {
        "id": campaign, "campaign_title": row["title"], "type": "regular", "list_id": row["list_id"],
        "list_is_active": True, "list_name": account.list_names[str(row["list_id"])], "subject_line": row["subject"],
        "preview_text": "", "abuse_reports": 0, "send_time": row["send_time"].strftime("%Y-%m-%dT%H:%M:%S+00:00"),
        "forwards": {"forwards_count": 0, "forwards_opens": 0}, **account.totals(campaign),
    }  # fmt: skip


async def reports(request: Request) -> Response:
    query = Query(request, "type", "since_send_time", "before_send_time")
    account, numbers = account_of(request), sent_between(request, query)
    page = [_report(account, number) for number in query.page(numbers)]
    return query.answer({"reports": page, "total_items": len(numbers)})


async def report(request: Request) -> Response:
    query = Query(request, paged=False)
    account, campaign, _, _ = _recipients(request)
    return query.answer(_report(account, account.numbers[campaign]))


async def sent_to(request: Request) -> Response:
    query = Query(request)
    account, campaign, recipients, common = _recipients(request)
    rows = []
    for position in query.page(range(recipients.first, recipients.last)):
        opens = [event["timestamp"] for event in account.events(position) if event["action"] == "open"]
        row = {
            "email_id": account.email_ids[position], "email_address": account.emails[position], "merge_fields": {},
            "vip": False, "status": account.statuses[position], "open_count": len(opens), "absplit_group": "",
            "gmt_offset": 0, **common,
        }  # fmt: skip
        rows.append({**row, "last_open": max(opens)} if opens else row)
    return query.answer({"sent_to": rows, "campaign_id": campaign, "total_items": len(recipients)})


async def email_activity(request: Request) -> Response:
    """Every recipient with what they did; with `since`, only those who did something after it."""
    query = Query(request, "since")
    account, campaign, recipients, common = _recipients(request)
    since = query.moment("since")
    everyone = range(recipients.first, recipients.last)
    positions = everyone if since is None else account.active_since(recipients, since)
    rows = [
        {
            "email_id": account.email_ids[position],
            "email_address": account.emails[position],
            "activity": account.events(position, since),
            **common,
        }
        for position in query.page(positions)
    ]
    return query.answer({"emails": rows, "campaign_id": campaign, "total_items": len(positions)})


async def open_details(request: Request) -> Response:
    query = Query(request, "since")
    account, campaign, recipients, common = _recipients(request)
    openers = account.openers(recipients, query.moment("since"))
    rows = [
        {
            "email_id": account.email_ids[position], "email_address": account.emails[position], "merge_fields": {},
            "vip": False, "contact_status": "subscribed", "opens_count": len(opens),
            "opens": [{"timestamp": moment} for moment in opens], **common,
        }
        for position, opens in query.page(openers)
    ]  # fmt: skip
    total = sum(len(opens) for _, opens in openers)
    return query.answer({"members": rows, "campaign_id": campaign, "total_opens": total, "total_items": len(openers)})


async def unsubscribed(request: Request) -> Response:
    query = Query(request)
    account, campaign, _, common = _recipients(request)
    leavers = account.leavers(campaign)
    rows = [{**row, "merge_fields": {}, "vip": False, **common} for row in query.page(leavers)]
    return query.answer({"unsubscribes": rows, "campaign_id": campaign, "total_items": len(leavers)})
