"""HubSpot's CRM API, release 2026-09: objects, search, batch read, associations, owners, pipelines, properties.

Flow: `request → token, scope, limit (hubspot_rules) → page of hubspot_records`. Belongs here: paths, paging and page
sizes. Does not: the records (`hubspot_records`), what a search finds (`hubspot_search`), refusals (`hubspot_rules`).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.apis import hubspot_account, hubspot_search
from sandbox.apis import hubspot_schema as schema
from sandbox.apis.answers import Answer, Json, sandbox_of
from sandbox.apis.hubspot_records import Portal
from sandbox.apis.hubspot_rules import bad, body_of, flag, guarded, known, many, object_type, refusal, whole
from sandbox.apis.vendor import Place, Vendor

RELEASE = "2026-09"
LIST_PAGE, LIST_PAGE_WITH_HISTORY = 100, 50
BATCH, BATCH_WITH_HISTORY = 100, 50
ASSOCIATION_INPUTS = 1_000
LISTED_ASSOCIATIONS = 100


async def list_objects(request: Request) -> Response:
    name = object_type(request)
    known(request, "limit", "after", "archived", "properties", "propertiesWithHistory", "associations")
    histories = many(request, "propertiesWithHistory")
    limit = whole(request, "limit", 10, LIST_PAGE_WITH_HISTORY if histories else LIST_PAGE)
    after = request.query_params.get("after", "0")
    if not after.isdecimal():
        raise bad("after is not a paging cursor of this list")
    portal = sandbox_of(request).view.portal
    records = portal.records(name)
    rows = records.bin if flag(request, "archived") else records.live
    start = int((records.numbers[rows] <= int(after)).sum()) if after != "0" else 0
    page = rows[start : start + limit].tolist()
    names = records.names([*many(request, "properties"), *histories])
    results = [_with_history(portal, name, row, names, histories) for row in page]
    _attach_associations(request, name, results)
    answer: Json = {"results": results}
    if start + limit < len(rows):
        last = str(records.ids[page[-1]])
        answer["paging"] = {"next": {"after": last, "link": str(request.url.include_query_params(after=last))}}
    return Answer(answer)


def _with_history(portal: Portal, name: str, row: int, names: list[str], histories: list[str]) -> Json:
    records = portal.records(name)
    answer: Json = records.render(row, names)
    if histories:
        answer["propertiesWithHistory"] = {
            each: portal.history(name, row, each) for each in histories if each in records.columns
        }
    return answer


def _attach_associations(request: Request, name: str, results: list[Json]) -> None:
    """The list's own associations: a truncated view, as HubSpot gives it."""
    for spelling in many(request, "associations"):
        if spelling not in schema.SPELLINGS:
            raise bad(f"Unable to infer object type from: {spelling}")
        other = schema.SPELLINGS[spelling]
        links = sandbox_of(request).view.portal.links(name, other)
        kind = f"{schema.OBJECTS[name].singular}_to_{schema.OBJECTS[other].singular}"
        for each in results:
            ids = links.get(each["id"], [])
            if ids:
                listed: Json = {"results": [{"id": other_id, "type": kind} for other_id in ids[:LISTED_ASSOCIATIONS]]}
                if len(ids) > LISTED_ASSOCIATIONS:
                    listed["paging"] = {"next": {"after": ids[LISTED_ASSOCIATIONS - 1]}}
                each.setdefault("associations", {})[other] = listed


async def search(request: Request) -> Response:
    name = object_type(request)
    known(request)
    body = await body_of(request, ())
    view = sandbox_of(request).view
    records = view.portal.records(name)
    try:
        query = hubspot_search.parse(body)
        rows = view.search(name).rows(query)
    except ValueError as error:
        raise bad(str(error)) from None
    names = records.names(query.properties)
    end = query.after + query.limit
    page = rows[query.after : end].tolist()
    answer: Json = {"total": len(rows), "results": [records.render(row, names) for row in page]}
    if end < len(rows):
        answer["paging"] = {"next": {"after": str(end)}}
    return Answer(answer)


