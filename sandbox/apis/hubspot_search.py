"""HubSpot's search: filter groups and one sorting rule, over the columns of one object type.

Flow: `request body → Query (validated) → rows`. Belongs here: what HubSpot's search accepts and finds. Does not: HTTP,
nor the shape of a refusal: a ValueError's text becomes the message of a 400.
"""

from __future__ import annotations

import operator as operators
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson

from sandbox.apis import hubspot_schema as schema
from sandbox.apis.answers import Json
from sandbox.apis.hubspot_records import Ints, Records

Mask = np.ndarray[Any, np.dtype[np.bool_]]
REQUIRED = ("after", "filterGroups", "limit", "properties", "sorts")
PAGE = 200
CAP = 10_000
GROUPS = 6
FILTERS_PER_GROUP = 6
FILTERS = 18
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "EQ": operators.eq, "NEQ": operators.ne, "GT": operators.gt, "GTE": operators.ge, "LT": operators.lt,
    "LTE": operators.le,
}  # fmt: skip
_REMEMBERED = 32


@dataclass(frozen=True)
class Query:
    """A validated search: `plan` holds what decides the rows and their order."""

    after: int
    limit: int
    properties: tuple[str, ...]
    groups: list[list[Json]]
    sort: str | None
    descending: bool

    @property
    def plan(self) -> bytes:
        return orjson.dumps([self.groups, self.sort, self.descending])


def parse(body: Json) -> Query:
    """The query of a request body; ValueError says what HubSpot would refuse."""
    missing = [name for name in REQUIRED if name not in body]
    if missing:
        raise ValueError(f"Some required fields were not set: [{', '.join(missing)}]")
    unknown = sorted(set(body) - {*REQUIRED, "query"})
    if unknown:
        raise ValueError(f"Invalid input JSON: unknown fields [{', '.join(unknown)}]")
    if body.get("query"):
        raise ValueError("`query` is not served by this sandbox: use filterGroups")
    limit, after = body["limit"], body["after"]
    if type(limit) is not int or not 1 <= limit <= PAGE:
        raise ValueError(f"limit must be an integer from 1 to {PAGE}")
    if not isinstance(after, str) or not after.isdecimal():
        raise ValueError("after must be a string holding an integer")
    if int(after) + limit > CAP:
        raise ValueError(f"There was a problem with the request: paging beyond {CAP} results is not possible")
    properties = body["properties"]
    if not isinstance(properties, list) or not all(isinstance(name, str) for name in properties):
        raise ValueError("properties must be a list of property names")
    sort, descending = _sort(body["sorts"])
    return Query(int(after), limit, tuple(properties), _groups(body["filterGroups"]), sort, descending)


def _sort(sorts: Any) -> tuple[str | None, bool]:
    """The one rule: a property name ("-" before it sorts descending), or the documentation's object."""
    if not isinstance(sorts, list) or len(sorts) > 1:
        raise ValueError("sorts must be a list: only one sorting rule can be applied to any search")
    if not sorts:
        return None, False
    rule = sorts[0]
    if isinstance(rule, dict) and isinstance(rule.get("propertyName"), str):
        if rule.get("direction", "ASCENDING") not in ("ASCENDING", "DESCENDING"):
            raise ValueError("direction must be ASCENDING or DESCENDING")
        return rule["propertyName"], rule.get("direction") == "DESCENDING"
    if not isinstance(rule, str) or rule.startswith("{"):
        raise ValueError("a sorting rule is a property name, or an object with propertyName and direction")
    return rule.removeprefix("-"), rule.startswith("-")


