"""GA4's Data API v1beta: runReport, batchRunReports and metadata of one property.

Flow: `request → token, property, quota (ga4_rules) → rows of ga4_reports`. Belongs here: paths and the request's
grammar. Does not: counting (`ga4_reports`), quotas (`ga4_rules`). Filters, expressions, cohorts and comparisons are
refused honestly: this property cannot compute them.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.apis.answers import Answer, Json, sandbox_of
from sandbox.apis.ga4_reports import DIMENSIONS, METRICS
from sandbox.apis.ga4_rules import bad, body_of, guarded, refusal, spend
from sandbox.apis.vendor import Place, Vendor
from sandbox.files import export_folder

DEFAULT_ROWS, MAX_ROWS = 10_000, 250_000
MAX_DIMENSIONS, MAX_METRICS, MAX_RANGES, MAX_REQUESTS = 9, 10, 4, 5
_FIELDS = {
    "property", "dimensions", "metrics", "dateRanges", "limit", "offset", "orderBys", "keepEmptyRows", "currencyCode",
    "returnPropertyQuota", "dimensionFilter", "metricFilter", "metricAggregations", "cohortSpec", "comparisons",
}  # fmt: skip
_REFUSED = ("dimensionFilter", "metricFilter", "metricAggregations", "cohortSpec", "comparisons")


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
    quota = spend(request, len(rows), thresholded="thresholded" in view.analytics.marks)
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


def _env(place: Place) -> dict[str, str]:
    return {
        "SOURCES__GA4__BASE_URL": place.url,
        "SOURCES__GA4__ACCESS_TOKEN": place.credentials.ga4_token,
        "SOURCES__GA4__PROPERTY_ID": place.credentials.ga4_property,
        "SOURCES__GA4__EXPORT_URL": str(export_folder(place.home)),
    }


VENDOR = Vendor("ga4", routes, refusal, _env, lists=("rows",))
