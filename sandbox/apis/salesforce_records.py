"""Salesforce's side of the company at one moment: every object as columns, and what a query finds in them.

Flow: `Snapshot → Org.records(object) → rows`. Belongs here: which rows a query finds and in which order, and the
locators of answers that came in pages. Does not: values (`salesforce_people` and the files beside it), the language
(`salesforce_soql`), HTTP (`salesforce`).
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sandbox.apis import salesforce_activities as activities
from sandbox.apis import salesforce_campaigns as campaigns
from sandbox.apis import salesforce_companies as companies
from sandbox.apis import salesforce_people as people
from sandbox.apis import salesforce_sales as sales
from sandbox.apis import salesforce_schema as schema
from sandbox.apis.answers import Json
from sandbox.apis.salesforce_soql import Query
from sandbox.apis.salesforce_values import Columns

# Answers kept for those who ask for their next page.
LOCATORS = 100


class Records:
    """All records of one object; a field nobody filled is empty."""

    def __init__(self, kind: schema.ObjectType, columns: Columns) -> None:
        self.kind, self._columns = kind, columns
        self.count = len(columns["Id"])

    def column(self, name: str) -> Sequence[Any]:
        return self._columns[name] if name in self._columns else [None] * self.count

    def found(self, query: Query, *, everything: bool) -> list[int]:
        """Rows that match; deleted and archived ones only where everything is asked for."""
        rows = list(range(self.count))
        if not everything:
            for name in ("IsDeleted", "IsArchived"):
                if name in self.kind.fields:
                    flags = self.column(name)
                    rows = [row for row in rows if not flags[row]]
        for condition in query.conditions:
            values = self.column(condition.field)
            rows = [row for row in rows if condition.holds(values[row])]
        for name, descending in reversed(query.order):
            values = self.column(name)
            # Without a direction nulls come first.
            rows.sort(key=lambda row: (values[row] is not None, values[row]), reverse=descending)
        return rows[: query.limit]

    def render(self, rows: Sequence[int], names: Sequence[str], version: str) -> list[Json]:
        columns = [(name, self.column(name)) for name in names]
        ids, object_name = self.column("Id"), self.kind.name
        root = f"/services/data/{version}/sobjects/{object_name}"
        return [
            {
                "attributes": {"type": object_name, "url": f"{root}/{ids[row]}"},
                **{name: values[row] for name, values in columns},
            }
            for row in rows
        ]


@dataclass(frozen=True)
class Found:
    """What a query found, for its pages to come."""

    records: Records
    query: Query
    rows: list[int]
    page: int


class Org:
    """One Salesforce org at one moment."""

    def __init__(self, snapshot: Any) -> None:
        self._snapshot = snapshot
        self._objects: dict[str, Records] = {}
        self._answers: OrderedDict[str, Found] = OrderedDict()
        self._number = itertools.count(1)
        # Bulk query jobs by id.
        self.jobs: dict[str, Any] = {}

    def records(self, name: str) -> Records:
        if name not in self._objects:
            self._objects[name] = Records(schema.OBJECTS[name], self._makers[name]())
        return self._objects[name]

    @cached_property
    def _people(self) -> people.People:
        return people.People(self._snapshot)

    @cached_property
    def _companies(self) -> companies.Companies:
        return companies.Companies(self._snapshot)

    @property
    def _makers(self) -> dict[str, Callable[[], Columns]]:
        snapshot, persons, firms = self._snapshot, self._people, self._companies
        return {
            "Lead": lambda: people.leads(persons, firms),
            "Contact": lambda: people.contacts(persons, firms),
            "Account": lambda: companies.accounts(firms),
            "Opportunity": lambda: sales.opportunities(snapshot, firms),
            "OpportunityHistory": lambda: sales.history(snapshot),
            "OpportunityContactRole": lambda: sales.roles(snapshot, persons),
            "OpportunityStage": lambda: sales.stages(snapshot),
            "User": lambda: sales.users(snapshot),
            "Campaign": lambda: campaigns.campaigns(snapshot),
            "CampaignMember": lambda: campaigns.members(snapshot, persons),
            "Contract": lambda: companies.contracts(snapshot, firms),
            "Task": lambda: activities.tasks(snapshot, persons, firms),
            "Event": lambda: activities.events(snapshot, persons, firms),
        }

    def keep(self, found: Found) -> str:
        """A locator under which the answer's other pages can be had."""
        locator = f"01gKp000{next(self._number):010d}"
        self._answers[locator] = found
        while len(self._answers) > LOCATORS:
            self._answers.popitem(last=False)
        return locator

    def kept(self, locator: str) -> Found | None:
        return self._answers.get(locator)
