"""Requests to Mailchimp: settings, and whole listings read page by page and checked before they are believed.

Pages are offsets into a set that may move, so what was received is counted against the total, no page may repeat
others, and a set that does not settle is read again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from ingestion.errors import SettingsError
from ingestion.http import Api, HttpSettings, Json
from ingestion.pacing import concurrently
from ingestion.proxies import PROXY_RANGES, Proxies

PAGE = 1000
# Mailchimp refuses more than ten connections per key; other tools share them.
WORKERS = 4
SET_ATTEMPTS = 3


class MailchimpSettings(HttpSettings):
    """SOURCES__MAILCHIMP__… ."""

    model_config = SettingsConfigDict(env_prefix="SOURCES__MAILCHIMP__")

    api_key: SecretStr = Field(description="API key; it ends in the data centre, e.g. -us1.")
    base_url: str = Field("", description="Root of the API; by default the data centre of the key.")
    lookback_days: int = Field(30, ge=0, description="Campaigns sent in these days before the end are read again.")
    lookback_minutes: int = Field(60, ge=0, description="Overlap when reading changed members.")
    proxy_ranges: str = Field(PROXY_RANGES, description="Address ranges whose opens are a machine's, comma-separated.")

    def proxies(self) -> Proxies:
        return Proxies(self.proxy_ranges, "SOURCES__MAILCHIMP__PROXY_RANGES")

    def root(self) -> str:
        """Root of the API, from the setting or the key's data centre."""
        _, dash, centre = self.api_key.get_secret_value().rpartition("-")
        if self.base_url:
            return self.base_url
        if not dash or not centre.isalnum():
            raise SettingsError("SOURCES__MAILCHIMP__API_KEY does not end in its data centre (…-us1)")
        return f"https://{centre}.api.mailchimp.com/3.0"


@dataclass(frozen=True)
class Listing:
    """One endpoint that pages by offset: its path, the member of the answer that holds the rows, and the fields
    wanted.
    """

    path: str
    member: str
    key: str
    fields: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...] = ()
    # What the answer and each of its rows must say, so that another listing's page is not taken for this one.
    owner: tuple[str, str] | None = None
    row_says: tuple[str, str] | None = None


def mailchimp(settings: MailchimpSettings) -> Api:
    return Api(
        "mailchimp",
        settings.root(),
        settings,
        auth=("kpilote", settings.api_key.get_secret_value()),
        explain=_explain,
        # Overload shows as a 403 without a body; a real refusal has one.
        retry_refusal=lambda status, body: status == 403 and body is None,
    )


def read(api: Api, listing: Listing) -> list[Json]:
    return read_all(api, [listing])[0]


def read_all(api: Api, listings: Sequence[Listing]) -> list[list[Json]]:
    """Every row of each listing: first pages first, then the rest of them; a set that moved meanwhile is read again."""
    pages: list[list[Json]] = [[page] for page in concurrently(lambda each: _page(api, each, 0), listings, WORKERS)]
    totals = [first["total_items"] for (first,) in pages]
    # One after the other: a total that is far too high ends with the first page that is not there.
    rest = ((index, offset) for index, total in enumerate(totals) for offset in range(PAGE, total, PAGE))
    for index, page in concurrently(lambda task: (task[0], _page(api, listings[task[0]], task[1])), rest, WORKERS):
        pages[index].append(page)
    return [_settled(api, listing, found) for listing, found in zip(listings, pages, strict=True)]


def _settled(api: Api, listing: Listing, pages: list[Json]) -> list[Json]:
    for _ in range(SET_ATTEMPTS):
        problem = _fault(listing, pages)
        if problem is None:
            return [row for page in pages for row in page[listing.member]]
        first = _page(api, listing, 0)
        pages = [first, *(_page(api, listing, offset) for offset in range(PAGE, first["total_items"], PAGE))]
    raise api.error(f"{listing.path} {problem}, {SET_ATTEMPTS} times; nothing was loaded, run it again later")


def _page(api: Api, listing: Listing, offset: int) -> Json:
    names = [f"{listing.member}.{name}" for name in listing.fields]
    names += ["total_items", *([listing.owner[0]] if listing.owner else [])]
    parameters = {"count": str(PAGE), "offset": str(offset), "fields": ",".join(names), **dict(listing.parameters)}
    return api.verified(partial(api.get, listing.path, parameters), partial(_page_fault, listing, offset))


def _page_fault(listing: Listing, offset: int, page: Json) -> str | None:
    rows = page[listing.member]
    if not rows and offset < page["total_items"]:
        return f"{listing.path} answered an empty page though {page['total_items']} rows exist"
    foreign = listing.owner is not None and page[listing.owner[0]] != listing.owner[1]
    if foreign or (listing.row_says and any(row[listing.row_says[0]] != listing.row_says[1] for row in rows)):
        return f"{listing.path} answered other rows than asked for"
    return None


def _fault(listing: Listing, pages: Sequence[Json]) -> str | None:
    """Whether the pages are one set: as many rows as the last total says, and no page a repetition of others."""
    received = sum(len(page[listing.member]) for page in pages)
    if received != pages[-1]["total_items"]:
        return f"answered {received} of {pages[-1]['total_items']} rows"
    seen: set[str] = set()
    for page in pages if len(pages) > 1 else ():
        ids = {row.get(listing.key) for row in page[listing.member]} - {None, ""}
        if ids and ids <= seen:
            return "repeated a page"
        seen |= ids
    return None


def _explain(status: int, body: Json | None) -> str | None:
    if status == 401:
        return "the key was refused (401): set SOURCES__MAILCHIMP__API_KEY to an active one, with its -us… ending"
    if status == 403:
        return "the key lacks access (403): make one under an account user with the role Viewer or higher"
    if status == 404:
        return "the path does not exist (404): check SOURCES__MAILCHIMP__BASE_URL and the key's data centre"
    return None
