"""GA4's reports: the observed sessions counted by any of the dimensions and metrics this property has.

Flow: `ga4_sessions.observed → Property → Report (headers, columns of texts)`. Belongs here: dimensions, metrics,
counting, ordering. Does not: HTTP and refusals (`ga4`). A user is a client id, GA4's device-based identity.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from sandbox.apis import ga4_sessions
from sandbox.apis.answers import Json

Values = np.ndarray[Any, np.dtype[Any]]
_REMEMBERED = 64


@dataclass(frozen=True)
class Dimension:
    name: str
    label: str
    category: str
    column: str


@dataclass(frozen=True)
class Metric:
    """`column` is summed ("" counts sessions, "users" clients); rates divide that sum by the sessions."""

    name: str
    label: str
    category: str
    type: str
    column: str
    expression: str = ""


DIMENSIONS = {
    each.name: each
    for each in (
        Dimension("date", "Date", "Time", "date_text"),
        Dimension("yearMonth", "Year month", "Time", "month_text"),
        Dimension("sessionSource", "Session source", "Traffic source", "source"),
        Dimension("sessionMedium", "Session medium", "Traffic source", "medium"),
        Dimension("sessionCampaignName", "Session campaign", "Traffic source", "campaign_name"),
        Dimension("sessionManualAdContent", "Session manual ad content", "Traffic source", "content"),
        Dimension("sessionDefaultChannelGroup", "Session default channel group", "Traffic source", "channel_group"),
        Dimension("landingPage", "Landing page", "Page / screen", "landing_page"),
        Dimension("landingPagePlusQueryString", "Landing page + query string", "Page / screen", "landing_url"),
        Dimension("country", "Country", "Geography", "country_name"),
        Dimension("countryId", "Country ID", "Geography", "country"),
        Dimension("deviceCategory", "Device category", "Platform / device", "device"),
    )
}
METRICS = {
    each.name: each
    for each in (
        Metric("sessions", "Sessions", "Session", "TYPE_INTEGER", ""),
        Metric("engagedSessions", "Engaged sessions", "Session", "TYPE_INTEGER", "is_engaged"),
        Metric("engagementRate", "Engagement rate", "Session", "TYPE_FLOAT", "is_engaged",
               "engagedSessions/sessions"),
        Metric("bounceRate", "Bounce rate", "Session", "TYPE_FLOAT", "is_bounce", "1-engagementRate"),
        Metric("totalUsers", "Total users", "User", "TYPE_INTEGER", "users"),
        Metric("newUsers", "New users", "User", "TYPE_INTEGER", "is_new"),
        Metric("keyEvents", "Key events", "Event", "TYPE_FLOAT", "has_key_event"),
        Metric("screenPageViews", "Views", "Page / screen", "TYPE_INTEGER", "page_views"),
        Metric("userEngagementDuration", "User engagement", "User", "TYPE_SECONDS", "engagement_seconds"),
        Metric("totalRevenue", "Total revenue", "Revenue", "TYPE_CURRENCY", "revenue"),
    )
}  # fmt: skip
# Column → numpy unit and form of a calendar dimension.
_CALENDAR = {"date_text": ("D", "%Y%m%d"), "month_text": ("M", "%Y%m")}
_RATES = {"engagementRate", "bounceRate"}
MARKS = {"thresholded", "other_row", "sampled"}  # quality flags a test can set (`faults`)


@dataclass(frozen=True)
class Report:
    """The rows of one request, in order: texts per dimension, texts per metric."""

    dimensions: list[list[str]]
    metrics: list[list[str]]
    count: int

    def rows(self, offset: int, limit: int) -> list[Json]:
        end = min(offset + limit, self.count)
        dimensions = [column[offset:end] for column in self.dimensions]
        metrics = [column[offset:end] for column in self.metrics]
        return [
            {
                "dimensionValues": [{"value": column[row]} for column in dimensions],
                "metricValues": [{"value": column[row]} for column in metrics],
            }
            for row in range(max(0, end - offset))
        ]


class Property:
    """One GA4 property at one moment."""

    def __init__(self, snapshot: Any, marks: frozenset[str] = frozenset()) -> None:
        self._snapshot = snapshot
        self.marks = marks
        self._reports: OrderedDict[Any, Report] = OrderedDict()
        self._codes: dict[str, tuple[Values, Values]] = {}

    @cached_property
    def sessions(self) -> pd.DataFrame:
        return ga4_sessions.observed(self._snapshot)

    @cached_property
    def _columns(self) -> dict[str, Values]:
        """What metrics add up, one value per session."""
        sessions = self.sessions
        return {
            "is_engaged": sessions["is_engaged"].to_numpy(dtype=float),
            "is_bounce": (~sessions["is_engaged"]).to_numpy(dtype=float),
            "is_new": sessions["is_new"].to_numpy(dtype=float),
            "has_key_event": sessions["key_event"].notna().to_numpy(dtype=float),
            "page_views": sessions["page_views"].to_numpy(dtype=float),
            "engagement_seconds": sessions["engagement_ms"].to_numpy(dtype=float) / 1000,
            "revenue": np.zeros(len(sessions)),
        }

    def _dimension(self, name: str) -> tuple[Values, Values]:
        """Code of every session and the texts of the codes."""
        if name not in self._codes:
            column = DIMENSIONS[name].column
            if column in _CALENDAR:
                unit, form = _CALENDAR[column]
                codes, units = pd.factorize(self.sessions["day"].to_numpy(f"datetime64[{unit}]"), sort=True)
                shown = [pd.Timestamp(each).strftime(form) for each in units]
            else:
                filled = self.sessions[column].astype(object).fillna(ga4_sessions.NOT_SET)
                codes, texts = pd.factorize(filled, sort=True)
                shown = [_path(each) if column.startswith("landing") else each for each in texts]
            self._codes[name] = (codes, np.array(shown, dtype=object))
        return self._codes[name]

    def report(
        self,
        dimensions: Sequence[str],
        metrics: Sequence[str],
        start: date,
        end: date,
        orders: Sequence[tuple[str, bool]],
    ) -> Report:
        """Counts over the days from start to end (both included); `orders` are (name, descending)."""
        key = (tuple(dimensions), tuple(metrics), start, end, tuple(orders))
        if key not in self._reports:
            self._reports[key] = self._count(dimensions, metrics, start, end, orders)
            if len(self._reports) > _REMEMBERED:
                self._reports.popitem(last=False)
        return self._reports[key]

    def _count(
        self,
        dimensions: Sequence[str],
        metrics: Sequence[str],
        start: date,
        end: date,
        orders: Sequence[tuple[str, bool]],
    ) -> Report:
        days = self.sessions["day"].to_numpy("datetime64[D]")
        first, last = np.searchsorted(days, [np.datetime64(start), np.datetime64(end) + 1])
        window = slice(int(first), int(last))
        group = np.zeros(int(last - first), dtype=np.int64)
        for name in dimensions:
            codes, texts = self._dimension(name)
            group = group * (len(texts) + 1) + codes[window]
        keys, inverse = np.unique(group, return_inverse=True)
        if not len(group):
            return Report([[] for _ in dimensions], [[] for _ in metrics], 0)
        values = {name: self._metric(name, inverse, len(keys), window) for name in metrics}
        split: dict[str, Values] = {}
        rest = keys
        for name in reversed(dimensions):
            size = len(self._dimension(name)[1]) + 1
            split[name], rest = rest % size, rest // size
        chosen = list(orders) or [(metrics[0], True)] * bool(metrics)
        sort_keys: list[Values] = [split[name] for name in reversed(dimensions)]
        for name, descending in reversed(chosen):
            column = values[name] if name in values else split[name]
            sort_keys.append(-column if descending else column)
        order = np.lexsort(sort_keys) if sort_keys else np.arange(len(keys))
        columns = [self._dimension(name)[1][split[name][order]].tolist() for name in dimensions]
        return Report(columns, [_texts(METRICS[name], values[name][order]) for name in metrics], len(keys))

    def _metric(self, name: str, inverse: Values, groups: int, window: slice) -> Values:
        column = METRICS[name].column
        sessions = np.bincount(inverse, minlength=groups)
        if not column:
            return sessions
        if column == "users":
            clients = self._clients[window].astype(np.int64)
            pairs = np.unique(inverse.astype(np.int64) * (int(clients.max(initial=0)) + 1) + clients)
            return np.bincount(pairs // (int(clients.max(initial=0)) + 1), minlength=groups)
        total = np.bincount(inverse, weights=self._columns[column][window], minlength=groups)
        return total / sessions if name in _RATES else total

    @cached_property
    def _clients(self) -> Values:
        return np.asarray(pd.factorize(self.sessions["client_id"])[0] + 1)

    def metadata(self, count: int) -> Json:
        """The quality block of a report. As in Google's JSON, a flag that is false is absent."""
        answer: Json = {"currencyCode": ga4_sessions.CURRENCY, "timeZone": ga4_sessions.TIME_ZONE}
        if "thresholded" in self.marks:
            answer["subjectToThresholding"] = True
        if "other_row" in self.marks:
            answer["dataLossFromOtherRow"] = True
        if "sampled" in self.marks:
            read = len(self.sessions)
            answer["samplingMetadatas"] = [{"samplesReadCount": str(read // 2), "samplingSpaceSize": str(read)}]
        if not count:
            answer["emptyReason"] = "NO_DATA"
        return answer


def _path(url: str) -> str:
    """A landing page without its host."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _texts(metric: Metric, values: Values) -> list[str]:
    if metric.type == "TYPE_INTEGER":
        return [str(value) for value in values.astype(np.int64).tolist()]
    return [str(int(value)) if value.is_integer() else repr(value) for value in values.astype(float).tolist()]