def _groups(groups: Any) -> list[list[Json]]:
    if not isinstance(groups, list) or not all(
        isinstance(group, dict) and set(group) == {"filters"} and isinstance(group["filters"], list) for group in groups
    ):
        raise ValueError("filterGroups must be a list of objects with a list of filters")
    filters = [group["filters"] for group in groups]
    if len(filters) > GROUPS:
        raise ValueError(f"Too many filterGroups: {len(filters)} of at most {GROUPS}")
    if sum(map(len, filters)) > FILTERS or any(len(group) > FILTERS_PER_GROUP for group in filters):
        raise ValueError(f"Too many filters: at most {FILTERS_PER_GROUP} in a group and {FILTERS} in all")
    for each in (each for group in filters for each in group):
        if not isinstance(each, dict) or not isinstance(each.get("propertyName"), str) or "operator" not in each:
            raise ValueError("a filter needs propertyName and operator")
        if set(each) - {"propertyName", "operator", "value", "highValue", "values"}:
            raise ValueError("a filter holds propertyName, operator, value, highValue and values only")
    return filters


class Search:
    """Searches over one type's records; remembers the rows of recent queries, so that paging costs nothing."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._found: OrderedDict[bytes, Ints] = OrderedDict()

    def rows(self, query: Query) -> Ints:
        """Rows of live records that match, in order."""
        plan = query.plan
        if plan not in self._found:
            self._found[plan] = self._sorted(self._matching(query.groups), query)
            if len(self._found) > _REMEMBERED:
                self._found.popitem(last=False)
        self._found.move_to_end(plan)
        return self._found[plan]

    def _matching(self, groups: list[list[Json]]) -> Ints:
        if not groups:
            return self._records.live
        found = np.zeros(len(self._records.ids), dtype=bool)
        for group in groups:
            matches = ~self._records.archived
            for each in group:
                matches &= self._matches(each)
            found |= matches
        return np.flatnonzero(found)

    def _sorted(self, rows: Ints, query: Query) -> Ints:
        """Ties fall in no order a client may count on: here newest id first."""
        name = query.sort or self._records.kind.created
        self._check(name)
        keys = self._records.key(name)[rows]
        codes = np.unique(keys, return_inverse=True)[1] if keys.dtype == object else keys
        return rows[np.lexsort((-self._records.numbers[rows], -codes if query.descending else codes))]

    def _check(self, name: str) -> None:
        if name not in self._records.columns:
            raise ValueError(f"There was a problem with the request: property {name} does not exist")

    def _matches(self, each: Json) -> Mask:
        name, operator = each["propertyName"], each["operator"]
        self._check(name)
        if operator == "HAS_PROPERTY":
            return self._records.present(name)
        if operator == "NOT_HAS_PROPERTY":
            return ~self._records.present(name)
        if operator in ("IN", "NOT_IN"):
            values = each.get("values")
            if not isinstance(values, list) or not values:
                raise ValueError(f"operator {operator} requires values")
            key = self._records.key(name)
            inside = np.isin(key, np.array([self._value(name, value) for value in values], dtype=key.dtype))
            return np.asarray((inside if operator == "IN" else ~inside) & self._records.present(name))
        if operator == "BETWEEN":
            low, high = self._value(name, each.get("value")), self._value(name, each.get("highValue"))
            return self._compare(name, "GTE", low) & self._compare(name, "LTE", high)
        if operator not in _COMPARISONS:
            raise ValueError(f"operator {operator} is not served by this sandbox")
        return self._compare(name, operator, self._value(name, each.get("value")))

    def _compare(self, name: str, operator: str, value: Any) -> Mask:
        matches = _COMPARISONS[operator](self._records.key(name), value)
        return np.asarray(matches.astype(bool) & self._records.present(name))

    def _value(self, name: str, value: Any) -> Any:
        """A filter value (always a string) as the property compares: epoch milliseconds, number or lower-case text."""
        if not isinstance(value, str) or not value:
            raise ValueError(f"the filter on {name} needs a value, as a string")
        kind = schema.property_type(name)
        try:
            if kind == "datetime":
                return int(value) if value.removeprefix("-").isdecimal() else _milliseconds(value)
            if name == "hs_object_id":
                return int(value)
            return float(value) if kind == "number" else value.lower()
        except ValueError:
            raise ValueError(f"{value!r} is not a valid {kind} for {name}") from None


def _milliseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
