"""Requests to Salesforce: what may be seen, counts, queries with their pages; each answer is checked before it is
believed.

Facts relied on: queryAll also tells what lies in the recycle bin and activities archived after a year; a query's pages
are one answer, kept under a locator while records change; a refused session is renewed once; every answer says how many
of the day's calls the whole org has used. Bulk query jobs are in `bulk.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from ingestion.http import Api, Json
from ingestion.pacing import concurrently
from ingestion.sources.salesforce import checks
from ingestion.sources.salesforce.objects import ObjectType
from ingestion.sources.salesforce.session import Session
from ingestion.sources.salesforce.settings import SalesforceSettings

WORKERS = 4


class Field(NamedTuple):
    """What a description says of a field: Salesforce's type, and whether it is a formula."""

    type: str
    is_formula: bool


Schema = Mapping[str, Field]


class Salesforce:
    """The calls Kpilote makes, each returning checked records."""

    def __init__(self, settings: SalesforceSettings, types: Sequence[ObjectType]) -> None:
        self.root = f"/services/data/v{settings.api_version}"
        self._session = Session(settings)
        self._share, self._used, self._allowed = settings.quota_share, 0, 0
        named = {field: setting for kind in types for field, setting in kind.settings.items()}
        self.api = Api(
            "salesforce",
            settings.base_url,
            settings,
            headers={"Sforce-Query-Options": f"batchSize={settings.page_size}"},
            explain=partial(checks.explain, named),
            learn=self._learn,
            listed_as="errors",
            authorize=self._authorize,
            is_expired=lambda status, _body: status == 401,
        )

    def _learn(self, headers: Mapping[str, str]) -> None:
        used, _, allowed = headers.get("Sforce-Limit-Info", "").partition("api-usage=")[2].partition("/")
        if used.isdecimal() and allowed.isdecimal():
            self._used, self._allowed = int(used), int(allowed)

    def _authorize(self, refused: Mapping[str, str] | None) -> Mapping[str, str]:
        """The session's headers, as long as the org can spare a call."""
        if self._allowed and self._used >= self._share * self._allowed:
            raise self.api.error(
                f"{self._used} of the org's {self._allowed} calls of 24 hours are used, and other applications need the"
                f" rest: nothing was loaded, run it again later, or raise SOURCES__SALESFORCE__QUOTA_SHARE"
                f" ({self._share:g})"
            )
        return self._session.headers(refused)

    def usage(self) -> str:
        return f"{self._used} of {self._allowed} calls of 24 hours used"

    def schemas(self, types: Sequence[ObjectType]) -> dict[str, Schema]:
        """The fields of each object that the app's user may see; fails with what is missing, and the mend."""
        answer = self.api.verified(
            lambda: self.api.get(f"{self.root}/sobjects"),
            lambda answer: None if answer["sobjects"] else "the org has no objects",
        )
        seen = {each["name"] for each in answer["sobjects"]}
        hidden = [kind.name for kind in types if kind.name not in seen]
        if hidden:
            raise self.api.error(checks.no_object(", ".join(hidden)))
        found = concurrently(lambda kind: self._schema(kind.name), types, WORKERS)
        schemas = {kind.name: schema for kind, schema in zip(types, found, strict=True)}
        for kind in types:
            for field in kind.within(schemas[kind.name]).fields:
                if field not in schemas[kind.name]:
                    raise self.api.error(checks.no_field(kind.name, field, kind.settings.get(field)))
        return schemas

    def _schema(self, name: str) -> Schema:
        answer = self.api.verified(
            lambda: self.api.get(f"{self.root}/sobjects/{name}/describe"),
            lambda answer: (
                None if answer["name"] == name and answer["fields"] else f"{name} was described as something else"
            ),
        )
        return {each["name"]: Field(each["type"], each["calculated"] is True) for each in answer["fields"]}

    def count(self, kind: ObjectType, where: str) -> int:
        """How many records there are, those of the recycle bin included."""
        answer = self.api.verified(
            lambda: self._asked(kind, f"SELECT count() FROM {kind.name}{where}"),  # noqa: S608 - names of the schema
            partial(checks.count_fault, kind.name),
        )
        total: int = answer["totalSize"]
        return total

    def newest(self, kind: ObjectType) -> str | None:
        """The newest change of any record."""
        changed = kind.changed
        query = f"SELECT Id, {changed} FROM {kind.name} ORDER BY {changed} DESC LIMIT 1"  # noqa: S608 - see above
        answer = self.api.verified(
            lambda: self._asked(kind, query), partial(checks.page_fault, kind.name, ("Id", changed), 0, ())
        )
        newest: list[str] = [record[changed] for record in answer["records"]]
        return newest[0] if newest else None

    def pages(self, kind: ObjectType, fields: Sequence[str], where: str) -> Iterator[list[Json]]:
        """Pages of records in the order of their changes."""
        query = f"SELECT {', '.join(fields)} FROM {kind.name}{where} ORDER BY {kind.changed}, Id"  # noqa: S608
        received, before, following = 0, set[str](), ""
        while True:
            page = self.api.verified(
                partial(self.api.get, following) if following else partial(self._asked, kind, query),
                partial(checks.page_fault, kind.name, fields, received, before),
            )
            records: list[Json] = page["records"]
            if records:
                yield records
            if page["done"]:
                return
            received, before, following = received + len(records), checks.ids_of(records), page["nextRecordsUrl"]

    def _asked(self, kind: ObjectType, query: str) -> Json:
        """An answer to a query; queryAll where there is a recycle bin."""
        return self.api.get(f"{self.root}/{'queryAll' if kind.deletes else 'query'}", {"q": query})
