"""Requests to Brevo: settings, limits per family of paths, and whole lists read page by page.

Pages are offsets into a set that may move, and whether `count` follows a filter is not documented. So each page begins
with the last row of the page before: where it does not (a page repeated, an empty one, rows gone meanwhile), the list
is read again from its start. Belongs here: transport and paging. Does not: what is asked for (`rows.py`), exports
(`exports.py`).
"""

import datetime as dt
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, count
from typing import Any, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import SettingsConfigDict

from ingestion.downloads import Downloads
from ingestion.errors import SourceError
from ingestion.http import Api, HttpSettings, Json
from ingestion.pacing import RateLimit, concurrently
from ingestion.proxies import PROXY_RANGES, Proxies

WORKERS = 4
SET_ATTEMPTS = 4
HOUR = 3600.0
NOT_FOUND = 404
CHECK_WAIT_SECONDS = 5.0
# Brevo limits paths by family: each has a number of calls of its own, and a client that says what was refused.
Family = Literal["contacts", "messages", "others"]
FAMILIES: Mapping[Family, str] = {
    "contacts": "contacts",
    "messages": "events of transactional messages",
    "others": "campaigns and exports",
}


class BrevoSettings(HttpSettings):
    """SOURCES__BREVO__… ; the limits are those of the general tier, higher plans have twice and more."""

    model_config = SettingsConfigDict(env_prefix="SOURCES__BREVO__")

    api_key: SecretStr = Field(description="API key (v3).")
    base_url: str = Field("https://api.brevo.com/v3", description="Root of the API.")
    lookback_days: int = Field(30, ge=0, description="Campaigns sent in these days before the end are read again.")
    lookback_minutes: int = Field(60, ge=0, description="Overlap when reading changed contacts.")
    message_lookback_days: int = Field(
        3, ge=0, description="Days before a day pulled whose transactional events are read again."
    )
    contacts_per_second: PositiveInt = Field(10, description="Calls a second to /contacts.")
    messages_per_hour: PositiveInt = Field(300, description="Calls an hour to /smtp.")
    others_per_hour: PositiveInt = Field(100, description="Calls an hour to all other paths: campaigns, exports.")
    proxy_ranges: str = Field(PROXY_RANGES, description="Address ranges whose opens are a machine's, comma-separated.")
    export_email_column: str = Field("", description="Column of addresses in an export, where it is not found by name.")
    poll_seconds: PositiveFloat = Field(2.0, description="First wait for an export; doubles up to a minute.")
    export_patience_seconds: PositiveFloat = Field(1800.0, description="An export that takes longer fails the pull.")
    max_wait_seconds: PositiveFloat = Field(HOUR, description="Longest wait: a used-up hourly limit frees in an hour.")

    def for_check(self) -> Self:
        return super().for_check().model_copy(update={"max_wait_seconds": CHECK_WAIT_SECONDS})

    def proxies(self) -> Proxies:
        return Proxies(self.proxy_ranges, "SOURCES__BREVO__PROXY_RANGES")


def _anything(_row: Json) -> bool:
    return True


@dataclass(frozen=True)
class Listing:
    """One endpoint that pages by offset: path, member of the answer that holds the rows, largest page.

    same: what tells two rows apart. is_wanted: what a row must be like, so that another list's page is not taken for
    this one. is_counted: whether the answer's `count` is of these very rows.
    """

    path: str
    member: str
    most: int
    family: Family
    parameters: Mapping[str, Any] = field(default_factory=dict)
    same: Callable[[Json], object] = lambda row: row["id"]
    is_wanted: Callable[[Json], bool] = _anything
    is_counted: bool = False


