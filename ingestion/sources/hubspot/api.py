"""Requests to HubSpot: list, search, batch reads, owners, pipelines, properties; each answer is checked before it
is believed.

Facts relied on: a search answers at most 10,000 rows per query however it is paged, so pages are asked for by id
(`hs_object_id` greater than the last) and each starts a query of its own; that also holds where 100,000 rows share
one timestamp, and rows that change meanwhile cannot shift the pages. Every key of a search body is required. A list
has no total.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from pydantic import Field, PositiveInt, SecretStr
from pydantic_settings import SettingsConfigDict

from ingestion.http import Api, HttpSettings, Json
from ingestion.pacing import RateLimit
from ingestion.privacy import without_addresses
from ingestion.sources.hubspot import checks

LIST_PAGE = 100
SEARCH_PAGE = 200
HISTORY_BATCH = 50
LINKS_BATCH = 1000
# HubSpot's windows: most calls are counted over ten seconds, searches over one.
CALLS_WINDOW_SECONDS = 10.0
SEARCH_WINDOW_SECONDS = 1.0


class HubspotSettings(HttpSettings):
    """SOURCES__HUBSPOT__… ; a property setting of `none` leaves its column null."""

    model_config = SettingsConfigDict(env_prefix="SOURCES__HUBSPOT__")

    access_token: SecretStr = Field(description="Token of a private app with read scopes.")
    base_url: str = Field("https://api.hubapi.com", description="Root of the API.")
    api_version: str = Field("2026-09", description="Dated version in the paths; HubSpot supports each for 18 months.")
    lookback_minutes: int = Field(15, ge=0, description="Overlap of searches: HubSpot's index lags behind its writes.")
    calls_per_ten_seconds: PositiveInt = Field(100, description="Burst limit until HubSpot announces the plan's own.")
    searches_per_second: PositiveInt = Field(5, description="Limit of the search endpoints.")
    ga_client_id_property: str = Field("ga_client_id", description="Contact property holding the GA4 client id.")
    user_key_property: str = Field("user_key", description="Contact property holding the login id.")
    is_test_property: str = Field("is_test", description="Contact property marking test contacts.")
    lost_reason_property: str = Field("closed_lost_reason", description="Deal property holding the lost reason.")
    mrr_property: str = Field("hs_mrr", description="Deal property holding monthly recurring revenue.")
    partner_property: str = Field("none", description="Deal property naming the partner.")
    imported_id_property: str = Field("none", description="Deal property holding its id in the CRM it was copied from.")
    mql_date_property: str = Field(
        "hs_lifecyclestage_marketingqualifiedlead_date", description="Contact property holding the MQL date."
    )
    lead_source_property: str = Field("hs_analytics_source", description="Contact property: where it came from.")
    segment_property: str = Field("none", description="Company property holding its segment.")


class HubSpot:
    """The calls Kpilote makes, each returning checked records."""

    def __init__(self, settings: HubspotSettings) -> None:
        self.api = Api(
            "hubspot",
            settings.base_url,
            settings,
            headers={"Authorization": f"Bearer {settings.access_token.get_secret_value()}"},
            explain=_explain,
            is_final=lambda _status, body: (body or {}).get("policyName") == "DAILY",
            learn=self._learn,
        )
        self._version = settings.api_version
        self._calls = RateLimit(settings.calls_per_ten_seconds, CALLS_WINDOW_SECONDS)
        self._searches = RateLimit(settings.searches_per_second, SEARCH_WINDOW_SECONDS)

    def _learn(self, headers: Mapping[str, str]) -> None:
        """HubSpot announces the plan's burst limit with every answer but a search's."""
        limit = headers.get("X-HubSpot-RateLimit-Max", "")
        window = headers.get("X-HubSpot-RateLimit-Interval-Milliseconds", "")
        if limit.isdigit() and window == str(int(CALLS_WINDOW_SECONDS * 1000)):
            self._calls.allow(int(limit))

    def check_properties(self, object_type: str, needed: Sequence[str], configurable: Mapping[str, str]) -> None:
        """Fail with the names of the properties the portal lacks, or hides from this token."""
        answer = self.api.verified(
            lambda: self.api.get(f"/crm/properties/{self._version}/{object_type}", limit=self._calls),
            lambda answer: None if answer["results"] else f"{object_type} have no properties",
        )
        missing = sorted(set(needed) - {each.get("name") for each in answer["results"]})
        if missing:
            settings = [f"SOURCES__HUBSPOT__{configurable[name]}" for name in missing if name in configurable]
            mend = f", or set {', '.join(settings)} to another one or to none" if settings else ""
            raise self.api.error(f"{object_type} have no property {', '.join(missing)}: create it in HubSpot{mend}")

    def newest(self, object_type: str, updated: str) -> tuple[int, str | None]:
        """How many live records there are, and the newest change among them."""
        answer = self._search(object_type, [updated], [], [f"-{updated}"], 1)
        results = answer["results"]
        return answer["total"], results[0]["properties"].get(updated) if results else None

    def searched(
        self, object_type: str, properties: Sequence[str], updated: str, since: dt.datetime
    ) -> Iterator[list[Json]]:
        """Pages of live records changed at or after `since`, by ascending id."""
        changed = {"propertyName": updated, "operator": "GTE", "value": str(max(0, int(since.timestamp() * 1000)))}
        # A record whose id was lost counts as 0 and is let in: the gate raw is to see it.
        last, more = -1, True
        while more:
            filters = [changed, {"propertyName": "hs_object_id", "operator": "GT", "value": str(last)}]
            page = self.api.verified(
                partial(self._search, object_type, properties, filters, ["hs_object_id"], SEARCH_PAGE),
                partial(checks.search_fault, object_type, updated, last),
            )
            results = page["results"]
            if results:
                yield results
            last = max((checks.number(record) for record in results), default=last)
            more = page["total"] > len(results)

    def _search(
        self, object_type: str, properties: Sequence[str], filters: list[Json], sorts: list[str], limit: int
    ) -> Json:
        body = {
            "filterGroups": [{"filters": filters}] if filters else [],
            "sorts": sorts,
            "properties": list(properties),
            "limit": limit,
            "after": "0",
        }
        return self.api.post(f"/crm/objects/{self._version}/{object_type}/search", body, limit=self._searches)

    def listed(
        self, object_type: str, properties: Sequence[str], updated: str, *, archived: bool
    ) -> Iterator[list[Json]]:
        """Pages of all live records, or of those in the recycle bin."""
        parameters = {"limit": LIST_PAGE, "archived": str(archived).lower(), "properties": list(properties)}
        path = f"/crm/objects/{self._version}/{object_type}"
        return self._pages(path, parameters, lambda record: checks.is_of(record, updated, archived))

    def owners(self, *, archived: bool) -> Iterator[list[Json]]:
        parameters = {"limit": LIST_PAGE, "archived": str(archived).lower()}
        return self._pages(f"/crm/owners/{self._version}", parameters, lambda owner: owner["archived"] is archived)

    def pipelines(self, object_type: str) -> list[Json]:
        answer = self.api.verified(
            lambda: self.api.get(f"/crm/pipelines/{self._version}/{object_type}", limit=self._calls),
            lambda answer: None if answer["results"] else f"{object_type} have no pipeline",
        )
        pipelines: list[Json] = answer["results"]
        return pipelines

    def _pages(
        self, path: str, parameters: Mapping[str, object], is_wanted: Callable[[Json], bool]
    ) -> Iterator[list[Json]]:
        after, before = "", frozenset[str]()
        while True:
            query = {**parameters, "after": after} if after else parameters
            page = self.api.verified(
                partial(self._listed, path, query),
                partial(checks.list_fault, path, is_wanted, after, before),
            )
            results: list[Json] = page["results"]
            if results:
                yield results
            after, before = checks.next_after(page), checks.record_ids(results)
            if not after:
                return

    def _listed(self, path: str, query: Mapping[str, object]) -> Json:
        """A page of a list; one that says there is nothing is asked for twice, since a list has no total to doubt
        it by.
        """
        answer = self.api.get(path, query, limit=self._calls)
        if not answer.get("results") and not checks.next_after(answer):
            answer = self.api.get(path, query, limit=self._calls)
        return answer

    def histories(self, object_type: str, ids: Sequence[str], properties: Sequence[str]) -> list[Json]:
        """The records with every value the properties had; records deleted meanwhile are left out."""
        body = {
            "inputs": [{"id": each} for each in ids],
            "properties": [],
            "propertiesWithHistory": list(properties),
        }
        answer = self.api.verified(
            lambda: self.api.post(f"/crm/objects/{self._version}/{object_type}/batch/read", body, limit=self._calls),
            lambda answer: checks.batch_fault(object_type, answer, ids),
        )
        results: list[Json] = answer["results"]
        return results

    def links(self, from_type: str, to_type: str, ids: Sequence[str]) -> dict[str, list[str]]:
        """Ids each record is linked to, all of them; a record without links has an empty list."""
        found: dict[str, list[str]] = {each: [] for each in ids}
        asked: list[Json] = [{"id": each} for each in ids]
        confirmed = False
        while asked:
            answer = self._links(from_type, to_type, asked)
            more, unanswered = [], {each["id"] for each in asked}
            for result in answer["results"]:
                from_id = result["from"]["id"]
                found[from_id].extend(str(each["toObjectId"]) for each in result["to"])
                unanswered.discard(from_id)
                if after := checks.next_after(result):
                    more.append({"id": from_id, "after": after})
            # HubSpot says nothing of a record without links: one more question tells it from an answer cut short.
            ask_again = [] if confirmed or answer.get("numErrors", 0) >= len(unanswered) else sorted(unanswered)
            confirmed = True
            asked = more + [{"id": each} for each in ask_again]
        return {from_id: list(dict.fromkeys(to_ids)) for from_id, to_ids in found.items()}

    def _links(self, from_type: str, to_type: str, asked: list[Json]) -> Json:
        known = {each["id"] for each in asked}
        return self.api.verified(
            lambda: self.api.post(
                f"/crm/associations/{self._version}/{from_type}/{to_type}/batch/read",
                {"inputs": asked},
                limit=self._calls,
            ),
            lambda answer: (
                None
                if {each["from"]["id"] for each in answer["results"]} <= known
                else f"the {from_type} to {to_type} associations answered other records than asked for"
            ),
        )


def _explain(status: int, body: Json | None) -> str | None:
    said = without_addresses(str((body or {}).get("message", "")))[:200]
    if status == 401:
        return f"the token was refused (401): set SOURCES__HUBSPOT__ACCESS_TOKEN to a private app's token; {said}"
    if status == 403:
        contexts = [error.get("context", {}) for error in (body or {}).get("errors", [])]
        scopes = {scope for context in contexts for names in context.values() for scope in names}
        lacking = f"the scope {', '.join(sorted(scopes))}" if scopes else "a scope"
        return f"the token lacks {lacking} (403): add it to the private app in HubSpot's settings; {said}"
    if status == 404:
        return f"the path does not exist (404): check SOURCES__HUBSPOT__BASE_URL and …__API_VERSION; {said}"
    if status == 429 and (body or {}).get("policyName") == "DAILY":
        return "the daily limit of calls is used up (429): run it again after midnight of the portal's time zone"
    return None
