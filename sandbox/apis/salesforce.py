"""Salesforce's REST API: sessions, query and queryAll with their pages, describe; Bulk query jobs.

Flow: `request → session, version, calls (salesforce_rules) → SOQL (salesforce_soql) → rows of salesforce_records`.
Belongs here: paths and pages. Does not: refusals (`salesforce_rules`), jobs (`salesforce_bulk`).
"""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.apis import salesforce_bulk as bulk
from sandbox.apis import salesforce_schema as schema
from sandbox.apis.answers import Answer, Json
from sandbox.apis.salesforce_records import Found
from sandbox.apis.salesforce_rules import guarded, hidden_from, known, org_of, refusal, refused, token
from sandbox.apis.salesforce_soql import SoqlError, parse
from sandbox.apis.salesforce_values import record_id
from sandbox.apis.vendor import Place, Vendor

PAGE, SMALLEST_PAGE = 2000, 200
_BATCH_SIZE = re.compile(r"batchSize\s*=\s*(\d+)")


async def query(request: Request) -> Response:
    """Rows that are there."""
    return await _queried(request, everything=False)


async def query_all(request: Request) -> Response:
    """Rows of the recycle bin and archived activities too."""
    return await _queried(request, everything=True)


async def _queried(request: Request, *, everything: bool) -> Response:
    known(request, "q")
    text = request.query_params.get("q")
    if not text:
        raise refused(400, "the parameter q is missing")
    try:
        asked = parse(text, hidden_from(request))
    except SoqlError as error:
        raise refused(400, str(error), error.code) from None
    org = org_of(request)
    records = org.records(asked.kind.name)
    rows = records.found(asked, everything=everything)
    if asked.fields is None:
        return Answer({"totalSize": len(rows), "done": True, "records": []})
    found = Found(records, asked, rows, _page_size(request))
    return _page(request, found, 0, None if len(rows) <= found.page else org.keep(found))


async def more(request: Request) -> Response:
    """The next page of an answer, by its locator and the number of the first row."""
    known(request)
    locator, _, start = request.path_params["locator"].rpartition("-")
    found = org_of(request).kept(locator)
    if found is None or not start.isdecimal():
        raise refused(400, "invalid query locator", "INVALID_QUERY_LOCATOR")
    return _page(request, found, int(start), locator)


def _page(request: Request, found: Found, start: int, locator: str | None) -> Response:
    version, end = request.path_params["version"], start + found.page
    answer: Json = {"totalSize": len(found.rows), "done": end >= len(found.rows)}
    if not answer["done"]:
        answer["nextRecordsUrl"] = f"/services/data/{version}/query/{locator}-{end}"
    answer["records"] = found.records.render(found.rows[start:end], found.query.fields or (), version)
    return Answer(answer)


def _page_size(request: Request) -> int:
    """What the client wants, within Salesforce's bounds."""
    wanted = _BATCH_SIZE.search(request.headers.get("sforce-query-options", ""))
    return PAGE if wanted is None else min(PAGE, max(SMALLEST_PAGE, int(wanted.group(1))))


async def sobjects(request: Request) -> Response:
    """The objects the user may see."""
    known(request)
    hidden = hidden_from(request)
    seen = [schema.summary(kind) for kind in schema.OBJECTS.values() if kind.name not in hidden]
    return Answer({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": seen})


async def describe(request: Request) -> Response:
    known(request)
    hidden = hidden_from(request)
    kind = schema.object_named(request.path_params["name"], hidden)
    if kind is None:
        raise refused(404)
    return Answer(schema.describe(kind, hidden))


def routes() -> list[BaseRoute]:
    data = "/services/data/{version}"
    handlers = {
        ("GET", f"{data}/query"): query,
        ("GET", f"{data}/queryAll"): query_all,
        ("GET", f"{data}/query/{{locator}}"): more,
        ("GET", f"{data}/sobjects"): sobjects,
        ("GET", f"{data}/sobjects/{{name}}/describe"): describe,
        ("POST", f"{data}/jobs/query"): bulk.create,
        ("GET", f"{data}/jobs/query/{{job_id}}"): bulk.info,
        ("GET", f"{data}/jobs/query/{{job_id}}/results"): bulk.results,
    }
    return [
        Route("/services/oauth2/token", token, methods=["POST"]),
        *(Route(path, guarded(handler), methods=[method]) for (method, path), handler in handlers.items()),
    ]


def _env(place: Place) -> dict[str, str]:
    fields = {
        "LEAD_DATE_FIELD": "Lead_Date__c",
        "MQL_DATE_FIELD": "MQL_Date__c",
        "SQL_DATE_FIELD": "SQL_Date__c",
        "OPPORTUNITY_DATE_FIELD": "Opportunity_Date__c",
        "CUSTOMER_DATE_FIELD": "Customer_Date__c",
        "LIFECYCLE_FIELD": "Lifecycle_Stage__c",
        "IS_TEST_FIELD": "Is_Test__c",
        # This company's forms capture the browser as Matomo knows it; GA_Client_Id__c holds GA4's name of it.
        "CLIENT_ID_FIELD": "Matomo_Visitor_Id__c",
        "USER_KEY_FIELD": "User_Key__c",
        "LOST_REASON_FIELD": "Lost_Reason__c",
        "RECURRING_AMOUNT_FIELD": "MRR__c",
        "PARTNER_FIELD": "Partner__c",
        "IMPORTED_ID_FIELD": "Id_In_CRM_Before__c",
        "CONTRACT_AMOUNT_FIELD": "MRR__c",
        "SEGMENT_FIELD": "Segment__c",
        "LEAD_SEGMENT_FIELD": "Segment__c",
        "MEETING_KIND_FIELD": "Meeting_Kind__c",
        "MEETING_OUTCOME_FIELD": "Meeting_Outcome__c",
        "ACTIVITY_START_FIELD": "Started_At__c",
        "DIRECTION_FIELD": "Direction__c",
    }
    return {
        "SOURCES__SALESFORCE__BASE_URL": place.url,
        "SOURCES__SALESFORCE__CLIENT_ID": place.credentials.salesforce_client,
        "SOURCES__SALESFORCE__CLIENT_SECRET": place.credentials.salesforce_secret,
        **{f"SOURCES__SALESFORCE__{name}": field for name, field in fields.items()},
    }


VENDOR = Vendor(
    "salesforce", routes, refusal, _env, lists=("records", "sobjects", "fields"),
    company_id=lambda known: record_id("001", int(known)), deal_id=lambda known: record_id("006", int(known)),
)  # fmt: skip
