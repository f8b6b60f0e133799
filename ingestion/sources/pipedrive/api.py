"""Requests to Pipedrive: lists, changelogs, participants, fields; each answer is checked before it is believed.

Facts relied on: API v2 lists by a cursor, at most 500 records, `updated_since` (at or after, no fractions of a second)
in order of `update_time`; v1 serves what v2 does not (leads, users, teams, changelogs, participants), by offsets. Every
request costs tokens of a budget that all users of the company share and that is renewed at midnight of Pipedrive's
server; requests of one token are limited in any two seconds besides. Whoever goes on after a 429 is shut out with a 403
that is no JSON.
"""

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from ingestion.cursor import moment
from ingestion.http import PAGE_ATTEMPTS, Api, Json
from ingestion.pacing import RateLimit, batches
from ingestion.privacy import without_addresses
from ingestion.sources.pipedrive import checks
from ingestion.sources.pipedrive.settings import PipedriveSettings

V1, V2 = "/v1", "/api/v2"
PAGE = 500
IDS_PAGE = 100
# Pipedrive counts any two seconds; requests arrive closer together than they leave.
BURST_SECONDS = 2.4
# Tokens per request, as Pipedrive's reference gives them; none that is made here costs more than the dearest.
LIST_TOKENS, ARCHIVED_TOKENS = 10, 20
DEAREST_TOKENS = 40
REMAINING = "x-daily-ratelimit-token-remaining"
BURST_LIMIT = "x-ratelimit-limit"
# What a token must be allowed to read, by the permission of an OAuth app. Who may read deals or leads may read those
# archived too, and of a deal its participants.
SCOPES = {
    "persons": "contacts:read", "organizations": "contacts:read", "deals": "deals:read", "stages": "deals:read",
    "pipelines": "deals:read", "activities": "activities:read", "leads": "leads:read", "users": "users:read",
    "legacyTeams": "users:read", "changelog": "recents:read", "personFields": "contacts:read",
    "organizationFields": "contacts:read", "dealFields": "deals:read",
}  # fmt: skip


