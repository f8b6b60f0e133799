"""What two vendors write into their OpenAPI files besides OpenAPI: Klaviyo's filters, Mailchimp's names of members.

Klaviyo: `x-klaviyo-filters` of an operation names the members a `filter` may compare, with which operators and types of
values. Mailchimp: `fields` names members of the answer, those of members by dots; one it does not know it leaves out
without a word, so that a column would stay empty for ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from sandbox.middleware import Logged
from tests.requests.schemas import BRANCHES, Json, typed

if TYPE_CHECKING:
    from tests.requests.openapi import Operation

FILTERS = "x-klaviyo-filters"
SELECTIONS = ("fields", "exclude_fields")
BY_DOTS = "dot notation"
# `operator(member)` or `operator(member,value)`: a value is quoted, a list, or bare (numbers, instants, true, false).
_CONDITION = re.compile(r"""([\w-]+)\(([\w.]+)(?:,("[^"]*"|'[^']*'|\[[^\]]*\]|[^()'",]+))?\)""")


def faults(operation: Operation, request: Logged) -> Iterator[str]:
    """What those parts of the file say against a request."""
    said = parse_qs(request.query)
    if FILTERS in operation.declared:
        for text in said.get("filter", ()):
            yield from (f"query parameter filter: {each}" for each in _filter_faults(operation, text))
    for parameter in operation.parameters:
        if parameter["name"] in SELECTIONS and BY_DOTS in parameter.get("description", ""):
            for name in ",".join(said.get(parameter["name"], ())).split(","):
                if name and not _has(operation, operation.answer_schema(), name.split(".")):
                    yield f"query parameter {parameter['name']}: answers have no {name}"


def _filter_faults(operation: Operation, text: str) -> Iterator[str]:
    """Of one condition, or several joined by `and(…)`."""
    joined = re.fullmatch(r"and\((.*)\)", text, re.DOTALL)
    rest = joined[1] if joined else text
    while True:
        condition = _CONDITION.match(rest)
        if condition is None:
            yield f"{rest!r} is no condition"
            return
        yield from _condition_faults(operation, *condition.groups())
        rest = rest[condition.end() :]
        if not rest:
            return
        if not joined or not rest.startswith(","):
            yield f"{rest!r} follows a condition"
            return
        rest = rest.removeprefix(",")


def _condition_faults(operation: Operation, operator: str, name: str, value: str | None) -> Iterator[str]:
    allowed = operation.declared[FILTERS]
    if name not in allowed:
        yield f"{name} cannot be compared, only {', '.join(allowed)}"
        return
    form = "none" if value is None else "list" if value.startswith("[") else "single"
    operators = allowed[name]["operators"].get(form, [])
    if operator not in operators:
        yield f"{name} has no {operator} with {form} value, only {', '.join(operators) or 'with others'}"
    if value is None or form == "list":
        return
    schema, bare = allowed[name]["value"], value.strip("\"'")
    is_text = schema["type"] == "string" and "format" not in schema
    if is_text is (bare == value):
        yield f"{value} of {name} is {'to be' if is_text else 'not to be'} quoted"
    yield from (f"{name}: {each}" for each in operation.document.schemas.faults(schema, typed(schema, bare)))


def _has(operation: Operation, schema: Json, path: list[str]) -> bool:
    """Whether what a schema describes, or each item of it where it is a list, has a member of that name."""
    schema = operation.document.resolved(schema)
    if not path:
        return True
    if "items" in schema:
        return _has(operation, schema["items"], path)
    if path[0] in schema.get("properties", {}):
        return _has(operation, schema["properties"][path[0]], path[1:])
    return any(_has(operation, each, path) for name in BRANCHES for each in schema.get(name, ()))