def _now() -> str:
    return datetime.now(tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _batch(results: list[Json], errors: list[Json], started: str) -> Answer:
    """A batch answer: 207 when some inputs have no result."""
    answer: Json = {"status": "COMPLETE", "results": results, "startedAt": started, "completedAt": _now()}
    if errors:
        answer |= {"numErrors": len(errors), "errors": errors}
    return Answer(answer, status_code=207 if errors else 200)


def _ids(body: Json, most: int, extra: Collection[str] = ()) -> list[str]:
    inputs = body["inputs"]
    if not isinstance(inputs, list) or not inputs or len(inputs) > most:
        raise bad(f"inputs must be a list of 1 to {most} ids")
    for each in inputs:
        if not isinstance(each, dict) or not isinstance(each.get("id"), str) or set(each) - {"id", *extra}:
            raise bad('every input must look like {"id": "123"}')
    return [each["id"] for each in inputs]


async def batch_read(request: Request) -> Response:
    started, name = _now(), object_type(request)
    known(request, "archived")
    body = await body_of(request, ("inputs", "properties", "propertiesWithHistory"), ("idProperty",))
    if body.get("idProperty", "hs_object_id") != "hs_object_id":
        raise bad("idProperty must be a unique property; this portal has none but hs_object_id")
    histories, properties = body["propertiesWithHistory"], body["properties"]
    if not all(isinstance(names, list) and all(isinstance(n, str) for n in names) for names in (histories, properties)):
        raise bad("properties and propertiesWithHistory must be lists of property names")
    ids = _ids(body, BATCH_WITH_HISTORY if histories else BATCH)
    portal = sandbox_of(request).view.portal
    records, archived = portal.records(name), flag(request, "archived")
    names = records.names([*properties, *histories])
    results, lost = [], []
    for each in dict.fromkeys(ids):
        row = records.rows.get(each)
        if row is None or records.archived[row] != archived:
            lost.append(each)
        else:
            results.append(_with_history(portal, name, row, names, histories))
    errors = [refusal(404, "Could not get some objects, they may be deleted or not exist.", context={"ids": lost})]
    return _batch(results, errors if lost else [], started)


async def read_associations(request: Request) -> Response:
    started, one, other = _now(), object_type(request, "from_type"), object_type(request, "to_type")
    known(request)
    body = await body_of(request, ("inputs",))
    ids = _ids(body, ASSOCIATION_INPUTS, extra=("after",))
    sandbox = sandbox_of(request)
    links, page = sandbox.view.portal.links(one, other), sandbox.limits.hubspot_association_page
    results, errors = [], []
    for each, asked in zip(ids, body["inputs"], strict=True):
        linked = links.get(each)
        if linked is None:
            errors.append(_no_association(one, other, each))
            continue
        after = asked.get("after")
        if after is not None and after not in linked:
            raise bad(f"after is not a paging cursor of {each}")
        start = linked.index(after) + 1 if after else 0
        types = [_link_types(one, other, is_primary=start + n == 0) for n in range(len(linked[start : start + page]))]
        to = zip(linked[start : start + page], types, strict=True)
        result: Json = {"from": {"id": each}, "to": [{"toObjectId": o, "associationTypes": t} for o, t in to]}
        if start + page < len(linked):
            result["paging"] = {"next": {"after": linked[start + page - 1]}}
        results.append(result)
    return _batch(results, errors, started)


def _link_types(one: str, other: str, *, is_primary: bool) -> list[Json]:
    kind = schema.LINK_TYPES[one, other]
    types: list[Json] = [{"category": "HUBSPOT_DEFINED", "typeId": kind.plain}]
    if kind.primary is not None and is_primary:
        types.append({"category": "HUBSPOT_DEFINED", "typeId": kind.primary, "label": "Primary"})
    return types


def _no_association(one: str, other: str, each: str) -> Json:
    singulars = schema.OBJECTS[one].singular, schema.OBJECTS[other].singular
    context = {"fromObjectId": [each], "fromObjectType": [singulars[0]], "toObjectType": [singulars[1]]}
    message = f"No {singulars[1]} is associated with {singulars[0]} {each}."
    return {**refusal(404, message, context=context), "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND"}


def routes() -> list[BaseRoute]:
    objects, associations = f"/crm/objects/{RELEASE}", f"/crm/associations/{RELEASE}"
    return [
        Route(f"{objects}/{{object_type}}", guarded(list_objects), methods=["GET"]),
        Route(f"{objects}/{{object_type}}/search", guarded(search, search=True), methods=["POST"]),
        Route(f"{objects}/{{object_type}}/batch/read", guarded(batch_read), methods=["POST"]),
        Route(f"{associations}/{{from_type}}/{{to_type}}/batch/read", guarded(read_associations), methods=["POST"]),
        Route(f"/crm/owners/{RELEASE}", guarded(hubspot_account.owners), methods=["GET"]),
        Route(f"/crm/pipelines/{RELEASE}/{{object_type}}", guarded(hubspot_account.pipelines), methods=["GET"]),
        Route(f"/crm/properties/{RELEASE}/{{object_type}}", guarded(hubspot_account.properties), methods=["GET"]),
    ]


def _env(place: Place) -> dict[str, str]:
    return {
        "SOURCES__HUBSPOT__BASE_URL": place.url,
        "SOURCES__HUBSPOT__ACCESS_TOKEN": next(iter(place.credentials.hubspot_tokens)),
        "SOURCES__HUBSPOT__SEGMENT_PROPERTY": "customer_segment",
        "SOURCES__HUBSPOT__PARTNER_PROPERTY": "partner",
        # Filled where the company moved here from another CRM (`move`).
        "SOURCES__HUBSPOT__IMPORTED_ID_PROPERTY": "id_in_crm_before",
        # The connector keeps to the vendor's limits by itself; here it may go as fast as the sandbox allows.
        "SOURCES__HUBSPOT__CALLS_PER_TEN_SECONDS": str(place.limits.hubspot_per_ten_seconds),
        "SOURCES__HUBSPOT__SEARCHES_PER_SECOND": str(place.limits.hubspot_searches_per_second),
    }


VENDOR = Vendor("hubspot", routes, refusal, _env, lists=("results",), company_id=str)