class Pipedrive:
    """The calls Kpilote makes, each returning checked records."""

    def __init__(self, settings: PipedriveSettings) -> None:
        self._settings = settings
        self._burst = RateLimit(settings.requests_per_two_seconds, BURST_SECONDS)
        self._apis: dict[str, Api] = {}
        # Tokens left of the day, as the newest answer told; None where it did not.
        self.tokens_left: int | None = None
        # Which deal and page first got an answer, by what it said.
        self._answered: dict[int, tuple[str, str]] = {}
        self._lock = threading.Lock()

    def api(self, what: str = "deals") -> Api:
        """The client for one kind of record: a refusal names what the token may not read."""
        with self._lock:
            if what not in self._apis:
                self._apis[what] = Api(
                    "pipedrive",
                    self._settings.base_url,
                    self._settings,
                    headers={"x-api-token": self._settings.api_token.get_secret_value()},
                    explain=partial(self._explain, what),
                    is_final=lambda _status, _body: self.is_spent,
                    learn=self._learn,
                )
            return self._apis[what]

    @property
    def is_spent(self) -> bool:
        """Whether a 429 means that the day's tokens are gone: no request may be left for what is."""
        return self.tokens_left is not None and self.tokens_left < DEAREST_TOKENS

    def _learn(self, headers: Mapping[str, str]) -> None:
        limit, left = headers.get(BURST_LIMIT, ""), headers.get(REMAINING, "")
        if limit.isdigit():
            self._burst.allow(int(limit))
        if left.isdigit():
            self.tokens_left = int(left)

    def _get(self, what: str, path: str, parameters: Mapping[str, object] | None = None) -> Json:
        return self.api(what).get(path, parameters, limit=self._burst)

    def listed(
        self, path: str, parameters: Mapping[str, object], is_wanted: Callable[[Json], bool] = lambda _: True
    ) -> Iterator[list[Json]]:
        """Pages of a list of API v2."""
        what = path.partition("/")[0]
        cursor, before = "", frozenset[str]()
        while True:
            query = {**parameters, "limit": str(PAGE), **({"cursor": cursor} if cursor else {})}
            page = self.api(what).verified(
                partial(self._twice, what, f"{V2}/{path}", query),
                partial(checks.list_fault, path, is_wanted, cursor, before, PAGE),
            )
            rows = checks.rows_of(page)
            if rows:
                yield rows
            cursor, before = checks.next_cursor(page), frozenset(checks.ids_of(page))
            if not cursor:
                return

    def _twice(self, what: str, path: str, query: Mapping[str, object]) -> Json:
        """A page; one that is empty, or full, and says nothing follows is asked for twice: no list has a total to doubt
        it by.
        """
        page = self._get(what, path, query)
        more = checks.next_cursor(page) or checks.has_more(page)
        return page if more or 0 < len(checks.rows_of(page)) < PAGE else self._get(what, path, query)

    def changed(
        self,
        path: str,
        since: dt.datetime | None,
        parameters: Mapping[str, object],
        is_wanted: Callable[[Json], bool] = lambda _: True,
    ) -> Iterator[list[Json]]:
        """Pages of records changed at or after a moment, or of all; what changes meanwhile moves to their end."""
        query: dict[str, object] = {**parameters, "sort_by": "update_time", "sort_direction": "asc"}
        floor = None if since is None else since.replace(microsecond=0)
        if floor is not None:
            query["updated_since"] = f"{floor.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"

        def is_due(record: Json) -> bool:
            return is_wanted(record) and (floor is None or moment(record["update_time"]) >= floor)

        return self.listed(path, query, is_due)

    def standing(self, paths: Sequence[str], ids: Sequence[str], parameters: Mapping[str, object]) -> list[Json]:
        """Of these ids, the records that are still there."""
        found: list[Json] = []
        for batch in batches(ids, IDS_PAGE):
            asked = frozenset(batch)
            for path in paths:
                query = {**parameters, "ids": ",".join(batch)}
                for page in self.listed(path, query, lambda record, asked=asked: str(record["id"]) in asked):  # type: ignore[misc]
                    found += [record for record in page if not checks.is_set(record.get("is_deleted"))]
        return found

    def leads(self, since: dt.datetime | None, *, archived: bool) -> list[Json]:
        """Leads changed since, or all archived ones. Each page begins with the last of the page before: one that does
        not is of a set that moved, which is then read again.
        """
        path = "leads/archived" if archived else "leads"
        query: dict[str, object] = {"limit": str(PAGE), "sort": "add_time"}
        if since is not None:
            query["updated_since"] = f"{since.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
        for attempt in range(PAGE_ATTEMPTS):
            if attempt:
                time.sleep(self._settings.backoff_seconds)
            found = self._leads(path, query, archived)
            if found is not None:
                return found
        raise self.api("leads").error(f"{path} moved while it was read, {PAGE_ATTEMPTS} times", transient=True)

    def _leads(self, path: str, query: Mapping[str, object], archived: bool) -> list[Json] | None:
        found: list[Json] = []
        while True:
            start = str(max(0, len(found) - 1))
            page = self.api("leads").verified(
                partial(self._twice, "leads", f"{V1}/{path}", {**query, "start": start}),
                partial(checks.offset_fault, path, lambda lead: lead["is_archived"] is archived),
            )
            rows = checks.rows_of(page)
            if found and (not rows or rows[0]["id"] != found[-1]["id"]):
                return None
            found += rows[1:] if found else rows
            if not checks.has_more(page):
                return found
            if len(rows) <= 1:
                return None

    def changelog(self, deal: Json) -> list[Json]:
        """Every change of a deal, oldest first."""
        path, rows, cursor, doubted = f"deals/{deal['id']}/changelog", list[Json](), "", set[int]()
        while True:
            query = {"limit": str(PAGE), **({"cursor": cursor} if cursor else {})}
            page = self.api("changelog").verified(
                partial(self._twice, "changelog", f"{V1}/{path}", query),
                partial(self._changelog_fault, deal, cursor, doubted),
            )
            rows += checks.rows_of(page)
            cursor = checks.next_cursor(page)
            if not cursor:
                return rows[::-1]

    def _changelog_fault(self, deal: Json, cursor: str, doubted: set[int], page: Json) -> str | None:
        """Changes that do not lead to their deal are asked for again. Said twice they are believed, since Pipedrive may
        have its reasons, but not where another deal or page was answered with the very same.
        """
        rows = checks.rows_of(page)
        following = checks.next_cursor(page)
        if not all(row["field_key"] and isinstance(row["field_key"], str) for row in rows):
            return "a deal's changelog does not say what changed"
        if following and (following == cursor or not rows):
            return "a deal's changelog answered an empty page, or one again, though more follow"
        if not rows:
            return None
        said, asked = hash(repr(rows)), (str(deal["id"]), cursor)
        is_another = self._answered.setdefault(said, asked) != asked
        if (cursor and not is_another) or (not cursor and checks.leads_to(deal, rows)):
            return None
        is_new = said not in doubted
        doubted.add(said)
        return "a deal's changelog answered another one's" if is_another or is_new else None

    def participants(self, deal: Json) -> list[str]:
        """Persons of a deal in Pipedrive's order."""
        path, found, start = f"deals/{deal['id']}/participants", list[str](), 0
        while True:
            page = self.api("deals").verified(
                partial(self._twice, "deals", f"{V1}/{path}", {"start": str(start), "limit": str(PAGE)}),
                partial(checks.participants_fault, path, str(deal["id"]), found),
            )
            rows = checks.rows_of(page)
            found += checks.persons_of(rows)
            start += len(rows)
            if not checks.has_more(page):
                return list(dict.fromkeys(found))

    def first(self, path: str, what: str | None = None, root: str = V2) -> list[Json]:
        """One record of a list, if it has any: whether the token may read it."""
        return checks.rows_of(self._get(what or path, f"{root}/{path}", {"limit": "1"}))

    def whole(self, path: str) -> list[Json]:
        """A list of API v1 that has no pages."""
        return checks.rows_of(self._twice(path, f"{V1}/{path}", {}))

    def _explain(self, what: str, status: int, body: Json | None) -> str | None:
        said: Any = (body or {}).get("error") or (body or {}).get("message") or ""
        said = without_addresses(str(said))[:200]
        if status == 401:
            return f"the token was refused (401): set SOURCES__PIPEDRIVE__API_TOKEN to a user's API token; {said}"
        if status == 402:
            return "the company's account is not open (402): settle it in Pipedrive's billing"
        if status == 403 and body is None:
            return "Pipedrive shut the token out (403) for too many requests: wait, and let other integrations ask less"
        if status == 403:
            scope = SCOPES[what]
            return f"the token may not read {what} (403): its user or app lacks the permission {scope}; {said}"
        if status == 404:
            return f"the path does not exist (404): check SOURCES__PIPEDRIVE__BASE_URL; {said}"
        if status == 429 and self.is_spent:
            return (
                "the company's API tokens of the day are used up (429): run it again after midnight of Pipedrive's"
                " server, or buy a top-up (Company settings, API usage)"
            )
        return f"{what} refused the request ({status}): {said}" if status in {400, 410, 415, 422} else None
