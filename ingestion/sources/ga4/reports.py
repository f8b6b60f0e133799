"""GA4's Data API: `POST /v1beta/properties/{id}:runReport → daily_traffic, report_metadata`, one report per month
of the window.

The rows reconcile the export's sessions. What GA4 says of its own quality (thresholding, sampling, the "(other)"
row) is kept with every day. Names of dimensions and metrics are checked against the property's metadata before the
first report.
"""

import datetime as dt
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ingestion.errors import SettingsError
from ingestion.http import Api, HttpSettings, Json
from ingestion.pacing import concurrently
from ingestion.streams import Rows

SCOPE = "https://www.googleapis.com/auth/analytics.readonly"
PAGE_ROWS = 100_000
REPORT_DAYS = 31
# GA4 allows ten concurrent requests per property; other tools share them.
WORKERS = 3
# Lake column → API name, in the order of the report.
DIMENSIONS = {
    "report_date": "date",
    "source": "sessionSource",
    "medium": "sessionMedium",
    "campaign": "sessionCampaignName",
    "channel_group": "sessionDefaultChannelGroup",
}
METRICS = {
    "sessions": "sessions",
    "engaged_sessions": "engagedSessions",
    "total_users": "totalUsers",
    "key_events": "keyEvents",
}


class DataApi:
    """Reports of one property."""

    def __init__(self, property_id: str, base_url: str, token: str, settings: HttpSettings) -> None:
        self._path = f"/v1beta/properties/{property_id}"
        self._api = Api(
            "ga4",
            base_url,
            settings,
            headers={"Authorization": f"Bearer {token}"},
            explain=partial(_explain, property_id),
            is_final=lambda _status, body: _daily_quota(body),
        )

    def check_fields(self) -> None:
        """Fail with the names the property does not know."""
        metadata = self._api.get(f"{self._path}/metadata")
        for kind, wanted in (("dimensions", DIMENSIONS), ("metrics", METRICS)):
            missing = sorted(set(wanted.values()) - {each.get("apiName") for each in metadata.get(kind, [])})
            if missing:
                raise self._api.error(f"the property has no {kind} {', '.join(missing)}: check the Data API's version")

    def daily(self, start: dt.date, end: dt.date) -> Iterator[Rows]:
        """Rows and quality flags of every day of `[start, end)`."""
        days = (end - start).days
        firsts = [start + dt.timedelta(days=offset) for offset in range(0, days, REPORT_DAYS)]
        spans = [(first, min(first + dt.timedelta(days=REPORT_DAYS), end)) for first in firsts]
        for (first, last), (rows, metadata) in zip(spans, concurrently(self._report, spans, WORKERS), strict=True):
            yield Rows("daily_traffic", rows)
            yield Rows("report_metadata", [_quality(first, offset, metadata) for offset in range((last - first).days)])

    def _report(self, span: tuple[dt.date, dt.date]) -> tuple[list[dict[str, Any]], Json]:
        rows: list[dict[str, Any]] = []
        while True:
            page = self._api.verified(partial(self._page, span, len(rows)), partial(_fault, span, rows))
            rows += [_row(row) for row in page.get("rows", [])]
            if len(rows) >= page.get("rowCount", 0):
                metadata: Json = page.get("metadata", {})
                return rows, metadata

    def _page(self, span: tuple[dt.date, dt.date], offset: int) -> Json:
        start, end = span
        return self._api.post(
            f"{self._path}:runReport",
            {
                "dateRanges": [{"startDate": start.isoformat(), "endDate": (end - dt.timedelta(days=1)).isoformat()}],
                "dimensions": [{"name": name} for name in DIMENSIONS.values()],
                "metrics": [{"name": name} for name in METRICS.values()],
                "orderBys": [{"dimension": {"dimensionName": name}} for name in DIMENSIONS.values()],
                # 64-bit numbers travel as texts.
                "limit": str(PAGE_ROWS),
                "offset": str(offset),
            },
        )


def service_account_token(credentials: str) -> str:
    """A token for the service account whose JSON, or the path of whose JSON file, is given."""
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request
    from google.oauth2.service_account import Credentials

    try:
        text = credentials if credentials.lstrip().startswith("{") else Path(credentials).read_text(encoding="utf-8")
        account = Credentials.from_service_account_info(json.loads(text), scopes=[SCOPE])  # type: ignore[no-untyped-call]
        account.refresh(Request())
    except (OSError, ValueError, GoogleAuthError) as error:
        raise SettingsError(f"SOURCES__GA4__CREDENTIALS gives no token ({type(error).__name__})") from None
    return str(account.token)


def _row(row: Json) -> dict[str, Any]:
    dimensions = (each.get("value") for each in row["dimensionValues"])
    metrics = (each.get("value") for each in row["metricValues"])
    return {**dict(zip(DIMENSIONS, dimensions, strict=True)), **dict(zip(METRICS, metrics, strict=True))}


def _quality(first: dt.date, offset: int, metadata: Json) -> dict[str, Any]:
    return {
        "report_date": first + dt.timedelta(days=offset),
        "time_zone": metadata.get("timeZone"),
        "currency": metadata.get("currencyCode"),
        "subject_to_thresholding": metadata.get("subjectToThresholding", False),
        "data_loss_from_other_row": metadata.get("dataLossFromOtherRow", False),
        "sampled": bool(metadata.get("samplingMetadatas")),
        "empty_reason": metadata.get("emptyReason"),
    }


def _fault(span: tuple[dt.date, dt.date], rows: list[dict[str, Any]], page: Json) -> str | None:
    received, total = [_row(row) for row in page.get("rows", [])], page.get("rowCount", 0)
    if not received and len(rows) < total:
        return f"the report answered an empty page though {total - len(rows)} rows remain"
    first, last = (day.strftime("%Y%m%d") for day in span)
    if any(row["report_date"].isdigit() and not first <= row["report_date"] < last for row in received):
        return "the report answered other days than asked for"
    # Rows are ordered, so a page that repeats an earlier one begins where some earlier page began.
    if received and received[0] in rows[::PAGE_ROWS]:
        return "the report repeated a page"
    return None


def _daily_quota(body: Json | None) -> bool:
    error = (body or {}).get("error")
    return isinstance(error, dict) and "per day" in str(error.get("message", "")).lower()


def _explain(property_id: str, status: int, body: Json | None) -> str | None:
    if status == 401:
        return "the token was refused (401): set SOURCES__GA4__ACCESS_TOKEN or …__CREDENTIALS to a valid one"
    if status == 403:
        return (
            f"no access to property {property_id} (403): give the account the role Viewer in GA4 (Admin, Property"
            " access management) and enable the Google Analytics Data API in its project"
        )
    if status == 404:
        return f"property {property_id} does not exist (404): check SOURCES__GA4__PROPERTY_ID and …__BASE_URL"
    if status == 429 and _daily_quota(body):
        return "the property's tokens of the day are used up (429): run it again after midnight, Pacific time"
    return None
