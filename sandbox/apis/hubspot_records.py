"""HubSpot's side of the company: objects as columns of property strings, history, links, owners, pipelines.

Flow: `Snapshot → Portal` (built once per snapshot) `→ pages` as plain dicts. Belongs here: what HubSpot holds and how
it spells it. Does not: paths, parameters and refusals (`hubspot`), filters and sorting (`hubspot_search`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from sandbox.apis import hubspot_schema as schema
from sandbox.apis.answers import Json, instants, iso, texts
from sandbox.apis.merges import survivors

Ints = np.ndarray[Any, np.dtype[np.int64]]
NO_ID = 2**62
NO_INSTANT = np.iinfo(np.int64).min


def plain_numbers(values: pd.Series) -> list[str | None]:
    """Numbers as HubSpot writes them: no trailing zeros, no exponent."""
    numbers = pd.to_numeric(values).to_numpy(dtype=float, na_value=np.nan)
    return [None if np.isnan(number) else np.format_float_positional(number, trim="-") for number in numbers]


def id_numbers(ids: Sequence[str | None]) -> Ints:
    """Ids as numbers; one that is missing (`corrupt`) comes last."""
    return np.array([int(each) if each else NO_ID for each in ids], dtype=np.int64)


class Records:
    """All records of one object type that HubSpot still serves, ordered by id. Rows are positions in that order."""

    def __init__(self, kind: schema.ObjectType, frame: pd.DataFrame, properties: dict[str, pd.Series]) -> None:
        self.kind = kind
        numbers = id_numbers(texts(frame[kind.id_column]))
        order = np.argsort(numbers, kind="stable")
        self.numbers = numbers[order]
        self.ids = _reorder(texts(frame[kind.id_column]), order)
        archived_at = instants(frame["archived_at"]) if "archived_at" in frame else np.full(len(frame), "NaT", "M8[ms]")
        self.archived_at = _reorder(iso(archived_at, "Z"), order)
        self.archived = ~np.isnat(archived_at)[order]
        self.columns: dict[str, list[str | None]] = {"hs_object_id": self.ids}
        self.keys: dict[str, np.ndarray[Any, Any]] = {"hs_object_id": self.numbers}
        for name, values in properties.items():
            self._add(name, values, order)
        self.created = self.columns[kind.created]
        self.updated = self.columns[kind.updated]
        self.rows = {each: row for row, each in enumerate(self.ids)}

    def _add(self, name: str, values: pd.Series, order: Ints) -> None:
        kind = schema.property_type(name)
        if kind == "datetime":
            moments = instants(values)[order]
            self.columns[name] = iso(moments, "Z")
            self.keys[name] = moments.astype(np.int64)
        elif kind == "number":
            self.columns[name] = _reorder(plain_numbers(values), order)
            self.keys[name] = pd.to_numeric(values).to_numpy(dtype=float, na_value=np.nan)[order]
        elif kind == "bool":
            self.columns[name] = _reorder(["true" if value else "false" for value in values], order)
        else:
            self.columns[name] = _reorder(texts(values), order)

    def key(self, name: str) -> np.ndarray[Any, Any]:
        """Comparable values of a property: numbers, epoch milliseconds, or lower-case text ("" where empty)."""
        if name not in self.keys:
            self.keys[name] = np.array([(value or "").lower() for value in self.columns[name]], dtype=object)
        return self.keys[name]

    def present(self, name: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
        key = self.key(name)
        if key.dtype == np.int64:
            return np.asarray(key != NO_INSTANT)
        return np.asarray(~np.isnan(key) if key.dtype == float else key != "")

    @cached_property
    def live(self) -> Ints:
        return np.flatnonzero(~self.archived)

    @cached_property
    def bin(self) -> Ints:
        """Rows in the recycle bin."""
        return np.flatnonzero(self.archived)

    def names(self, asked: Iterable[str]) -> list[str]:
        """Properties to answer with: those asked for that exist (HubSpot skips the others) plus the ones always sent;
        the type's defaults when nothing was asked for.
        """
        wanted = [*asked] or [*self.kind.defaults]
        always = (self.kind.created, self.kind.updated, "hs_object_id")
        return sorted({name for name in (*wanted, *always) if name in self.columns})

    def render(self, row: int, names: Sequence[str]) -> Json:
        columns = self.columns
        answer: Json = {
            "id": self.ids[row],
            "properties": {name: columns[name][row] for name in names},
            "createdAt": self.created[row],
            "updatedAt": self.updated[row],
            "archived": bool(self.archived[row]),
        }
        if self.archived[row]:
            answer["archivedAt"] = self.archived_at[row]
        return answer


def _reorder(values: list[str | None], order: Ints) -> list[str | None]:
    return [values[position] for position in order.tolist()]


class Portal:
    """One HubSpot account at one moment."""

    def __init__(self, snapshot: Any) -> None:
        self._snapshot = snapshot
        self._objects: dict[str, Records] = {}
        self._links: dict[tuple[str, str], dict[str, list[str]]] = {}

    def records(self, name: str) -> Records:
        if name not in self._objects:
            kind = schema.OBJECTS[name]
            frame = getattr(self._snapshot, kind.frame)
            merged: dict[str, str] = {}
            if "merged_into" in frame:
                survivors = self.survivors(name)
                for loser, survivor in survivors.items():
                    merged[survivor] = f"{merged[survivor]};{loser}" if survivor in merged else loser
                frame = frame[frame["merged_into"].isna()]
            properties = {ours: frame[theirs] for ours, theirs in kind.properties.items() if theirs in frame}
            if "hs_merged_object_ids" in schema.PROPERTIES[name]:
                properties["hs_merged_object_ids"] = frame[kind.id_column].map(merged)
            self._objects[name] = Records(kind, frame, properties)
        return self._objects[name]

    def survivors(self, name: str) -> dict[str, str]:
        """Merged-away id → id of the record that finally survived."""
        kind = schema.OBJECTS[name]
        return survivors(getattr(self._snapshot, kind.frame), kind.id_column)

    @cached_property
    def _history(self) -> dict[tuple[str, str, str], list[Json]]:
        frame = self._snapshot.property_history
        ordered = frame.sort_values("changed_at", ascending=False, kind="stable")
        history: dict[tuple[str, str, str], list[Json]] = {}
        plural = {kind.singular: kind.name for kind in schema.OBJECTS.values()}
        rows = zip(
            texts(ordered["object_type"]), texts(ordered["object_id"]), texts(ordered["property"]),
            texts(ordered["value"]), iso(instants(ordered["changed_at"]), "Z"), strict=True,
        )  # fmt: skip
        for kind, each, name, value, moment in rows:
            entry = {"value": value or "", "timestamp": moment, "sourceType": "CRM_UI"}
            history.setdefault((plural[str(kind)], str(each), str(name)), []).append(entry)
        return history

    def history(self, name: str, row: int, property_name: str) -> list[Json]:
        """Values of a property, newest first. What was never changed has the value it was created with."""
        records = self.records(name)
        changes = self._history.get((name, str(records.ids[row]), property_name))
        if changes is not None:
            return changes
        value = records.columns[property_name][row]
        created = {"value": value, "timestamp": records.created[row], "sourceType": "INTEGRATION"}
        return [] if value is None else [created]

    def links(self, from_name: str, to_name: str) -> dict[str, list[str]]:
        """Ids linked to each record, in HubSpot's order. Archived records have no links; merged ones pass theirs on."""
        pair = (from_name, to_name)
        if pair not in self._links:
            if pair in schema.LINKS:
                source = schema.LINKS[pair]
                frame = getattr(self._snapshot, source.frame)
                if source.order in frame:
                    frame = frame.sort_values([source.from_column, source.order], kind="stable")
                pairs = zip(texts(frame[source.from_column]), texts(frame[source.to_column]), strict=True)
                self._links[pair] = self._live_links(pair, pairs)
            else:
                reverse: dict[str, list[str]] = {}
                forward = self.links(to_name, from_name) if (to_name, from_name) in schema.LINKS else {}
                for one, many in forward.items():
                    for other in many:
                        reverse.setdefault(other, []).append(one)
                self._links[pair] = reverse
        return self._links[pair]

    def _live_links(
        self, pair: tuple[str, str], pairs: Iterable[tuple[str | None, str | None]]
    ) -> dict[str, list[str]]:
        survivors = [self.survivors(name) for name in pair]
        served = [{self.records(name).ids[row] for row in self.records(name).live.tolist()} for name in pair]
        links: dict[str, dict[str, None]] = {}
        for one, other in pairs:
            ends = [into.get(str(end), end) for into, end in zip(survivors, (one, other), strict=True)]
            if ends[0] in served[0] and ends[1] in served[1]:
                links.setdefault(str(ends[0]), {})[str(ends[1])] = None
        return {one: list(others) for one, others in links.items()}

    @cached_property
    def owners(self) -> list[Json]:
        frame = self._snapshot.owners.sort_values("owner_id", key=lambda ids: ids.astype("int64"), kind="stable")
        teams = {team: str(100 + number) for number, team in enumerate(sorted(set(texts(frame["team"])), key=str))}
        created, updated = (iso(instants(frame[name]), "Z") for name in ("created_at", "updated_at"))
        answers = []
        for row, owner in enumerate(frame.to_dict("records")):
            user = int(owner["user_id"])
            answer: Json = {
                "id": str(owner["owner_id"]), "email": owner["email"], "type": "PERSON",
                "firstName": owner["first_name"], "lastName": owner["last_name"],
                "userIdIncludingInactive": user, "createdAt": created[row], "updatedAt": updated[row],
                "archived": bool(owner["archived"]),
                "teams": [{"id": teams[owner["team"]], "name": owner["team"], "primary": True}],
            }  # fmt: skip
            answers.append(answer if owner["archived"] else {**answer, "userId": user})
        return answers
