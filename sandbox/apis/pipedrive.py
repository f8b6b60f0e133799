"""Pipedrive's API: v2 lists of persons, organizations, deals, activities, pipelines, stages and fields, and of v1 what
v2 does not have: leads, users, teams, the changelog and the participants of a deal.

Flow: `request → token, limits, scope (pipedrive_rules) → page of pipedrive_records`. Belongs here: paths and
parameters. Does not: the records, refusals.
"""

from __future__ import annotations

from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.apis import pipedrive_fields as schema
from sandbox.apis.answers import Answer, Json, sandbox_of
from sandbox.apis.pipedrive_account import Company
from sandbox.apis.pipedrive_rules import (
    MOST_CUSTOM,
    Handler,
    Query,
    cursor,
    guarded,
    offset_page,
    page,
    refusal,
    refused,
    without,
)
from sandbox.apis.vendor import Place, Vendor

_PAGING = (
    "limit",
    "cursor",
    "sort_by",
    "sort_direction",
    "updated_since",
    "updated_until",
    "ids",
    "filter_id",
    "owner_id",
)
_SORTS = ("id", "update_time", "add_time")
_COUNTS = ("participants_count", "products_count", "files_count", "notes_count", "source_lead_id", "first_won_time")
# What each list may be asked for, besides paging.
_PARAMETERS = {
    "persons": ("org_id", "deal_id", "include_fields", "custom_fields", "include_option_labels", "include_labels"),
    "organizations": ("include_fields", "custom_fields", "include_option_labels", "include_labels"),
    "deals": ("person_id", "org_id", "pipeline_id", "stage_id", "status", "include_fields", "custom_fields",
              "include_option_labels", "include_labels"),
    "deals/archived": ("person_id", "org_id", "pipeline_id", "stage_id", "status", "include_fields", "custom_fields"),
    "activities": ("deal_id", "lead_id", "person_id", "org_id", "done", "include_fields"),
}  # fmt: skip
_INCLUDES = {
    "deals": _COUNTS, "deals/archived": _COUNTS, "activities": ("attendees",), "organizations": ("people_count",),
    "persons": ("open_deals_count", "closed_deals_count", "marketing_status", "doi_status"),
}  # fmt: skip
_STATUSES = ("open", "won", "lost", "deleted")


def _company(request: Request) -> Company:
    return sandbox_of(request).view.pipedrive


def records(name: str) -> Handler:
    """The handler of one list of records."""

    async def answer(request: Request) -> Response:
        query = Query(request, *_PAGING, *_PARAMETERS[name])
        sorts = (*_SORTS, "due_date") if name == "activities" else _SORTS
        asked = query.many("include_fields", _INCLUDES[name]) or []
        custom = query.many("custom_fields", None, MOST_CUSTOM)
        query.flag("include_labels")
        if query.flag("include_option_labels"):
            raise refused(400, "this sandbox gives options by their ids only")
        statuses = query.many("status", _STATUSES) or []
        company = _company(request)
        listing = company.listing(f"{name}/deleted" if statuses == ["deleted"] else name)
        wanted = {**query.numbers, **({"done": query.flag("done")} if query.flag("done") is not None else {})}

        def keep(record: Json) -> bool:
            return all(record.get(field) == value for field, value in wanted.items()) and (
                not statuses or record["status"] in statuses
            )

        found = page(query, listing, sorts, keep if wanted or statuses else None)
        hidden = dict.fromkeys(set(_COUNTS) - set(asked))
        found["data"] = [_shown(record, hidden, custom) for record in found["data"]]
        return Answer(found)

    return answer


def _shown(record: Json, hidden: Json, custom: list[str] | None) -> Json:
    shown = without(record, hidden)
    if custom is not None and "custom_fields" in shown:
        shown["custom_fields"] = {key: value for key, value in shown["custom_fields"].items() if key in custom}
    return shown


def fields(name: str) -> Handler:
    async def answer(request: Request) -> Response:
        query = Query(request, "limit", "cursor", "include_fields")
        query.many("include_fields", ("ui_visibility", "important_fields", "required_fields"))
        return Answer(_numbered(query, schema.definitions(name)))

    return answer


def _numbered(query: Query, rows: list[Json]) -> Json:
    """A page of rows that have no key but their place."""
    text = query.text("cursor")
    start = (
        next((place for place in range(len(rows)) if cursor("place", False, (place, 0)) == text), None) if text else 0
    )
    if start is None:
        raise refused(400, "Parameter 'cursor' is not a cursor of this list")
    end = start + query.limit
    following = cursor("place", False, (end, 0)) if end < len(rows) else None
    return {"success": True, "data": rows[start:end], "additional_data": {"next_cursor": following}}


async def stages(request: Request) -> Response:
    query = Query(request, "pipeline_id", "sort_by", "sort_direction", "limit", "cursor")
    wanted = query.numbers.get("pipeline_id")
    keep = None if wanted is None else lambda stage: stage["pipeline_id"] == wanted
    return Answer(page(query, _company(request).stages, (*_SORTS, "order_nr"), keep))


async def pipelines(request: Request) -> Response:
    query = Query(request, "sort_by", "sort_direction", "limit", "cursor")
    return Answer(page(query, _company(request).pipelines, _SORTS))


