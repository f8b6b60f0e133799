"""OpenAPI 3.0's schemas as JSON Schema, and what is wrong with a value by one of them.

Belongs here: values. Does not: where in a request they stand (`openapi.py`).
"""

import datetime as dt
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

Json = Any
REFERENCE = "#/components/schemas/"
URN = "urn:vendor"
PART = "part of "
# What says nothing of a value, or says it in another way than JSON Schema.
ANNOTATIONS = {"nullable", "example", "examples", "description", "default", "discriminator", "xml", "externalDocs"}
BRANCHES = ("allOf", "anyOf", "oneOf")
SHOWN = 160

_NUMBERS = {"integer": (re.compile(r"-?\d+"), int), "number": (re.compile(r"-?\d+(\.\d+)?"), float)}
_BOOLEANS = {"true": True, "false": False}
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


class Schemas:
    """The named schemas of one OpenAPI document.

    Objects may hold no member that their schema does not declare, even where the document leaves that open. requires:
    whether members that are required may not be missing.
    """

    def __init__(self, named: Mapping[str, Json], *, requires: bool = True) -> None:
        self._requires = requires
        whole = {name: self._converted(schema) for name, schema in named.items()}
        parts = {PART + name: self._converted(schema, part=True) for name, schema in named.items()}
        resource = Resource.from_contents({"$defs": whole | parts}, default_specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource(URN, resource)

    def faults(self, schema: Json, value: Json) -> list[str]:
        """What is wrong with a value, each with the place in it."""
        validator = Draft202012Validator(self._converted(schema), registry=self._registry, format_checker=FORMATS)
        errors = sorted(validator.iter_errors(value), key=lambda each: each.json_path)
        return [_said(error) for error in errors if not _follows(error, errors)]

    def _converted(self, schema: Json, *, part: bool = False) -> Json:
        """The schema as JSON Schema; `part` where others describe the same object with it, so that it may hold more."""
        if not isinstance(schema, dict):
            return schema
        found = {name: value for name, value in schema.items() if name not in ANNOTATIONS and name[:2] != "x-"}
        if "$ref" in found:
            name = found["$ref"].removeprefix(REFERENCE)
            found = {"$ref": f"{URN}#/$defs/{PART if part else ''}{name}"}
        # Nothing tells the objects of a vendor's `oneOf` apart: where all members are optional, one fits several.
        if "oneOf" in found:
            found["anyOf"] = found.pop("oneOf")
        branches = [name for name in ("allOf", "anyOf") if name in found]
        for name in branches:
            found[name] = [self._converted(each, part=True) for each in found[name]]
        if found.get("properties"):
            found["properties"] = {name: self._converted(each, part=part) for name, each in found["properties"].items()}
        if (found.get("properties") or branches) and "additionalProperties" not in found and not part:
            found["unevaluatedProperties"] = False
        for name in ("items", "additionalProperties"):
            if name in found:
                found[name] = self._converted(found[name])
        for limit in ("minimum", "maximum"):
            # In 3.0 a bound is exclusive by a word beside it.
            exclusive = f"exclusive{limit.title()}"
            if found.pop(exclusive, False):
                found[exclusive] = found.pop(limit)
        if not self._requires or not isinstance(found.get("required", []), list):
            # OpenAPI 2 said of a single member whether it is required; in 3.0 that says nothing.
            found.pop("required", None)
        return {"anyOf": [found, {"type": "null"}]} if schema.get("nullable") else found


def typed(schema: Json, text: str) -> Json:
    """A text by the type it stands for; the text itself where it is none of it, which the schema then says."""
    kind = schema.get("type")
    if kind == "boolean":
        return _BOOLEANS.get(text, text)
    if kind in _NUMBERS:
        form, convert = _NUMBERS[kind]
        return convert(text) if form.fullmatch(text) else text
    return text


def _follows(error: ValidationError, errors: Sequence[ValidationError]) -> bool:
    """Whether members are unknown only because a branch that declares them failed: that is an error of its own."""
    if error.validator != "unevaluatedProperties" or not {"allOf", "anyOf"} & set(error.schema):
        return False
    inside = [each for each in errors if [*each.absolute_path][: len(error.absolute_path)] == [*error.absolute_path]]
    return any(each.validator != "unevaluatedProperties" for each in inside)


def _said(error: ValidationError) -> str:
    """The error of the deepest branch that came closest, with its place."""
    while error.context:
        error = max(error.context, key=lambda each: (len(each.absolute_path), each.validator != "type"))
    place = error.json_path.removeprefix("$").removeprefix(".")
    said = error.message if len(error.message) <= SHOWN else f"{error.message[:SHOWN]}…"
    return f"{place}: {said}" if place else said


def _is_instant(value: object) -> bool:
    if not isinstance(value, str):
        return True
    if not _INSTANT.fullmatch(value):
        return False
    dt.datetime.fromisoformat(value.upper().replace("Z", "+00:00"))
    return True


def _is_day(value: object) -> bool:
    if isinstance(value, str):
        dt.datetime.strptime(value, "%Y-%m-%d")
    return True


def _is_uuid(value: object) -> bool:
    if isinstance(value, str):
        uuid.UUID(value)
    return True


def _is_32_bits(value: object) -> bool:
    return not isinstance(value, int) or -(2**31) <= value < 2**31


def _is_64_bits(value: object) -> bool:
    """64-bit numbers may travel as texts (GA4)."""
    return not isinstance(value, int | str) or -(2**63) <= int(value) < 2**63


FORMATS = FormatChecker(formats=())
for _name, _check in {
    "date-time": _is_instant,
    "date": _is_day,
    "uuid": _is_uuid,
    "uuidv4": _is_uuid,
    "int32": _is_32_bits,
    "int64": _is_64_bits,
}.items():
    FORMATS.checks(_name, raises=ValueError)(_check)
