"""Pipedrive's persons and organizations, and what its lists have in common.

Flow: `Snapshot → Listing → pages` as plain dicts. Belongs here: what Pipedrive holds of people and companies and how it
spells it. Does not: deals (`pipedrive_deals`), activities (`pipedrive_activities`), the rest (`pipedrive_account`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from sandbox.apis import pipedrive_fields as schema
from sandbox.apis.answers import Json, instants, iso, texts
from sandbox.apis.hubspot_records import id_numbers
from sandbox.apis.merges import survivors

Instants = np.ndarray[Any, np.dtype[np.datetime64]]
Render = Callable[[int], Json]
VISIBLE_TO_ALL = 3


class Listing:
    """Records of one list: their ids and times, and how a row is written."""

    def __init__(self, ids: Sequence[str | None], added: Instants, updated: Instants, render: Render) -> None:
        self.ids = list(ids)
        self.numbers = id_numbers(self.ids)
        self.added, self.updated = added.astype("M8[s]"), updated.astype("M8[s]")
        self.render = render
        self.rows = {each: row for row, each in enumerate(self.ids)}

    def key(self, name: str) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Whole numbers to sort by."""
        return (
            self.numbers
            if name == "id"
            else {"add_time": self.added, "update_time": self.updated}[name].astype(np.int64)
        )

    def part(self, rows: np.ndarray[Any, Any]) -> Listing:
        """Some of the records, as a list of their own."""
        positions = rows.tolist()
        ids = [self.ids[position] for position in positions]
        return Listing(ids, self.added[rows], self.updated[rows], lambda row: self.render(positions[row]))


class People:
    """Persons and organizations of one Pipedrive account at one moment."""

    def __init__(self, snapshot: Any) -> None:
        self.snapshot = snapshot

    @cached_property
    def persons(self) -> Listing:
        frame = _live(self.snapshot.contacts)
        emails = self._emails()
        columns = {name: texts(frame[name]) for name in ("contact_id", "first_name", "last_name", "phone")}
        owners, organizations = numbers(frame["owner_id"]), self.organizations_of(frame["company_id"])
        custom = custom_values("persons", frame)
        added, updated = instants(frame["created_at"], "s"), instants(frame["updated_at"], "s")
        times = iso(added, "Z"), iso(updated, "Z")

        def render(row: int) -> Json:
            id_, phone = columns["contact_id"][row], columns["phone"][row]
            first, last = columns["first_name"][row], columns["last_name"][row]
            return {
                "id": number(id_),
                "name": f"{first} {last}", "first_name": first, "last_name": last,
                "owner_id": owners[row], "org_id": organizations[row],
                "add_time": times[0][row], "update_time": times[1][row],
                "emails": [
                    {"value": address, "primary": not place, "label": "work"}
                    for place, address in enumerate(emails.get(id_, ()))
                ],
                "phones": [{"value": phone, "primary": True, "label": "work"}] if phone else [],
                "is_deleted": False, "visible_to": VISIBLE_TO_ALL, "label_ids": [], "picture_id": None,
                "custom_fields": {key: values[row] for key, values in custom.items()},
            }  # fmt: skip

        return Listing(columns["contact_id"], added, updated, render)

    def _emails(self) -> dict[str | None, list[str]]:
        """Addresses of each person; a merge leaves the survivor those of both, its own first."""
        frame, into = self.snapshot.contacts, survivors(self.snapshot.contacts, "contact_id")
        found: dict[str | None, list[str]] = {}
        pairs = list(zip(texts(frame["contact_id"]), texts(frame["email"]), strict=True))
        for id_, address in [pair for pair in pairs if pair[0] not in into] + [
            pair for pair in pairs if pair[0] in into
        ]:
            if address:
                found.setdefault(into.get(str(id_), id_), []).append(address)
        return found

    @cached_property
    def organizations(self) -> Listing:
        frame = _live(self.snapshot.companies)
        ids, names, domains, countries, industries = (
            texts(frame[name]) for name in ("company_id", "name", "domain", "country", "industry")
        )
        employees, custom = numbers(frame["employees"]), custom_values("organizations", frame)
        added, updated = instants(frame["created_at"], "s"), instants(frame["updated_at"], "s")
        times = iso(added, "Z"), iso(updated, "Z")

        def render(row: int) -> Json:
            country, industry = countries[row], industries[row]
            return {
                "id": number(ids[row]), "name": names[row], "owner_id": None,
                "add_time": times[0][row], "update_time": times[1][row],
                "address": {"value": country, "country": country} if country else None,
                "is_deleted": False, "visible_to": VISIBLE_TO_ALL, "label_ids": [],
                "website": f"https://www.{domains[row]}/" if domains[row] else None, "linkedin": None,
                "industry": schema.INDUSTRY_IDS.get(industry or ""),
                "annual_revenue": None, "employee_count": employees[row],
                "custom_fields": {key: values[row] for key, values in custom.items()},
            }  # fmt: skip

        return Listing(ids, added, updated, render)

    def organizations_of(self, values: pd.Series) -> list[int | None]:
        """The organization each record is linked to: the survivor of a merge, none where it is gone."""
        return _linked(values, survivors(self.snapshot.companies, "company_id"), self.organizations.ids)

    def persons_of(self, values: pd.Series) -> list[int | None]:
        return _linked(values, survivors(self.snapshot.contacts, "contact_id"), self.persons.ids)


def _live(frame: pd.DataFrame) -> pd.DataFrame:
    """What the lists show: neither deleted nor merged into another record."""
    return frame[frame["archived_at"].isna() & frame["merged_into"].isna()].reset_index(drop=True)


def _linked(values: pd.Series, into: dict[str, str], served: Sequence[str | None]) -> list[int | None]:
    there = {each for each in served if each}
    ids = [into.get(str(value), value) for value in texts(values)]
    return [int(each) if each in there and each is not None else None for each in ids]


def custom_values(name: str, frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Values of the company's own fields, by key: instants as ISO texts, options as their numbers."""
    found: dict[str, list[Any]] = {}
    for each in schema.CUSTOM[name]:
        values = frame[each.column]
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            found[each.key] = list(iso(instants(values), "Z"))
        elif each.options == schema.YES_NO:
            found[each.key] = [each.option_ids["Yes" if value else "No"] for value in values]
        elif each.options:
            found[each.key] = [each.option_ids.get(value or "") for value in texts(values)]
        elif each.type == "double":
            found[each.key] = [
                None if missing else float(value) for value, missing in zip(values, values.isna(), strict=True)
            ]
        else:
            found[each.key] = list(texts(values))
    return found


def number(id_: str | None) -> int | None:
    return None if id_ is None else int(id_)


def numbers(values: pd.Series) -> list[int | None]:
    return [None if text is None else int(float(text)) for text in texts(values)]


def plain(moment: str | None) -> str | None:
    """API v1 writes UTC without saying so."""
    return None if moment is None else moment.replace("T", " ")
