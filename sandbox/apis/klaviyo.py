"""Klaviyo's API: metrics, lists, campaigns with their messages, profiles and events.

Flow: `request → key, revision, scope, limits, parameters (klaviyo_rules) → resource objects of klaviyo_records`.
Belongs here: what each operation takes, which rows it answers and in which order. Does not: refusals
(`klaviyo_rules`), the filter language (`klaviyo_filters`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.apis.answers import Json, sandbox_of
from sandbox.apis.klaviyo_filters import RANGE, STRICT_RANGE, Condition, Field
from sandbox.apis.klaviyo_records import Account, Values
from sandbox.apis.klaviyo_rules import MEDIA_TYPE, Endpoint, Query, guarded, refusal, refused
from sandbox.apis.vendor import Place, Vendor

ANY, EQUALS = frozenset({"any"}), frozenset({"equals"})
LOWER = frozenset({"greater-or-equal", "greater-than"})
_TEXT, _ID = Field(EQUALS), Field(ANY | EQUALS)
_LOCATION = ("address1", "address2", "city", "country", "ip", "latitude", "longitude", "region", "timezone", "zip")
_MARKETING = (
    "can_receive_email_marketing", "consent", "consent_timestamp", "custom_method_detail", "double_optin",
    "last_updated", "list_suppressions", "method", "method_detail", "suppression",
)  # fmt: skip
EVENT_PROFILE = (
    "created", "email", "external_id", "first_name", "id", "image", "last_event_date", "last_name", "locale",
    "location", *(f"location.{each}" for each in _LOCATION), "organization", "phone_number", "properties", "title",
    "updated",
)  # fmt: skip
PROFILE = (
    *EVENT_PROFILE, "predictive_analytics", "subscriptions", "subscriptions.email", "subscriptions.email.marketing",
    *(f"subscriptions.email.marketing.{each}" for each in _MARKETING), "subscriptions.sms", "subscriptions.whatsapp",
)  # fmt: skip
METRIC = ("created", "id", "integration", "name", "updated")
CAMPAIGN = (
    "archived", "audiences", "audiences.excluded", "audiences.included", "created_at", "id", "name", "scheduled_at",
    "send_options", "send_options.use_smart_sending", "send_strategy", "send_strategy.datetime",
    "send_strategy.method", "send_time", "status", "tracking_options", "tracking_options.add_tracking_params",
    "tracking_options.custom_tracking_params", "tracking_options.is_tracking_clicks",
    "tracking_options.is_tracking_opens", "updated_at",
)  # fmt: skip
_CONTENT = ("bcc_email", "cc_email", "from_email", "from_label", "preview_text", "reply_to_email", "subject")
MESSAGE = (
    "created_at", "definition", "definition.channel", "definition.content", "definition.label", "id", "send_times",
    "updated_at", *(f"definition.content.{each}" for each in _CONTENT),
)  # fmt: skip
STATUSES = ("Draft", "Scheduled", "Sending", "Sent", "Cancelled", "Adding Recipients", "Preparing to send", "Unknown")

METRICS = Endpoint(
    "metric", "metrics:read", "m", {"metric": METRIC}, {"integration.name": _TEXT, "integration.category": _TEXT}
)
LISTS = Endpoint(
    "list", "lists:read", "l", {"list": ("created", "id", "name", "opt_in_process", "updated")},
    {"name": _ID, "id": _ID, "created": Field(frozenset({"greater-than"}), "time"),
     "updated": Field(frozenset({"greater-than"}), "time")},
    sorts=("created", "id", "name", "updated"), page=(10, 10),
)  # fmt: skip
_TIMES = {name: Field(RANGE, "time") for name in ("created_at", "scheduled_at", "updated_at")}
CAMPAIGNS = Endpoint(
    "campaign", "campaigns:read", "m", {"campaign": CAMPAIGN, "campaign-message": MESSAGE},
    {"id": Field(ANY), "messages.channel": Field(EQUALS, options=("email", "sms", "mobile_push")),
     "name": Field(frozenset({"contains"})), "status": Field(ANY | EQUALS, options=STATUSES),
     "archived": Field(EQUALS, "flag"), **_TIMES},
    required=("equals", "messages.channel"), sorts=("created_at", "id", "name", "scheduled_at", "updated_at"),
    included={"campaign-messages": ("campaign-message", "campaigns:read")}, page=(100, 100),
)  # fmt: skip
MESSAGES = Endpoint(
    "campaign-message", "campaigns:read", "m", {"campaign": CAMPAIGN, "campaign-message": MESSAGE},
    included={"campaign": ("campaign", "campaigns:read")}, paged=False,
)  # fmt: skip
PROFILES = Endpoint(
    "profile", "profiles:read", "l", {"profile": PROFILE},
    {"id": _ID, "email": _ID, "created": Field(STRICT_RANGE, "time"), "updated": Field(STRICT_RANGE, "time")},
    sorts=("created", "email", "id", "updated"), additional=("subscriptions", "predictive_analytics"), page=(20, 100),
)  # fmt: skip
EVENTS = Endpoint(
    "event", "events:read", "xl",
    {"event": ("datetime", "event_properties", "id", "timestamp", "uuid"), "metric": METRIC, "profile": EVENT_PROFILE},
    {"metric_id": _TEXT, "profile_id": _TEXT, "datetime": Field(RANGE, "time"), "timestamp": Field(RANGE, "number")},
    sorts=("datetime", "timestamp"), page=(200, 1000),
    included={"metric": ("metric", "metrics:read"), "profile": ("profile", "profiles:read")},
)  # fmt: skip


def _account(request: Request) -> Account:
    return sandbox_of(request).view.klaviyo


async def metrics(request: Request, query: Query) -> Response:
    rows = [row for row in _account(request).metrics if _keeps(query, row)]
    page = [query.resource("metric", row["id"], row["attributes"]) for row in query.page(rows)]
    return query.answer(page, len(rows))


async def lists(request: Request, query: Query) -> Response:
    rows = _ordered(query, [row for row in _account(request).lists if _keeps(query, row)])
    return query.answer([query.resource("list", row["id"], row["attributes"]) for row in query.page(rows)], len(rows))


async def campaigns(request: Request, query: Query) -> Response:
    found = _account(request).campaigns if query.one("messages.channel") == "email" else []
    # Those people put away are listed only where they are asked for.
    archived = query.one("archived", default=False)
    messages = {message["id"]: message for _, message in found}
    listed = [row for row, _ in found if row["attributes"]["archived"] == archived]
    rows = _ordered(query, [row for row in listed if _keeps(query, row)])
    page, included = query.page(rows), {}
    for row in page if "campaign-messages" in query.include else ():
        for each in row["messages"]:
            included[each] = _message(query, messages[each])
    return query.answer([_campaign(query, row) for row in page], len(rows), included)


async def campaign_messages(request: Request, query: Query) -> Response:
    for row, message in _account(request).campaigns:
        if row["id"] == request.path_params["campaign_id"]:
            included = {row["id"]: _campaign(query, row)}
            return query.answer([_message(query, message)], 1, included)
    raise refused(404, "A campaign with the provided id does not exist.")


def _campaign(query: Query, row: Json) -> Json:
    links = {"campaign-messages": [{"type": "campaign-message", "id": each} for each in row["messages"]], "tags": []}
    return query.resource("campaign", row["id"], row["attributes"], links)


def _message(query: Query, row: Json) -> Json:
    parent = {"campaign": {"type": "campaign", "id": row["campaign"]}}
    return query.resource("campaign-message", row["id"], row["attributes"], parent)


async def profiles(request: Request, query: Query) -> Response:
    rows = _ordered(query, [row for row in _account(request).profiles if _keeps(query, row)])
    page = []
    for row in query.page(rows):
        # Consent is told only where it is asked for.
        hidden = {"subscriptions"} - set(query.additional)
        told = {name: value for name, value in row["attributes"].items() if name not in hidden}
        page.append(query.resource("profile", row["id"], told))
    return query.answer(page, len(rows))


async def events(request: Request, query: Query) -> Response:
    account = _account(request)
    places = _between(query, account.events["at"].to_numpy())
    for each in query.conditions:
        if each.field.endswith("_id"):
            known = account.metrics if each.field == "metric_id" else account.profiles
            numbers = [number for number, row in enumerate(known) if row["id"] == each.value]
            column = account.events[each.field.removesuffix("_id")].to_numpy()
            places = places[np.isin(column[places], numbers)]
    if query.sort not in {"datetime", "timestamp"}:
        places = places[::-1]  # the newest first, where nothing else is asked
    page, included = account.page_of_events(query.page(places.tolist())), {}
    for row in page:
        for kind in query.include:
            one = row[kind]
            hidden = {name: value for name, value in one["attributes"].items() if name != "subscriptions"}
            included[one["id"]] = query.resource(kind, one["id"], hidden)
    return query.answer([_event(query, row) for row in page], len(places), included)


def _between(query: Query, at: Values) -> Values:
    """Places of the events that the conditions of time keep; the events are in order of time."""
    first, last = 0, len(at)
    for each in query.conditions:
        if each.operator in RANGE:
            side: Literal["left", "right"] = "right" if each.operator in {"greater-than", "less-or-equal"} else "left"
            place = int(np.searchsorted(at, each.value, side=side))
            first, last = (max(first, place), last) if each.operator in LOWER else (first, min(last, place))
    return np.arange(first, max(first, last))


def _event(query: Query, row: Json) -> Json:
    links = {kind: {"type": kind, "id": row[kind]["id"]} for kind in ("profile", "metric")}
    return query.resource("event", row["id"], row["attributes"], {**links, "attributions": []})


def _keeps(query: Query, row: Json) -> bool:
    """Whether a resource satisfies every condition that speaks of it."""
    return all(_holds(each, row) for each in query.conditions if each.field != "messages.channel")


def _holds(condition: Condition, row: Json) -> bool:
    value = row["id"] if condition.field == "id" else row["attributes"]
    for name in condition.field.split(".") if condition.field != "id" else ():
        value = value[name]
    if condition.operator == "any":
        return value in condition.value
    if condition.operator == "equals":
        return bool(value == condition.value)
    if condition.operator == "contains":
        return str(condition.value).lower() in str(value).lower()
    return value is not None and bool(condition.keeps(datetime.fromisoformat(value).timestamp()))


def _ordered(query: Query, rows: list[Json]) -> list[Json]:
    name = query.sort.removeprefix("-") or "id"
    ordered = sorted(rows, key=lambda row: (str(row["attributes"].get(name) or row["id"]), row["id"]))
    return ordered[::-1] if query.sort.startswith("-") else ordered


def routes() -> list[BaseRoute]:
    handlers = {
        "/api/metrics": (METRICS, metrics),
        "/api/lists": (LISTS, lists),
        "/api/campaigns": (CAMPAIGNS, campaigns),
        "/api/campaigns/{campaign_id}/campaign-messages": (MESSAGES, campaign_messages),
        "/api/profiles": (PROFILES, profiles),
        "/api/events": (EVENTS, events),
    }
    return [Route(path, guarded(*each), methods=["GET"]) for path, each in handlers.items()]


def _env(place: Place) -> dict[str, str]:
    return {
        "SOURCES__KLAVIYO__BASE_URL": place.url,
        "SOURCES__KLAVIYO__API_KEY": next(iter(place.credentials.klaviyo_keys)),
    }


VENDOR = Vendor("klaviyo", routes, refusal, _env, lists=("data",), media_type=MEDIA_TYPE)
