"""GA4's Data API v1beta: runReport, batchRunReports and metadata of one property.

Flow: `request → token, property, quota → rows of ga4_reports`. Belongs here: paths, the request's grammar, quotas and
Google's refusals. Does not: counting (`ga4_reports`). Filters, expressions, cohorts and comparisons are refused
honestly: this property cannot compute them.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.apis.answers import Answer, Json, RefusalError, sandbox_of
from sandbox.apis.ga4_reports import DIMENSIONS, METRICS

DEFAULT_ROWS, MAX_ROWS = 10_000, 250_000
MAX_DIMENSIONS, MAX_METRICS, MAX_RANGES, MAX_REQUESTS = 9, 10, 4, 5
TOKENS_PER_REQUEST, ROWS_PER_TOKEN = 4, 2_000
_STATUSES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED", 500: "INTERNAL",
}  # fmt: skip
_MESSAGES = {
    401: "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid"
    " authentication credential.",
    403: "User does not have sufficient permissions for this property.",
    404: "Requested entity was not found.",
    429: "Exhausted property tokens per hour.",
    500: "Internal error encountered.",
}
_FIELDS = {
    "property", "dimensions", "metrics", "dateRanges", "limit", "offset", "orderBys", "keepEmptyRows", "currencyCode",
    "returnPropertyQuota", "dimensionFilter", "metricFilter", "metricAggregations", "cohortSpec", "comparisons",
}  # fmt: skip
_REFUSED = ("dimensionFilter", "metricFilter", "metricAggregations", "cohortSpec", "comparisons")
Handler = Callable[[Request], Awaitable[Response]]


def refusal(status: int, message: str | None = None) -> Json:
    """Google's error object."""
    text = message or _MESSAGES.get(status, "The request cannot be served.")
    return {"error": {"code": status, "message": text, "status": _STATUSES.get(status, "UNKNOWN")}}


def bad(message: str) -> RefusalError:
    return RefusalError(400, refusal(400, message))


def guarded(handler: Handler) -> Handler:
    """Token, property and the number of requests in flight first."""

    async def answer(request: Request) -> Response:
        sandbox = sandbox_of(request)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or token != sandbox.credentials.ga4_token:
            raise RefusalError(401, refusal(401))
        if request.path_params["property"] != sandbox.credentials.ga4_property:
            raise RefusalError(403, refusal(403))
        in_flight = sandbox.counters.open_requests
        if in_flight["ga4"] > sandbox.limits.ga4_concurrent:
            raise RefusalError(429, refusal(429, "Exhausted concurrent requests quota."))
        return await handler(request)

    return answer


async def body_of(request: Request) -> Json:
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise bad("Invalid JSON payload received.") from None
    if not isinstance(body, dict):
        raise bad("Invalid JSON payload received. An object is expected.")
    return body


async def run_report(request: Request) -> Response:
    return Answer(_report(request, await body_of(request)))


async def batch_run_reports(request: Request) -> Response:
    body = await body_of(request)
    requests = body.get("requests")
    if set(body) - {"requests"} or not isinstance(requests, list) or not 1 <= len(requests) <= MAX_REQUESTS:
        raise bad(f"A batch holds `requests` only, 1 to {MAX_REQUESTS} of them.")
    return Answer({"reports": [_report(request, each) for each in requests], "kind": "analyticsData#batchRunReports"})


def _report(request: Request, body: Json) -> Json:
    _check_fields(request, body)
    view = sandbox_of(request).view
    dimensions = _names(body, "dimensions", DIMENSIONS, MAX_DIMENSIONS)
    metrics = _names(body, "metrics", METRICS, MAX_METRICS)
    if not metrics:
        raise bad("At least one metric is required.")
    start, end = _date_range(body, view.snapshot.until)
    limit = _whole(body, "limit", DEFAULT_ROWS, least=1)
    offset = _whole(body, "offset", 0, least=0)
    orders = _orders(body, dimensions, metrics)
    report = view.analytics.report(dimensions, metrics, start, end, orders)
    rows = report.rows(offset, min(limit, MAX_ROWS))
    quota = _spend(request, len(rows), thresholded="thresholded" in view.analytics.marks)
    answer: Json = {
        "dimensionHeaders": [{"name": name} for name in dimensions],
        "metricHeaders": [{"name": name, "type": METRICS[name].type} for name in metrics],
        "rows": rows,
        "rowCount": report.count,
        "metadata": view.analytics.metadata(report.count),
        "kind": "analyticsData#runReport",
    }
    if not rows:
        del answer["rows"]  # Google's JSON leaves empty lists out
    if body.get("returnPropertyQuota"):
        answer["propertyQuota"] = quota
    return answer


