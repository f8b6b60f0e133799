"""Requests to Klaviyo: settings, pace, and listings read page by page and checked before they are believed.

Flow: `listing → pages of resource objects`. Pages hang together by an absolute link: only its cursor is taken, and no
other host is ever followed. Klaviyo tells no totals, so a page without rows is believed only when it says so twice.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, PositiveInt, SecretStr
from pydantic_settings import SettingsConfigDict

from ingestion.http import MESSAGE_LENGTH, Api, HttpSettings, Json
from ingestion.pacing import RateLimit

JSON_API = "application/vnd.api+json"
SCOPES = "campaigns:read, events:read, lists:read, metrics:read and profiles:read"
# Requests per second and per minute that Klaviyo allows an account, by endpoint, and rows it gives at most per page;
# metrics take no page size.
PACES = {"campaigns": (10, 150), "events": (350, 3500), "lists": (75, 750), "metrics": (10, 150), "profiles": (75, 750)}
PAGE_SIZES = {"campaigns": 100, "events": 1000, "lists": 10, "profiles": 100}


class KlaviyoSettings(HttpSettings):
    """SOURCES__KLAVIYO__… ."""

    model_config = SettingsConfigDict(env_prefix="SOURCES__KLAVIYO__")

    api_key: SecretStr = Field(description=f"Private API key (pk_…) with the scopes {SCOPES}.")
    base_url: str = Field("https://a.klaviyo.com", description="Root of the API.")
    revision: str = Field("2026-07-15", description="Revision of the API that the answers are read by.")
    lookback_days: int = Field(3, ge=0, description="Days before the end of a pull whose events are read again.")
    weekly_lookback_days: int = Field(30, ge=0, description="The same, once in seven days.")
    lookback_minutes: PositiveInt = Field(60, description="Overlap when reading changed profiles and campaigns.")
    slice_days: PositiveInt = Field(7, description="Days of one kind of event read in one go, held in memory.")


class Pace:
    """One endpoint's limits: per second, per minute, and what its answers say is left of the minute."""

    def __init__(self, burst: int, steady: int) -> None:
        self._burst, self._steady = RateLimit(burst, 1), RateLimit(steady, 60)
        self._closed_until = 0.0

    def wait(self) -> None:
        pause = self._closed_until - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        self._burst.wait()
        self._steady.wait()

    def learn(self, headers: Mapping[str, str]) -> None:
        """`RateLimit-Limit: 150, 10;w=1, 150;w=60`, `-Remaining` and `-Reset` (seconds) of the minute."""
        for window in headers.get("RateLimit-Limit", "").split(","):
            calls, _, seconds = window.strip().partition(";w=")
            limit = {"1": self._burst, "60": self._steady}.get(seconds)
            if limit is not None and calls.isdecimal():
                limit.allow(int(calls))
        remaining, reset = headers.get("RateLimit-Remaining", ""), headers.get("RateLimit-Reset", "")
        if remaining.isdecimal() and reset.isdecimal() and int(remaining) == 0:
            # Other programs share the account's limit.
            self._closed_until = time.monotonic() + int(reset)


@dataclass(frozen=True)
class Listing:
    """One collection: its endpoint, the type of its resource objects, and the parameters.

    version: the attribute that, with the id, tells one row from the same row changed meanwhile. belongs: whether a row
    is one of those asked for.
    """

    endpoint: str
    type: str
    parameters: Mapping[str, str]
    version: str | None = None
    belongs: Callable[[Json], bool] = lambda _row: True

    def identity(self, row: Json) -> tuple[str, Any]:
        return row["id"], row["attributes"].get(self.version) if self.version else None


class Klaviyo:
    """The account behind a key."""

    def __init__(self, settings: KlaviyoSettings) -> None:
        headers = {
            "Accept": JSON_API,
            "Authorization": f"Klaviyo-API-Key {settings.api_key.get_secret_value()}",
            "revision": settings.revision,
        }
        self._paces = {name: Pace(*limits) for name, limits in PACES.items()}
        # One client per endpoint: the headers of its answers speak of that endpoint.
        self._apis = {
            name: Api("klaviyo", settings.base_url, settings, headers=headers, explain=_explain, learn=pace.learn)
            for name, pace in self._paces.items()
        }
        self.error = self._apis["events"].error

    def rows(self, listing: Listing) -> Iterator[Json]:
        """Every row of a listing."""
        for page in self.pages(listing):
            yield from page["data"]

    def pages(self, listing: Listing) -> Iterator[Json]:
        """Pages as they came, each checked against what was asked for and the pages before it."""
        cursor: str | None = None
        seen: set[tuple[str, Any]] = set()
        while True:
            ask = partial(self._checked, listing, cursor, seen)
            page = ask()
            if not page["data"]:
                page = ask()
            seen.update(map(listing.identity, page["data"]))
            yield page
            cursor = _cursor(page)
            if cursor is None:
                return

    def first(self, listing: Listing) -> list[Json]:
        """The first page alone: what a key may see."""
        return list(next(self.pages(listing))["data"])

    def _checked(self, listing: Listing, cursor: str | None, seen: set[tuple[str, Any]]) -> Json:
        parameters = dict(listing.parameters)
        if listing.endpoint in PAGE_SIZES:
            parameters["page[size]"] = str(PAGE_SIZES[listing.endpoint])
        if cursor is not None:
            parameters["page[cursor]"] = cursor
        fetch = partial(self._get, listing.endpoint, parameters)
        return self._apis[listing.endpoint].verified(fetch, partial(_fault, listing, seen))

    def _get(self, endpoint: str, parameters: Mapping[str, str]) -> Json:
        self._paces[endpoint].wait()
        return self._apis[endpoint].get(f"/api/{endpoint}", parameters)


def _cursor(page: Json) -> str | None:
    """The cursor of the next page, from its absolute link; None after the last one. ValueError without a cursor."""
    following = page["links"].get("next")
    if following is None:
        return None
    cursors = parse_qs(urlsplit(str(following)).query).get("page[cursor]")
    if not cursors:
        raise ValueError("a link without a cursor")
    return cursors[0]


def _fault(listing: Listing, seen: set[tuple[str, Any]], page: Json) -> str | None:
    rows, following = page["data"], _cursor(page)
    if not rows:
        return f"{listing.endpoint} answered an empty page though more follow" if following else None
    if any(row["type"] != listing.type or not listing.belongs(row) for row in rows):
        return f"{listing.endpoint} answered other rows than asked for"
    if all(listing.identity(row) in seen for row in rows):
        return f"{listing.endpoint} repeated a page"
    return None


def _explain(status: int, body: Json | None) -> str | None:
    said = _detail(body)
    if status == 401:
        return "the key was refused (401): set SOURCES__KLAVIYO__API_KEY to an active private key (pk_…)"
    if status == 403:
        return f"the key lacks a scope (403): make a private key with {SCOPES}{said}"
    if status == 404:
        return "the path does not exist (404): check SOURCES__KLAVIYO__BASE_URL and SOURCES__KLAVIYO__REVISION"
    if status == 410 or (status == 400 and "revision" in said):
        return f"the revision was refused ({status}): set SOURCES__KLAVIYO__REVISION to a supported one{said}"
    return f"a request was refused (400){said}" if status == 400 else None


def _detail(body: Json | None) -> str:
    """What Klaviyo says of the first error, shortened, ready to append."""
    errors = (body or {}).get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    detail = first.get("detail")
    return f"; Klaviyo says: {detail[:MESSAGE_LENGTH]}" if isinstance(detail, str) and detail else ""
