"""Google describes its APIs in a form of its own, the discovery document: here it becomes an OpenAPI document."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.requests.schemas import REFERENCE, Json

KIND = "discovery#restDescription"
BEARER = {"bearer": {"type": "http", "scheme": "bearer"}}


def as_openapi(document: Json) -> Json:
    """The same methods, parameters and schemas."""
    everywhere = [_parameter(name, each) for name, each in document.get("parameters", {}).items()]
    paths: dict[str, Any] = {}
    for method in _methods(document):
        template = f"/{method.get('flatPath', method['path'])}"
        paths.setdefault(template, {})[method["httpMethod"].lower()] = _operation(method, template, everywhere)
    schemas = {name: _schema(each) for name, each in document["schemas"].items()}
    return {
        "openapi": "3.0.1",
        "servers": [{"url": document["rootUrl"].rstrip("/")}],
        "paths": paths,
        "security": [{"bearer": []}],
        "components": {"schemas": schemas, "securitySchemes": BEARER},
    }


def _methods(resource: Json) -> Iterator[Json]:
    yield from resource.get("methods", {}).values()
    for inner in resource.get("resources", {}).values():
        yield from _methods(inner)


def _operation(method: Json, template: str, everywhere: list[Json]) -> Json:
    # The parameters of a flat path are parts of those that the method declares.
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{([^}]*)\}", template)
    ]
    own = [_parameter(name, each) for name, each in method.get("parameters", {}).items() if each["location"] == "query"]
    operation: dict[str, Any] = {
        "operationId": method["id"],
        "parameters": [*in_path, *own, *everywhere],
        "responses": {"200": _content(method.get("response", {}))},
    }
    if "request" in method:
        operation["requestBody"] = {"required": True, **_content(method["request"])}
    return operation


def _content(reference: Mapping[str, str]) -> Json:
    return {"content": {"application/json": {"schema": _schema(reference)}}}


def _parameter(name: str, declared: Json) -> Json:
    schema = {each: declared[each] for each in ("type", "enum", "format") if each in declared}
    required = declared.get("required", False)
    if declared.get("repeated"):
        schema = {"type": "array", "items": schema}
    return {"name": name, "in": declared["location"], "required": required, "schema": schema}


def _schema(declared: Any) -> Any:
    """References by bare names become OpenAPI's; `any` is no type."""
    if isinstance(declared, list):
        return [_schema(each) for each in declared]
    if not isinstance(declared, dict):
        return declared
    found = {name: _schema(each) for name, each in declared.items()}
    if isinstance(found.get("$ref"), str):
        found["$ref"] = REFERENCE + found["$ref"]
    if found.get("type") == "any":
        del found["type"]
    if isinstance(found.get("id"), str):
        del found["id"]
    return found
