"""The part of SOQL this sandbox speaks: SELECT fields or count() FROM object WHERE field op literal [AND …]
ORDER BY field [ASC|DESC][, …] LIMIT n.

Flow: `text → Query`, or a SoqlError with Salesforce's own code. Belongs here: the language and its types. Does not:
what a query finds (`salesforce_records`).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sandbox.apis import salesforce_schema as schema

LENGTH = 100_000
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<moment>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d))|(?P<day>\d{4}-\d\d-\d\d)"
    r"|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_][\w.]*)|(?P<sign><=|>=|!=|<>|[=<>(),]))"
)
_NUMBERS = ("int", "double", "currency", "percent")
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


class SoqlError(Exception):
    """A query Salesforce would refuse."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Condition:
    """A comparison; the value is spelt as the records spell it, so that instants and days compare as texts."""

    field: str
    sign: str
    value: Any

    def holds(self, found: Any) -> bool:
        if self.sign == "!=":
            return bool(found != self.value)
        if found is None or self.value is None:
            return self.sign == "=" and found is self.value
        if isinstance(found, str) and isinstance(self.value, str) and self.sign == "=":
            return found.lower() == self.value.lower()
        return _OPERATORS[self.sign](found, self.value)


@dataclass(frozen=True)
class Query:
    """A query that was understood. fields: None counts."""

    kind: schema.ObjectType
    fields: tuple[str, ...] | None
    conditions: tuple[Condition, ...]
    order: tuple[tuple[str, bool], ...]
    limit: int | None


def parse(text: str, hidden: frozenset[str]) -> Query:
    """The query of a text, as far as the user may see what it asks for."""
    if len(text) > LENGTH:
        raise SoqlError("QUERY_TOO_COMPLICATED", "SOQL statements cannot be longer than 100000 characters.")
    return _Parser(text, hidden).query()


class _Parser:
    def __init__(self, text: str, hidden: frozenset[str]) -> None:
        self._text, self._hidden = text, hidden
        self._tokens = self._tokenized()
        self._place = 0

    def _tokenized(self) -> list[tuple[str, str]]:
        tokens, place, text = [], 0, self._text.rstrip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{text[place:].split()[0][:40]}'")
            kind = str(match.lastgroup)
            tokens.append((kind, match.group(kind)))
            place = match.end()
        return tokens

    def query(self) -> Query:
        self._word("select")
        fields = self._fields()
        self._word("from")
        kind = self._object()
        known = schema.fields_of(kind, self._hidden)
        conditions = self._conditions(kind, known) if self._takes("where") else ()
        order = self._order(kind, known) if self._takes("order") else ()
        limit = self._limit() if self._takes("limit") else None
        if self._place < len(self._tokens):
            raise self._unexpected()
        if fields is None:
            return Query(kind, None, conditions, (), limit)
        names = tuple(self._named(each, kind, known) for each in fields)
        doubled = next((name for place, name in enumerate(names) if name in names[:place]), None)
        if doubled is not None:
            raise SoqlError("INVALID_FIELD", f"duplicate field selected: {doubled}")
        return Query(kind, names, conditions, order, limit)

    def _fields(self) -> list[str] | None:
        first = self._any("word")
        if first.lower() == "count" and self._sees("("):
            self._sign("(")
            self._sign(")")
            return None
        fields = [first]
        while self._sees(","):
            self._sign(",")
            fields.append(self._any("word"))
        return fields

    def _object(self) -> schema.ObjectType:
        name = self._any("word")
        kind = schema.object_named(name, self._hidden)
        if kind is None:
            raise SoqlError(
                "INVALID_TYPE",
                f"sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to"
                " append the '__c' after the entity name. Please reference your WSDL or the describe call for the"
                " appropriate names.",
            )
        return kind

    def _named(self, name: str, kind: schema.ObjectType, known: dict[str, str]) -> str:
        for each in known:
            if each.lower() == name.lower():
                return each
        raise SoqlError(
            "INVALID_FIELD",
            f"No such column '{name}' on entity '{kind.name}'. If you are attempting to use a custom field, be sure to"
            " append the '__c' after the custom field name. Please reference your WSDL or the describe call for the"
            " appropriate names.",
        )

    def _conditions(self, kind: schema.ObjectType, known: dict[str, str]) -> tuple[Condition, ...]:
        found = []
        while True:
            name = self._named(self._any("word"), kind, known)
            sign = self._any("sign").replace("<>", "!=")
            if sign not in (*_OPERATORS, "!="):
                raise self._unexpected(back=1)
            if known[name] == schema.COMPOUND:
                raise SoqlError("INVALID_FIELD", f"field '{name}' can not be filtered in a query call")
            found.append(Condition(name, sign, self._value(name, known[name])))
            if not self._takes("and"):
                return tuple(found)

    def _value(self, name: str, type_: str) -> Any:
        kind, text = self._next()
        if kind == "word" and text.lower() == "null":
            return None
        if type_ == "datetime" and kind == "moment":
            return _moment(text)
        if type_ == "date" and kind == "day":
            return date.fromisoformat(text).isoformat()
        if type_ in _NUMBERS and kind == "number":
            return float(text)
        if type_ == "boolean" and kind == "word" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if type_ not in ("datetime", "date", "boolean", *_NUMBERS) and kind == "text":
            return re.sub(r"\\(.)", r"\1", text[1:-1])
        wanted = {"datetime": "dateTime"}.get(type_, type_ if type_ in (*_NUMBERS, "date", "boolean") else "string")
        quotes = "should be enclosed in quotes" if wanted == "string" else "should not be enclosed in quotes"
        raise SoqlError(
            "INVALID_FIELD", f"value of filter criterion for field '{name}' must be of type {wanted} and {quotes}"
        )

    def _order(self, kind: schema.ObjectType, known: dict[str, str]) -> tuple[tuple[str, bool], ...]:
        self._word("by")
        rules = []
        while True:
            name = self._named(self._any("word"), kind, known)
            descending = self._takes("desc")
            if not descending:
                self._takes("asc")
            rules.append((name, descending))
            if not self._sees(","):
                return tuple(rules)
            self._sign(",")

    def _limit(self) -> int:
        kind, text = self._next()
        if kind != "number" or not text.isdecimal():
            raise self._unexpected(back=1)
        return int(text)

    def _next(self) -> tuple[str, str]:
        if self._place >= len(self._tokens):
            raise SoqlError("MALFORMED_QUERY", "unexpected token: '<EOF>'")
        self._place += 1
        return self._tokens[self._place - 1]

    def _any(self, kind: str) -> str:
        found, text = self._next()
        if found != kind:
            raise self._unexpected(back=1)
        return text

    def _word(self, word: str) -> None:
        if self._any("word").lower() != word:
            raise self._unexpected(back=1)

    def _sign(self, sign: str) -> None:
        if self._any("sign") != sign:
            raise self._unexpected(back=1)

    def _sees(self, sign: str) -> bool:
        return self._place < len(self._tokens) and self._tokens[self._place] == ("sign", sign)

    def _takes(self, word: str) -> bool:
        """Steps over the word if it comes next."""
        here = self._tokens[self._place] if self._place < len(self._tokens) else ("", "")
        taken = here[0] == "word" and here[1].lower() == word
        self._place += taken
        return taken

    def _unexpected(self, back: int = 0) -> SoqlError:
        return SoqlError("MALFORMED_QUERY", f"unexpected token: '{self._tokens[self._place - back][1]}'")


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{text}'") from None
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"