def _check_fields(request: Request, body: Any) -> None:
    if not isinstance(body, dict):
        raise bad("Invalid JSON payload received. A report request is an object.")
    for name in sorted(set(body) - _FIELDS):
        raise bad(f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.')
    for name in _REFUSED:
        if body.get(name):
            raise bad(f"{name} is not served by this sandbox.")
    if body.get("property", f"properties/{request.path_params['property']}") != (
        f"properties/{request.path_params['property']}"
    ):
        raise bad("The property of the request differs from the property of the path.")
    if body.get("currencyCode", "EUR") != "EUR":
        raise bad("This sandbox reports in the property's own currency, EUR.")


def _names(body: Json, field: str, known: dict[str, Any], most: int) -> list[str]:
    asked = body.get(field, [])
    if not isinstance(asked, list) or not all(isinstance(each, dict) and set(each) == {"name"} for each in asked):
        raise bad(f'{field} must be a list of objects like {{"name": "…"}}; expressions are not served here.')
    names = [each["name"] for each in asked]
    if len(names) > most:
        raise bad(f"Requests are limited to {most} {field}.")
    for name in names:
        if not isinstance(name, str) or name not in known:
            kind = field.removesuffix("s")
            raise bad(f"Field {name} is not a valid {kind}. For a list of valid {field}, see the metadata method.")
    if len(set(names)) < len(names):
        raise bad(f"{field} must not repeat.")
    return names


def _date_range(body: Json, until: date) -> tuple[date, date]:
    """The one range of a request; `until` is the property's today."""
    ranges = body.get("dateRanges")
    if not isinstance(ranges, list) or not ranges or not all(isinstance(each, dict) for each in ranges):
        raise bad("A dateRange is required.")
    if len(ranges) > 1:
        reason = "one at a time is served by this sandbox" if len(ranges) <= MAX_RANGES else f"at most {MAX_RANGES}"
        raise bad(f"Too many dateRanges: {reason}.")
    if set(ranges[0]) - {"startDate", "endDate", "name"}:
        raise bad("A dateRange holds startDate, endDate and name.")
    start, end = (_day(ranges[0].get(name), name, until) for name in ("startDate", "endDate"))
    if start > end:
        raise bad("Invalid dateRange: startDate is after endDate.")
    return start, end


def _day(text: Any, name: str, until: date) -> date:
    if isinstance(text, str):
        if text in ("today", "yesterday"):
            return until - timedelta(days=int(text == "yesterday"))
        if ago := re.fullmatch(r"(\d+)daysAgo", text):
            return until - timedelta(days=int(ago[1]))
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            try:
                return date.fromisoformat(text)
            except ValueError:
                pass
    raise bad(f"Invalid {name}: {text!r}. Dates are YYYY-MM-DD, NdaysAgo, yesterday or today.")


def _whole(body: Json, name: str, default: int, least: int) -> int:
    """An int64 of Google's JSON: a string of digits (a JSON number breaks the API's declared type)."""
    value = body.get(name, str(default))
    if not isinstance(value, str) or not value.isdecimal() or int(value) < least:
        raise bad(f"Invalid value at '{name}' (TYPE_INT64): a string of digits of at least {least} is expected.")
    return int(value)


def _orders(body: Json, dimensions: list[str], metrics: list[str]) -> list[tuple[str, bool]]:
    orders = []
    for each in body.get("orderBys", []):
        by = each.get("dimension", each.get("metric")) if isinstance(each, dict) else None
        name = by.get("dimensionName", by.get("metricName")) if isinstance(by, dict) else None
        if name not in (*dimensions, *metrics):
            raise bad("orderBys may name only dimensions and metrics of the request.")
        orders.append((name, each.get("desc") is True))
    return orders


def _spend(request: Request, rows: int, *, thresholded: bool) -> Json:
    """Charges the quota and tells what is left, or refuses."""
    counters = sandbox_of(request).counters
    tokens = TOKENS_PER_REQUEST + rows // ROWS_PER_TOKEN
    windows = {
        "tokensPerDay": counters.ga4_day,
        "tokensPerHour": counters.ga4_hour,
        "tokensPerProjectPerHour": counters.ga4_project_hour,
    }
    for name, window in windows.items():
        if window.remaining() < tokens:
            said = {"tokensPerDay": "tokens per day", "tokensPerHour": "tokens per hour"}
            what = said.get(name, "tokens per project per hour")
            raise RefusalError(429, refusal(429, f"Exhausted property {what}. These quota tokens will return."))
    quota: Json = {}
    for name, window in windows.items():
        window.take(tokens)
        quota[name] = {"consumed": tokens, "remaining": window.remaining()}
    free = sandbox_of(request).limits.ga4_concurrent - counters.open_requests["ga4"]
    quota["concurrentRequests"] = {"consumed": 0, "remaining": free}
    quota["serverErrorsPerProjectPerHour"] = {"consumed": 0, "remaining": 10}
    quota["potentiallyThresholdedRequestsPerHour"] = {"consumed": int(thresholded), "remaining": 120 - int(thresholded)}
    return quota


async def metadata(request: Request) -> Response:
    """The dimensions and metrics of the property."""
    common: Json = {"customDefinition": False}
    dimensions = [
        {"apiName": each.name, "uiName": each.label, "description": each.label, "category": each.category, **common}
        for each in DIMENSIONS.values()
    ]
    metrics = [
        {
            "apiName": each.name, "uiName": each.label, "description": each.label, "category": each.category,
            "type": each.type, **common, **({"expression": each.expression} if each.expression else {}),
        }
        for each in METRICS.values()
    ]  # fmt: skip
    name = f"properties/{request.path_params['property']}/metadata"
    return Answer({"name": name, "dimensions": dimensions, "metrics": metrics, "comparisons": []})


def routes() -> list[BaseRoute]:
    path = "/v1beta/properties/{property}"
    return [
        Route(f"{path}:runReport", guarded(run_report), methods=["POST"]),
        Route(f"{path}:batchRunReports", guarded(batch_run_reports), methods=["POST"]),
        Route(f"{path}/metadata", guarded(metadata), methods=["GET"]),
    ]
