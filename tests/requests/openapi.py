"""A vendor's OpenAPI files, and what they say against a request or an answer.

Flow: `{KPILOTE_API_SPECS}/{source}….json → Document → Operation.faults(request)`. A request is judged by its
path, its query, headers and credentials, and its body, and by what a vendor writes into its file besides OpenAPI
(`dialects.py`). Everything not declared is a fault.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from sandbox.middleware import Logged
from tests.requests import dialects, discovery
from tests.requests.schemas import Json, Schemas, typed

VARIABLE = "KPILOTE_API_SPECS"
# Beside the checkout, where maintainers share such files.
BESIDE = Path(__file__).resolve().parents[3] / "shared" / "api_specs"
# Where vendors publish them; Salesforce and Matomo publish none.
PUBLISHED = {
    "hubspot": "https://github.com/HubSpot/HubSpot-public-api-spec-collection",
    "pipedrive": "https://developers.pipedrive.com/docs/api/v1/openapi.yaml and …/openapi-v2.yaml",
    "ga4": "https://analyticsdata.googleapis.com/$discovery/rest?version=v1beta",
    "mailchimp": "https://api.mailchimp.com/schema/3.0/Swagger.json?expand",
    "brevo": "https://api.brevo.com/v3/swagger_definition_v3.yml",
    "klaviyo": "https://github.com/klaviyo/openapi",
}


def folder() -> Path:
    """Where the files are looked for."""
    return Path(os.environ.get(VARIABLE) or BESIDE)


def how(source: str) -> str:
    """How to get the files of a source."""
    return (
        f"no {source}.json in {folder()}: save what the vendor publishes ({PUBLISHED[source]}) there, as OpenAPI 3.0 in"
        f" JSON, several files as {source}.….json, or set {VARIABLE} to the folder that has it"
    )


def files(source: str) -> list[Path]:
    """The files of a source: one, or one per part or version of the API."""
    return sorted([*folder().glob(f"{source}.json"), *folder().glob(f"{source}.*.json")])


@cache
def documents(source: str) -> tuple[Document, ...]:
    """The files, read."""
    return tuple(Document(json.loads(file.read_text(encoding="utf-8"))) for file in files(source))


def operation(documents: Sequence[Document], method: str, path: str) -> Operation | None:
    """What a vendor calls a path (without the host), by any of its files."""
    found = (document.operation(method, path) for document in documents)
    return next((each for each in found if each is not None), None)


class Document:
    """One OpenAPI 3.0 file."""

    def __init__(self, content: Json) -> None:
        self.content = content if content.get("kind") != discovery.KIND else discovery.as_openapi(content)
        if not str(self.content.get("openapi")).startswith("3.0"):
            raise ValueError("not OpenAPI 3.0: convert it first")
        # Without servers, paths are whole.
        self._root = urlsplit(self.content.get("servers", [{"url": ""}])[0]["url"]).path.rstrip("/")
        self._paths = [(_pattern(template), template) for template in self.content["paths"]]
        # `/deals/archived` is not a deal: of several that match, the one with most of its letters fixed.
        self._paths.sort(key=lambda each: len(re.sub(r"\{[^}]*\}", "", each[1])), reverse=True)

    @cached_property
    def schemas(self) -> Schemas:
        return Schemas(self._named)

    @cached_property
    def parts(self) -> Schemas:
        """The same where a request named the members it wants, so that others may be missing."""
        return Schemas(self._named, requires=False)

    @property
    def _named(self) -> Mapping[str, Json]:
        named: Mapping[str, Json] = self.content.get("components", {}).get("schemas", {})
        return named

    def resolved(self, declared: Json) -> Json:
        """What is declared here or, by reference, elsewhere in the file."""
        while "$ref" in declared:
            found = self.content
            for name in declared["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            declared = found
        return declared

    def operation(self, method: str, path: str) -> Operation | None:
        if not path.startswith(self._root):
            return None
        for pattern, template in self._paths:
            match = pattern.fullmatch(path.removeprefix(self._root))
            if match and method.lower() in self.content["paths"][template]:
                return Operation(self, method, template, match.groupdict())
        return None


class Operation:
    """One method of one path, with what the path's parameters are in this request."""

    def __init__(self, document: Document, method: str, template: str, places: Mapping[str, str]) -> None:
        self.name = f"{method} {template}"
        self.document, self.template = document, template
        item = document.content["paths"][template]
        self.declared = item[method.lower()]
        parameters = [*item.get("parameters", ()), *self.declared.get("parameters", ())]
        self.parameters = [document.resolved(each) for each in parameters]
        # Names of groups are numbered: a parameter's name need not be one.
        self._places = dict(zip(re.findall(r"\{([^}]*)\}", template), places.values(), strict=True))

    def faults(self, request: Logged) -> list[str]:
        """What the file says against the request; every one names the part that is wrong."""
        return [
            *self._path_faults(),
            *self._query_faults(request),
            *self._header_faults(request),
            *self._body_faults(request),
            *dialects.faults(self, request),
        ]

    def answer_faults(self, request: Logged, status: int, media_type: str, body: Json) -> list[str]:
        """What the file says against an answer to the request."""
        answer = self.declared["responses"].get(str(status))
        if answer is None:
            return [f"status {status} is not declared"]
        declared = self.document.resolved(answer).get("content", {})
        if media_type not in declared:
            return [f"answers are {' or '.join(declared) or 'empty'}, not {media_type}"]
        is_part = any(name.partition("[")[0] == "fields" for name in parse_qs(request.query))
        schemas = self.document.parts if is_part else self.document.schemas
        return schemas.faults(declared[media_type]["schema"], body)

    def answer_schema(self) -> Json:
        """The schema of an answer to a request that went well."""
        answers = self.declared["responses"]
        answer = self.document.resolved(next(answers[status] for status in answers if status.startswith("2")))
        return next(iter(answer["content"].values()))["schema"]

    def _in(self, where: str) -> Iterator[tuple[str, Json]]:
        return ((each["name"], each) for each in self.parameters if each["in"] == where)

    def _path_faults(self) -> Iterator[str]:
        for name, parameter in self._in("path"):
            yield from self._value_faults(f"path parameter {name}", parameter, [self._places[name]])

    def _query_faults(self, request: Logged) -> Iterator[str]:
        said = parse_qs(request.query, keep_blank_values=True)
        declared = dict(self._in("query"))
        for name in said:
            if name not in declared:
                yield f"query parameter {name} is not declared"
        for name, parameter in declared.items():
            if name in said:
                yield from self._value_faults(f"query parameter {name}", parameter, said[name])
            elif parameter.get("required"):
                yield f"query parameter {name} is required"

    def _header_faults(self, request: Logged) -> Iterator[str]:
        for name, parameter in self._in("header"):
            value = request.headers.get(name.lower())
            if value is not None:
                yield from self._value_faults(f"header {name}", parameter, [value])
            elif parameter.get("required"):
                yield f"header {name} is required"
            # A header with a default names the version the file describes: of another one it can say nothing.
            default = parameter["schema"].get("default")
            if value is not None and default is not None and value != default:
                yield f"header {name} is {value!r}, the file describes {default!r}"
        content = self.document.content
        ways = self.declared.get("security", content.get("security", []))
        schemes = content.get("components", {}).get("securitySchemes", {})
        if ways and not any(all(_lets_in(schemes[name], request) for name in way) for way in ways):
            yield f"no credentials of the kind {' or '.join(name for way in ways for name in way)}"

    def _value_faults(self, what: str, parameter: Json, texts: list[str]) -> Iterator[str]:
        """A parameter as it travelled: its texts by their type, and then by its schema."""
        schema = parameter["schema"]
        if schema.get("type") == "array":
            explode = parameter.get("explode", parameter["in"] == "query")
            items = schema.get("items", {})
            if len(texts) > 1 and not explode:
                yield f"{what} is repeated; its values are to be joined by commas"
            value: Json = [typed(items, text) for each in texts for text in ([each] if explode else each.split(","))]
        elif len(texts) > 1:
            yield f"{what} is repeated"
            return
        elif schema.get("type") == "object":
            yield f"{what} is an object, which is not judged here"
            return
        else:
            value = typed(schema, texts[0])
        yield from (f"{what}: {each}" for each in self.document.schemas.faults(schema, value))

    def _body_faults(self, request: Logged) -> Iterator[str]:
        declared = self.document.resolved(self.declared.get("requestBody", {}))
        if not request.body:
            if declared.get("required"):
                yield "a body is required"
            return
        if not declared:
            yield "a body is not declared"
            return
        media_type = request.headers.get("content-type", "").partition(";")[0].strip()
        if media_type not in declared["content"]:
            yield f"the body is {media_type or 'of no type'}, not {' or '.join(declared['content'])}"
            return
        try:
            body = json.loads(request.body)
        except ValueError:
            yield "the body is not JSON"
            return
        yield from (
            f"body {each}" for each in self.document.schemas.faults(declared["content"][media_type]["schema"], body)
        )


def _pattern(template: str) -> re.Pattern[str]:
    """A path template as an expression; what follows a parameter (`{id}:runReport`) is no part of it."""
    parts = re.split(r"\{[^}]*\}", template)
    between = [
        f"(?P<_{number}>[^/:]+)" if ":" in template else f"(?P<_{number}>[^/]+)" for number in range(len(parts) - 1)
    ]
    return re.compile("".join(re.escape(part) + wild for part, wild in zip(parts, [*between, ""], strict=True)))


def _lets_in(scheme: Json, request: Logged) -> bool:
    """Whether a request carries credentials of a kind."""
    if scheme["type"] == "http":
        return request.headers.get("authorization", "").lower().startswith(f"{scheme['scheme']} ")
    if scheme["type"] == "apiKey" and scheme["in"] == "header":
        return bool(request.headers.get(scheme["name"].lower()))
    return False