def _deal(request: Request) -> str:
    """The deal of the path; one that was deleted is not found."""
    id_, company = str(request.path_params["id"]), _company(request)
    if not any(id_ in company.listing(name).rows for name in ("deals", "deals/archived")):
        raise refused(404, "Deal not found")
    return id_


async def changelog(request: Request) -> Response:
    query = Query(request, "limit", "cursor")
    return Answer(_numbered(query, _company(request).deals.changelogs.get(_deal(request), [])))


async def participants(request: Request) -> Response:
    query = Query(request, "start", "limit")
    id_, company = _deal(request), _company(request)
    rows = [
        {
            "id": place,
            "person_id": {"active_flag": True, "name": person["name"], "email": person["emails"],
                          "phone": person["phones"], "owner_id": person["owner_id"], "value": person["id"]},
            "add_time": "2026-01-01 00:00:00", "active_flag": True, "related_item_type": "deal",
            "related_item_id": int(id_), "related_item_data": {"deal_id": int(id_), "title": ""},
        }
        for place, person in enumerate(map(company.person, company.deals.people.get(id_, [])), start=1)
    ]  # fmt: skip
    return offset_page(query, rows)


def leads(*, archived: bool) -> Handler:
    """Leads in the order they came; those archived cannot be asked for what changed."""
    names = ("limit", "start", "owner_id", "person_id", "organization_id", "filter_id", "sort")
    sorts = ("id", "title", "owner_id", "creator_id", "was_seen", "expected_close_date", "next_activity_id", "add_time",
             "update_time")  # fmt: skip

    async def answer(request: Request) -> Response:
        query = Query(request, *names, *(() if archived else ("updated_since",)))
        sort, since = query.choice("sort", sorts, "add_time"), query.instant("updated_since")
        rows = [lead for lead in _company(request).deals.leads if lead["is_archived"] is archived]
        if since is not None:
            rows = [lead for lead in rows if datetime.fromisoformat(lead["update_time"]).timestamp() >= since]
        return offset_page(query, sorted(rows, key=lambda lead: str(lead[sort])))

    return answer


async def users(request: Request) -> Response:
    Query(request)
    return Answer({"success": True, "data": _company(request).users})


async def teams(request: Request) -> Response:
    query = Query(request, "order_by", "skip_users")
    skips = query.choice("skip_users", ("0", "1"), "0") == "1"
    query.choice("order_by", ("id", "name", "manager_id", "active_flag"), "id")
    rows = [without(team, {"users": None}) if skips else team for team in _company(request).teams]
    return Answer({"success": True, "data": rows})


def routes() -> list[BaseRoute]:
    paths: list[tuple[str, Handler, str, int]] = [
        ("/api/v2/persons", records("persons"), "contacts:read", 10),
        ("/api/v2/organizations", records("organizations"), "contacts:read", 10),
        ("/api/v2/deals", records("deals"), "deals:read", 10),
        ("/api/v2/deals/archived", records("deals/archived"), "deals:read", 20),
        ("/api/v2/activities", records("activities"), "activities:read", 10),
        ("/api/v2/stages", stages, "deals:read", 5),
        ("/api/v2/pipelines", pipelines, "deals:read", 5),
        ("/api/v2/personFields", fields("persons"), "contacts:read", 10),
        ("/api/v2/organizationFields", fields("organizations"), "contacts:read", 10),
        ("/api/v2/dealFields", fields("deals"), "deals:read", 10),
        ("/api/v2/activityFields", fields("activities"), "activities:read", 10),
        ("/v1/deals/{id:int}/changelog", changelog, "recents:read", 20),
        ("/v1/deals/{id:int}/participants", participants, "deals:read", 10),
        ("/v1/leads", leads(archived=False), "leads:read", 20),
        ("/v1/leads/archived", leads(archived=True), "leads:read", 40),
        ("/v1/users", users, "users:read", 20),
        ("/v1/legacyTeams", teams, "users:read", 20),
    ]
    return [Route(path, guarded(handler, scope, tokens), methods=["GET"]) for path, handler, scope, tokens in paths]


def _env(place: Place) -> dict[str, str]:
    own = {each.setting: each.name for fields_ in schema.CUSTOM.values() for each in fields_}
    settings = {
        "BASE_URL": place.url,
        "API_TOKEN": next(iter(place.credentials.pipedrive_tokens)),
        # The connector keeps to the vendor's limits by itself; here it may go as fast as the sandbox allows.
        "REQUESTS_PER_TWO_SECONDS": str(place.limits.pipedrive_per_two_seconds),
        "TEAMS": "true",
        "DEMO_TYPES": schema.DEMOS,
        "MEETING_TYPES": schema.MEETINGS,
        "EMAIL_TYPES": f"{schema.EMAIL},{schema.EMAIL_RECEIVED}",
        "NO_SHOW_TYPES": schema.NO_SHOWS,
        "CANCELED_TYPES": schema.CANCELED,
        "RECEIVED_TYPES": schema.EMAIL_RECEIVED,
        **own,
    }
    return {f"SOURCES__PIPEDRIVE__{name}": value for name, value in settings.items()}


VENDOR = Vendor("pipedrive", routes, refusal, _env, lists=("data",), company_id=str)
