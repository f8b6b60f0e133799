"""Mailchimp: `/lists, /lists/{id}/members, /campaigns, /reports → records`; `/reports/{id}/{sent-to, email-
activity, unsubscribed} → windows`.

What recipients do keeps arriving for weeks, so campaigns sent in the last days are read again. Asked for are
addresses (hashed at the door), never names. Belongs here: what is read, in which window. Requests are in `api.py`,
fields in `rows.py`.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from functools import partial

from ingestion.cursor import Cursor
from ingestion.http import Api, Json
from ingestion.pacing import batches
from ingestion.privacy import company_domain, without_addresses, without_secrets
from ingestion.rows import ByColumn
from ingestion.sources.mailchimp import rows
from ingestion.sources.mailchimp.api import MailchimpSettings, mailchimp, read, read_all
from ingestion.streams import Connector, Context, Rows, Stream, Window

# Campaigns whose recipients are held in memory together.
CAMPAIGNS_AT_ONCE = 8


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


def check() -> str:
    """What `kpilote doctor` says of this source; raises what is wrong. A key may read what its user's role may: each
    kind is asked for once, a campaign's recipients are part of its report. Mailchimp counts no calls.
    """
    settings = MailchimpSettings.load().for_check()
    api = mailchimp(settings)
    audiences = read(api, rows.audiences())
    for path in (*(f"/lists/{each['id']}/members" for each in audiences[:1]), "/campaigns", "/reports"):
        api.get(path, {"count": "1", "fields": "total_items"})
    return f"{len(audiences)} audiences at {without_secrets(settings.root())}"


def _audiences(context: Context, api: Api, settings: MailchimpSettings) -> Stream:
    audiences = read(api, rows.audiences())
    yield Rows("lists", [rows.audience(each) for each in audiences])
    cursors = []
    for audience in audiences:
        overlap = dt.timedelta(minutes=settings.lookback_minutes)
        forget = context.forget("members")
        cursor = Cursor(context.state, f"members.{audience['id']}", overlap, forget)
        cursors.append(cursor)
        for archived in (False, True):
            members = read(api, rows.members(audience["id"], cursor.since, archived=archived))
            # The id is made from the address, so the cursor too holds its hash only.
            fresh = [each for each in members if cursor.is_new(_hashed(context, each), each.get("last_changed"))]
            yield Rows("members", [rows.member(audience["id"], each) for each in fresh])
    for cursor in cursors:
        cursor.save()
    for table in ("lists", "members"):
        yield Window(table, context.start, context.end)


def _hashed(context: Context, member: Json) -> str | None:
    member_id = member.get("id")
    return context.hasher.identifier(member_id) if isinstance(member_id, str) and member_id else None


def _campaigns(context: Context, api: Api, settings: MailchimpSettings) -> Stream:
    """Campaigns sent in the window and the days before its end, their reports, and every recipient's doings."""
    readers: Mapping[str, Callable[[Json, list[Json]], ByColumn]] = {
        "sends": rows.sends,
        "email_activity": partial(rows.activity, settings.proxies().hold),
        "unsubscribes": rows.unsubscribes,
    }
    start = context.reaching_back(readers, settings.lookback_days)
    # Mailchimp's bounds are exclusive; the days are cut here.
    sent = (("since_send_time", _midnight(start - dt.timedelta(days=1))), ("before_send_time", _midnight(context.end)))
    campaigns = [
        each for each in read(api, rows.sent_campaigns(sent)) if start <= rows.day(each["send_time"]) < context.end
    ]
    yield Rows("campaigns", [rows.campaign(each) for each in campaigns])
    known = {each["id"] for each in campaigns}
    yield Rows("reports", [rows.report(each) for each in read(api, rows.reports(sent)) if each["id"] in known])
    for group in batches(campaigns, CAMPAIGNS_AT_ONCE):
        tasks = [(campaign, table) for campaign in group for table in readers]
        found = read_all(api, [rows.recipients(campaign["id"], table) for campaign, table in tasks])
        for (campaign, table), entries in zip(tasks, found, strict=True):
            yield Rows(table, readers[table](campaign, entries))
    for table in ("campaigns", "reports"):
        yield Window(table, context.start, context.end)
    for table in readers:
        yield Window(table, start, context.end)


def _midnight(day: dt.date) -> str:
    return dt.datetime.combine(day, dt.time(), tzinfo=dt.UTC).isoformat()
