"""Klaviyo: `/api/{metrics, lists, campaigns, profiles} → records`; `/api/events → klaviyo/events` by UTC day.

Events arrive late, so every pull replaces the last days before its end too, and more of them once a week; that is also
how often profiles gone without a trace (deleted, merged) are looked for. Asked for are addresses and profile
ids (hashed at the door), never names or phones. Belongs here: what is read, in which window. Requests are in `api.py`,
fields in `rows.py`.
"""

import datetime as dt
from collections.abc import Iterator
from functools import partial
from typing import Any

from ingestion.cursor import Cursor
from ingestion.http import Json
from ingestion.pacing import concurrently
from ingestion.privacy import company_domain, without_addresses, without_secrets
from ingestion.sources.klaviyo import rows
from ingestion.sources.klaviyo.api import Klaviyo, KlaviyoSettings
from ingestion.standing import Standing
from ingestion.streams import Connector, Context, Rows, Stream, Window

WORKERS = 4


def connect(context: Context) -> Connector:
    """Lists and profiles in one stream, campaigns in another, events with their kinds in a third."""
    settings = KlaviyoSettings.load()
    klaviyo = Klaviyo(settings)
    hasher = context.hasher
    person = {"profile_id": hasher.identifier, "email_hash": hasher.email}
    return Connector(
        {
            "audiences": partial(_audiences, context, klaviyo, settings),
            "campaigns": partial(_campaigns, context, klaviyo, settings),
            "events": partial(_events, context, klaviyo, settings),
        },
        {
            "profiles": {**person, "email_domain": company_domain},
            "campaigns": dict.fromkeys(("name", "subject", "utm_campaign"), without_addresses),
            "events": {**person, "url": without_addresses},
        },
    )


def check() -> str:
    """What `kpilote doctor` says of this source; raises what is wrong: key, scopes, revision, metrics."""
    settings = KlaviyoSettings.load().for_check()
    klaviyo = Klaviyo(settings)
    found = _email_metrics(klaviyo, list(klaviyo.rows(rows.metrics())))
    lists = klaviyo.first(rows.lists())
    klaviyo.first(rows.profile_ids())
    klaviyo.first(rows.campaigns(None, archived=False))
    today = dt.datetime.now(tz=dt.UTC).date()
    klaviyo.first(rows.events(next(iter(found)), today, today + dt.timedelta(days=1)))
    missing = sorted(set(rows.EMAIL_METRICS) - set(found.values()))
    never = f"; never happened yet: {', '.join(missing)}" if missing else ""
    return f"{len(lists)} lists or more, revision {settings.revision}, at {without_secrets(settings.base_url)}{never}"


def _audiences(context: Context, klaviyo: Klaviyo, settings: KlaviyoSettings) -> Stream:
    for page in klaviyo.pages(rows.lists()):
        yield Rows("lists", [rows.audience(each) for each in page["data"]])
    overlap = dt.timedelta(minutes=settings.lookback_minutes)
    cursor = Cursor(context.state, "profiles", overlap, context.forget("profiles"))
    known = cursor.since is not None
    for page in klaviyo.pages(rows.profiles(cursor.since)):
        # The cursor too holds hashes only.
        fresh = [
            each
            for each in page["data"]
            if cursor.is_new(context.hasher.identifier(each["id"]), each["attributes"]["updated"])
        ]
        yield Rows("profiles", [rows.profile(each) for each in fresh])
    if context.is_due("profiles") and known:
        yield from _departures(context, klaviyo)
        context.done("profiles")
    cursor.save()
    for table in ("lists", "profiles"):
        yield Window(table, context.start, context.end)


def _departures(context: Context, klaviyo: Klaviyo) -> Iterator[Rows]:
    """Tombstones of profiles that two whole listings, one after the other, do not have any more."""
    standing = Standing(context.settings, context.source.tables["profiles"])
    gone = set(standing.ids)
    for _ in range(2):
        if gone:
            gone -= {context.hasher.identifier(each["id"]) for each in klaviyo.rows(rows.profile_ids())}
    if gone:
        yield Rows("profiles", standing.gone(gone, context.pulled_at), received=len(gone))


def _campaigns(context: Context, klaviyo: Klaviyo, settings: KlaviyoSettings) -> Stream:
    """Changed campaigns, those put away after those in sight: one put away meanwhile comes twice, not never."""
    cursor = Cursor(context.state, "campaigns", dt.timedelta(minutes=settings.lookback_minutes))
    for archived in (False, True):
        for page in klaviyo.pages(rows.campaigns(cursor.since, archived=archived)):
            messages = {each["id"]: each for each in page.get("included", [])}
            fresh = [each for each in page["data"] if cursor.is_new(each["id"], each["attributes"]["updated_at"])]
            yield Rows("campaigns", [rows.campaign(each, messages) for each in fresh])
    cursor.save()
    yield Window("campaigns", context.start, context.end)


def _events(context: Context, klaviyo: Klaviyo, settings: KlaviyoSettings) -> Stream:
    """Every kind of event over the window with its look-back, slice by slice, slices side by side."""
    metrics = list(klaviyo.rows(rows.metrics()))
    yield Rows("metrics", [rows.metric(each) for each in metrics])
    yield Window("metrics", context.start, context.end)
    start = context.reaching_back_weekly("events", ("events",), settings.lookback_days, settings.weekly_lookback_days)
    names = _email_metrics(klaviyo, metrics)
    slices = [(metric_id, *span) for span in _spans(start, context.end, settings.slice_days) for metric_id in names]

    def read(task: tuple[str, dt.date, dt.date]) -> list[dict[str, Any]]:
        return rows.day_events(names[task[0]], klaviyo.pages(rows.events(*task)))

    for found in concurrently(read, slices, WORKERS):
        yield Rows("events", found)
    yield Window("events", start, context.end)


def _spans(start: dt.date, end: dt.date, days: int) -> Iterator[tuple[dt.date, dt.date]]:
    while start < end:
        until = min(end, start + dt.timedelta(days=days))
        yield start, until
        start = until


def _email_metrics(klaviyo: Klaviyo, metrics: list[Json]) -> dict[str, str]:
    """Name by id. Without the first of them no recipient could be read, and days would be taken for empty."""
    found = rows.email_metrics(metrics)
    if rows.RECEIVED not in found.values():
        raise klaviyo.error(
            f"the account has no metric '{rows.RECEIVED}' of Klaviyo's own: it has sent no email yet. Send a campaign"
            " first, or leave klaviyo out of KPILOTE_SOURCES"
        )
    return found