class Brevo:
    """The API with its limits."""

    def __init__(self, settings: BrevoSettings) -> None:
        self.settings = settings
        self._apis = {
            family: Api(
                "brevo",
                settings.base_url,
                settings,
                headers={"api-key": settings.api_key.get_secret_value()},
                explain=partial(_explain, what),
                wait_header="x-sib-ratelimit-reset",
            )
            for family, what in FAMILIES.items()
        }
        self.error = self._apis["others"].error
        self.downloads = Downloads("brevo", settings)
        self._limits: Mapping[Family, RateLimit] = {
            "contacts": RateLimit(settings.contacts_per_second, 1.0),
            "messages": RateLimit(settings.messages_per_hour, HOUR),
            "others": RateLimit(settings.others_per_hour, HOUR),
        }

    def get(self, family: Family, path: str, params: Mapping[str, Any]) -> Json:
        return self._apis[family].get(path, params, limit=self._limits[family])

    def report(self, number: str) -> Json:
        """A campaign's own report."""
        return self._apis["others"].verified(
            lambda: self.get("others", f"/emailCampaigns/{number}", {"statistics": "globalStats"}),
            lambda answer: None if str(answer["id"]) == number else f"campaign {number} was answered as another one",
        )

    def contact_statistics(self, number: str, first: dt.date, last: dt.date) -> Json:
        """What a contact did with campaigns on these days, both included; nothing of one that Brevo no longer holds."""
        days = {"startDate": first.isoformat(), "endDate": last.isoformat()}
        try:
            return self.get("contacts", f"/contacts/{number}/campaignStats", days)
        except SourceError as error:
            if error.status == NOT_FOUND:
                return {}
            raise

    def post(self, path: str, body: Json) -> Json:
        return self._apis["others"].post(path, body, limit=self._limits["others"])

    def read(self, listing: Listing) -> list[Json]:
        """Every row of a list, oldest first."""
        for attempt in range(SET_ATTEMPTS):
            if attempt:
                time.sleep(self.settings.backoff_seconds * 2**attempt)
            rows = self._attempt(listing)
            if rows is not None:
                return rows
        raise self.error(
            f"{listing.path} answered pages that do not belong together, {SET_ATTEMPTS} times; nothing was loaded, run"
            " it again later",
            transient=True,
        )

    def _attempt(self, listing: Listing) -> list[Json] | None:
        """The rows, or None where the pages are not one list."""
        first = self._page(listing, 0)
        last = rows = list(first[listing.member])
        if not rows and not listing.is_counted:
            # Nothing says whether there is nothing: a second answer must agree.
            last = rows = list(self._page(listing, 0)[listing.member])
        with closing(self._further(listing, first)) as further:
            while len(last) == listing.most:
                last = next(further)[listing.member]
                if not last or listing.same(last[0]) != listing.same(rows[-1]):
                    return None
                rows = rows + last[1:]
        if listing.is_counted and len(rows) < first["count"]:
            return None
        return rows if all(map(listing.is_wanted, rows)) else None

    def _further(self, listing: Listing, first: Json) -> Generator[Json, None, None]:
        """The pages after the first, each from the last row of the one before; ahead as far as the count says."""
        step = listing.most - 1
        ahead = range(step, int(first.get("count") or 0) - 1, step)
        yield from chain(
            concurrently(lambda offset: self._page(listing, offset), ahead, WORKERS),
            (self._page(listing, offset) for offset in count(step * (len(ahead) + 1), step)),
        )

    def _page(self, listing: Listing, offset: int) -> Json:
        parameters = {**listing.parameters, "limit": listing.most, "offset": offset, "sort": "asc"}
        return self.get(listing.family, listing.path, parameters)


def _explain(what: str, status: int, body: Json | None) -> str | None:
    if status == 401:
        barred = " ip " in f" {(body or {}).get('message', '')} ".lower()
        also = ", or allow this machine's IP address in Brevo's security settings" if barred else ""
        return f"the key was refused (401): set SOURCES__BREVO__API_KEY to an active v3 key{also}"
    if status == 403:
        return (
            f"the account's plan or the key lacks access to {what} (403): open it in Brevo's settings, plan or API keys"
        )
    if status == 404:
        return "the path does not exist (404): check SOURCES__BREVO__BASE_URL, it ends in /v3"
    return None
