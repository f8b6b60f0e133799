"""Klaviyo's filter language: `and(equals(metric_id,"X"),less-than(datetime,2026-01-01T00:00:00Z))`.

Flow: `text → conditions`, checked against what an endpoint allows. Texts stand in quotes, times, numbers and booleans
do not. Belongs here: the grammar. Does not: which rows a condition keeps (`klaviyo`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

Type = Literal["text", "time", "number", "flag"]
RANGE = frozenset({"greater-or-equal", "greater-than", "less-or-equal", "less-than"})
STRICT_RANGE = frozenset({"greater-than", "less-than"})
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<mark>[(),\[\]])|(?P<word>[^\s"'(),\[\]]+))\s*"""
)
_TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?")


class FilterError(ValueError):
    """A filter Klaviyo would refuse, with the reason."""


@dataclass(frozen=True)
class Field:
    """What an endpoint lets one field be asked for."""

    operators: frozenset[str]
    type: Type = "text"
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Condition:
    """One comparison; times are unix seconds."""

    operator: str
    field: str
    value: Any

    def keeps(self, values: Any) -> Any:
        """Which of these values (an array, or one) satisfy a comparison of size."""
        return {
            "greater-or-equal": lambda: values >= self.value,
            "greater-than": lambda: values > self.value,
            "less-or-equal": lambda: values <= self.value,
            "less-than": lambda: values < self.value,
        }[self.operator]()


def conditions(text: str | None, allowed: Mapping[str, Field]) -> list[Condition]:
    """Every condition of a filter; all of them must hold."""
    if not text:
        return []
    parser = _Parser(text)
    found = parser.several()
    if parser.rest():
        raise FilterError("it goes on after its end")
    return [_checked(operator, field, value, allowed) for operator, field, value in found]


def _checked(operator: str, field: str, value: Any, allowed: Mapping[str, Field]) -> Condition:
    known = allowed.get(field)
    if known is None:
        raise FilterError(f"'{field}' is not a filterable field")
    if operator not in known.operators:
        raise FilterError(f"'{operator}' is not an allowed operator for '{field}'")
    if isinstance(value, list) != (operator == "any"):
        raise FilterError(f"'{operator}' takes {'a list' if operator == 'any' else 'one value'}")
    values = [_typed(each, field, known) for each in (value if isinstance(value, list) else [value])]
    return Condition(operator, field, values if isinstance(value, list) else values[0])


def _typed(token: tuple[bool, str], field: str, known: Field) -> Any:
    quoted, text = token
    if quoted != (known.type == "text"):
        raise FilterError(f"the value of '{field}' {'needs quotes' if known.type == 'text' else 'takes no quotes'}")
    if known.type == "text":
        if known.options and text not in known.options:
            raise FilterError(f"'{text}' is not one of {', '.join(known.options)}")
        return text
    if known.type == "flag":
        if text not in {"true", "false"}:
            raise FilterError(f"'{field}' is true or false")
        return text == "true"
    if known.type == "number":
        if not re.fullmatch(r"-?\d+(\.\d+)?", text):
            raise FilterError(f"'{field}' is a number")
        return float(text)
    if not _TIME.fullmatch(text):
        raise FilterError(f"'{field}' is a time in ISO 8601")
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        place = 0
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None or match.end() == place:
                raise FilterError("a quote is not closed")
            kind = str(match.lastgroup)
            self._tokens.append((kind, match[kind]))
            place = match.end()
        self._tokens.reverse()

    def rest(self) -> bool:
        return bool(self._tokens)

    def several(self) -> list[tuple[str, str, Any]]:
        found = self._one()
        while self._follows(","):
            found += self._one()
        return found

    def _one(self) -> list[tuple[str, str, Any]]:
        operator = self._word()
        self._take("(")
        if operator == "and":
            found = self.several()
        else:
            field = self._word()
            self._take(",")
            found = [(operator, field, self._value())]
        self._take(")")
        return found

    def _value(self) -> Any:
        if not self._follows("["):
            return self._literal()
        values = [self._literal()]
        while self._follows(","):
            values.append(self._literal())
        self._take("]")
        return values

    def _literal(self) -> tuple[bool, str]:
        kind, text = self._tokens.pop() if self._tokens else ("", "")
        if kind == "text":
            return True, re.sub(r"\\(.)", r"\1", text[1:-1])
        if kind == "word":
            return False, text
        raise FilterError("a value is missing")

    def _word(self) -> str:
        kind, text = self._tokens.pop() if self._tokens else ("", "")
        if kind != "word":
            raise FilterError("an operator or a field is missing")
        return text

    def _follows(self, mark: str) -> bool:
        if self._tokens and self._tokens[-1] == ("mark", mark):
            self._tokens.pop()
            return True
        return False

    def _take(self, mark: str) -> None:
        if not self._follows(mark):
            raise FilterError(f"'{mark}' is missing")
