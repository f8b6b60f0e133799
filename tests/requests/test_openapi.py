"""The judge itself, by a small document of an imaginary vendor: it can fail without the vendors' own files too."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.middleware import Logged
from tests.requests import openapi
from tests.requests.openapi import Document, Operation

ACME: Any = {
    "openapi": "3.0.1",
    "servers": [{"url": "https://api.acme.example/v1"}],
    "security": [{"key": []}, {"basic": []}],
    "paths": {
        "/things": {
            "get": {
                "parameters": [
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100}},
                    {"name": "archived", "in": "query", "schema": {"type": "boolean"}},
                    {"name": "since", "in": "query", "schema": {"type": "string", "format": "date-time"}},
                    {"name": "on", "in": "query", "schema": {"type": "string", "format": "date"}},
                    {"$ref": "#/components/parameters/Rate"},
                    {"name": "ids", "in": "query", "schema": {"type": "array", "items": {"type": "integer"}}},
                    {
                        "name": "sort", "in": "query", "required": True, "explode": False,
                        "schema": {"type": "array", "items": {"type": "string", "enum": ["id", "-id"]}},
                    },
                    {
                        "name": "fields", "in": "query", "explode": False, "schema": {"type": "array", "items": {}},
                        "description": "Parts of parts in dot notation.",
                    },
                    {"name": "filter", "in": "query", "schema": {"type": "string"}},
                    {"name": "version", "in": "header", "required": True, "schema": {"type": "string", "default": "2"}},
                ],
                "x-klaviyo-filters": {
                    "id": {"operators": {"single": ["equals"], "list": ["any"]}, "value": {"type": "string"}},
                    "at": {"operators": {"single": ["less-than"]}, "value": {"type": "string", "format": "date-time"}},
                    "owner": {"operators": {"none": ["has"]}},
                },
                "responses": {"200": {"$ref": "#/components/responses/Things"}},
            }
        },
        "/things/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
            "get": {"responses": {"200": {"content": {"application/json": {"schema": {}}}}}},
        },
        "/things/archived": {"get": {"responses": {"200": {"content": {"application/json": {"schema": {}}}}}}},
        "/things/search": {
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Search"}}},
                },
                "responses": {"200": {"$ref": "#/components/responses/Things"}},
            }
        },
    },
    "components": {
        "securitySchemes": {
            "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
            "basic": {"type": "http", "scheme": "basic"},
        },
        "parameters": {
            "Rate": {
                "name": "rate", "in": "query",
                "schema": {"type": "number", "minimum": -2, "exclusiveMinimum": True},
            }
        },
        "responses": {"Things": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Things"}}}}},
        "schemas": {
            "Search": {
                "type": "object",
                "required": ["text"],
                "properties": {
                    "text": {"type": "string"},
                    "limit": {"type": "integer", "maximum": 200, "format": "int32"},
                    "offset": {"type": "string", "format": "int64"},
                    "owner": {"type": "string", "nullable": True},
                    "inner": {"$ref": "#/components/schemas/Search"},
                },
            },
            "Named": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
            "Thing": {
                "allOf": [
                    {"$ref": "#/components/schemas/Named"},
                    {"type": "object", "required": ["id"], "properties": {"id": {"type": "string", "format": "uuid"}}},
                ]
            },
            "Things": {
                "type": "object",
                "required": ["data"],
                "properties": {"data": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}}},
            },
        },
    },
}  # fmt: skip
DISCOVERED: Any = {
    "kind": "discovery#restDescription",
    "rootUrl": "https://data.acme.example/",
    "parameters": {"alt": {"type": "string", "enum": ["json"], "location": "query"}},
    "resources": {
        "properties": {
            "methods": {
                "run": {
                    "id": "acme.run", "httpMethod": "POST", "path": "v1/{+property}:run",
                    "flatPath": "v1/properties/{propertiesId}:run",
                    "parameters": {"property": {"location": "path", "required": True, "type": "string"}},
                    "request": {"$ref": "Run"}, "response": {"$ref": "Run"},
                }
            }
        }
    },
    "schemas": {
        "Run": {
            "id": "Run", "type": "object",
            "properties": {"metrics": {"type": "array", "items": {"$ref": "Metric"}}, "note": {"type": "any"}},
        },
        "Metric": {"id": "Metric", "type": "object", "properties": {"name": {"type": "string"}}},
    },
}  # fmt: skip
AT = "2026-01-01T00:00:00Z"
HEADERS = {"x-key": "k", "version": "2"}
THING = {"id": "5f0c1a52-9d2e-4d5a-8f2f-0f5a6f6b8f11", "name": "a"}


def asked(query: str) -> Logged:
    return Logged("GET", "/v1/things", query, b"", headers=HEADERS)


def searched(body: object) -> Logged:
    headers = {**HEADERS, "content-type": "application/json; charset=utf-8"}
    return Logged("POST", "/v1/things/search", "", json.dumps(body).encode(), headers=headers)


def operation_of(request: Logged, content: object = ACME) -> Operation:
    found = Document(content).operation(request.method, request.path)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        (f"sort=id,-id&limit=100&archived=true&since={AT}&on=2026-01-31&rate=-1.5&ids=1&ids=2", None),
        ("sort=id&fields=data.name,data.id", None),
        ("sort=id&filter=and(equals(id,'a'),any(id,['a','b']),has(owner))", None),
        ("sort=id&filter=less-than(at,2026-01-01T00:00:00%2B01:00)", None),
        ("", "query parameter sort is required"),
        ("sort=id&colour=red", "query parameter colour is not declared"),
        ("sort=id&sort=-id", "query parameter sort is repeated; its values are to be joined by commas"),
        ("sort=id,colour", "query parameter sort: [1]: 'colour' is not one of ['id', '-id']"),
        ("sort=id&limit=101", "query parameter limit: 101 is greater than the maximum of 100"),
        ("sort=id&limit=0", "query parameter limit: 0 is less than the minimum of 1"),
        ("sort=id&limit=ten", "query parameter limit: 'ten' is not of type 'integer'"),
        ("sort=id&limit=1&limit=2", "query parameter limit is repeated"),
        ("sort=id&archived=True", "query parameter archived: 'True' is not of type 'boolean'"),
        ("sort=id&since=2026-01-01", "query parameter since: '2026-01-01' is not a 'date-time'"),
        ("sort=id&since=2026-13-01T00:00:00Z", "query parameter since: '2026-13-01T00:00:00Z' is not a 'date-time'"),
        ("sort=id&on=31.1.2026", "query parameter on: '31.1.2026' is not a 'date'"),
        ("sort=id&rate=1e", "query parameter rate: '1e' is not of type 'number'"),
        ("sort=id&rate=-2", "query parameter rate: -2.0 is less than or equal to the minimum of -2"),
        ("sort=id&ids=1,2", "query parameter ids: [0]: '1,2' is not of type 'integer'"),
        ("sort=id&fields=data.nmae", "query parameter fields: answers have no data.nmae"),
        ("sort=id&filter=equals(id,a)", "query parameter filter: a of id is to be quoted"),
        (f"sort=id&filter=less-than(at,'{AT}')", f"query parameter filter: '{AT}' of at is not to be quoted"),
        ("sort=id&filter=has(owner),has(owner)", "query parameter filter: ',has(owner)' follows a condition"),
        ("sort=id&filter=and()", "query parameter filter: '' is no condition"),
        ("sort=id&filter=equals(name,'a')", "query parameter filter: name cannot be compared, only id, at, owner"),
        ("sort=id&filter=any(id,'a')", "query parameter filter: id has no any with single value, only equals"),
    ],
)  # fmt: skip
def test_a_query_is_judged(query: str, fault: str | None) -> None:
    request = asked(query)
    assert operation_of(request).faults(request) == ([] if fault is None else [fault])


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"text": "a", "limit": 200, "offset": "9", "owner": None, "inner": {"text": "b"}}, None),
        ({}, "body 'text' is a required property"),
        ({"text": None}, "body text: None is not of type 'string'"),
        ({"text": "a", "limit": 201}, "body limit: 201 is greater than the maximum of 200"),
        ({"text": "a", "limit": -(2**31) - 1}, "body limit: -2147483649 is not a 'int32'"),
        ({"text": "a", "offset": 9}, "body offset: 9 is not of type 'string'"),
        ({"text": "a", "offset": "nine"}, "body offset: 'nine' is not a 'int64'"),
        ({"text": "a", "inner": {}}, "body inner: 'text' is a required property"),
        (
            {"text": "a", "inner": {"text": "b", "after": 1}},
            "body inner: Unevaluated properties are not allowed ('after' was unexpected)",
        ),
    ],
)
def test_a_body_is_judged(body: object, fault: str | None) -> None:
    request = searched(body)
    assert operation_of(request).faults(request) == ([] if fault is None else [fault])


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda request: replace(request, headers={"version": "2"}), "no credentials of the kind key or basic"),
        (lambda request: replace(request, headers={**HEADERS, "version": "3"}), "header version is '3', the file"),
        (lambda request: replace(request, headers={"x-key": "k"}), "header version is required"),
        (lambda request: replace(request, body=b"{}"), "a body is not declared"),
    ],
)
def test_a_request_is_judged_by_what_goes_with_it(change: Callable[[Logged], Logged], fault: str) -> None:
    request = change(asked("sort=id"))
    (found,) = operation_of(request).faults(request)
    assert fault in found


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda request: replace(request, body=b""), "a body is required"),
        (lambda request: replace(request, body=b"{"), "the body is not JSON"),
        (lambda request: replace(request, headers=HEADERS), "the body is of no type, not application/json"),
    ],
)
def test_a_body_must_be_there(change: Callable[[Logged], Logged], fault: str) -> None:
    request = change(searched({"text": "a"}))
    assert operation_of(request).faults(request) == [fault]


def test_a_path_belongs_to_one_operation() -> None:
    document = Document(ACME)
    archived, one = (document.operation("GET", f"/v1/things/{each}") for each in ("archived", "7"))
    assert archived is not None and archived.name == "GET /things/archived"
    assert one is not None and one.name == "GET /things/{id}"
    assert one.faults(Logged("GET", "/v1/things/7", "", b"", headers=HEADERS)) == []
    for method, path in (("GET", "/things"), ("PUT", "/v1/things"), ("GET", "/v1/things/7/parts")):
        assert document.operation(method, path) is None
    wrong = Logged("GET", "/v1/things/seven", "", b"", headers=HEADERS)
    assert operation_of(wrong).faults(wrong) == ["path parameter id: 'seven' is not of type 'integer'"]


@pytest.mark.parametrize(
    ("query", "status", "body", "fault"),
    [
        ("sort=id", 200, {"data": [THING]}, None),
        ("sort=id&fields=data.id", 200, {"data": [{"id": THING["id"]}]}, None),
        ("sort=id", 207, {"data": []}, "status 207 is not declared"),
        ("sort=id", 200, {}, "'data' is a required property"),
        ("sort=id", 200, {"data": [{"id": THING["id"]}]}, "data[0]: 'name' is a required property"),
        ("sort=id", 200, {"data": [{**THING, "id": "7"}]}, "data[0].id: '7' is not a 'uuid'"),
        (
            "sort=id", 200, {"data": [{**THING, "colour": "red"}]},
            "data[0]: Unevaluated properties are not allowed ('colour' was unexpected)",
        ),
    ],
)  # fmt: skip
def test_an_answer_is_judged(query: str, status: int, body: object, fault: str | None) -> None:
    request = asked(query)
    found = operation_of(request).answer_faults(request, status, "application/json", body)
    assert found == ([] if fault is None else [fault])


def test_an_answer_of_another_type_is_noticed() -> None:
    request = asked("sort=id")
    found = operation_of(request).answer_faults(request, 200, "text/html", None)
    assert found == ["answers are application/json, not text/html"]


def test_a_discovery_document_is_read() -> None:
    headers = {"authorization": "Bearer t", "content-type": "application/json"}
    request = Logged("POST", "/v1/properties/7:run", "alt=json", b'{"metrics": [{"name": "a"}], "note": 1}', 0, headers)
    operation = operation_of(request, DISCOVERED)
    assert operation.name == "POST /v1/properties/{propertiesId}:run"
    assert operation.faults(request) == []
    assert operation.faults(replace(request, query="alt=xml")) == ["query parameter alt: 'xml' is not one of ['json']"]
    wrong = replace(request, body=b'{"metrics": [{"name": 1}], "metric": 1}')
    assert operation.faults(wrong) == [
        "body Unevaluated properties are not allowed ('metric' was unexpected)",
        "body metrics[0].name: 1 is not of type 'string'",
    ]


def test_other_documents_are_refused() -> None:
    with pytest.raises(ValueError, match="not OpenAPI 3"):
        Document({"swagger": "2.0", "paths": {}})


def test_files_are_found_by_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(openapi.VARIABLE, str(tmp_path))
    assert openapi.files("hubspot") == []
    assert openapi.PUBLISHED["hubspot"] in openapi.how("hubspot") and openapi.VARIABLE in openapi.how("hubspot")
    for name in ("hubspot.crm.json", "hubspot.json", "hubspots.json"):
        (tmp_path / name).write_text(json.dumps(ACME), encoding="utf-8")
    assert [each.name for each in openapi.files("hubspot")] == ["hubspot.crm.json", "hubspot.json"]
