"""What Klaviyo checks before it answers: key, revision, scopes, limits, parameters; and its JSON:API errors.

Belongs here: every refusal, and the parameters all endpoints share. Does not: answers (`klaviyo`), the filter language
(`klaviyo_filters`).
"""

from __future__ import annotations

import base64
import binascii
import math
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.apis.answers import Answer, Json, RefusalError, sandbox_of
from sandbox.apis.klaviyo_filters import Condition, Field, FilterError, conditions
from sandbox.apis.mailchimp_fields import Fields

MEDIA_TYPE = "application/vnd.api+json"
SCOPES = frozenset({"campaigns:read", "events:read", "lists:read", "metrics:read", "profiles:read"})
REVISIONS = frozenset(
    f"{year}-{month}-15" for year in (2025, 2026) for month in ("01", "04", "07", "10") if (year, month) < (2026, "08")
) | {"2024-10-15"}
# Rows of a page where nobody can ask for a number.
PAGE = 200
_CODES = {
    400: ("invalid", "Invalid input.", "The payload provided in the request is invalid."),
    401: ("not_authenticated", "Authentication credentials were not provided.", "Missing or invalid private key."),
    403: ("permission_denied", "You do not have permission to perform this action.", "The key lacks a scope."),
    404: ("not_found", "Not found.", "The requested path could not be found"),
    429: ("throttled", "Request was throttled.", "Request was throttled. Expected available in 1 second."),
    500: ("error", "A server error occurred.", "An error occurred on the server."),
}
Handler = Callable[[Request], Awaitable[Response]]


def refusal(status: int, detail: str | None = None, source: Json | None = None) -> Json:
    code, title, general = _CODES.get(status, _CODES[500])
    error = {"id": str(uuid.uuid4()), "status": status, "code": code, "title": title, "detail": detail or general}
    return {"errors": [{**error, "source": source or {"pointer": "/data/"}, "links": {}, "meta": {}}]}


def refused(status: int, detail: str | None = None, *, headers: Mapping[str, str] | None = None) -> RefusalError:
    return RefusalError(status, refusal(status, detail), headers=headers, media_type=MEDIA_TYPE)


def bad(parameter: str, detail: str) -> RefusalError:
    return RefusalError(400, refusal(400, detail, {"parameter": parameter}), media_type=MEDIA_TYPE)


@dataclass(frozen=True)
class Endpoint:
    """What one operation takes. fields: sparse fieldsets by type; included: relationship → type and scope it needs."""

    name: str
    scope: str
    tier: str
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    filters: Mapping[str, Field] = field(default_factory=dict)
    required: tuple[str, str] | None = None
    sorts: tuple[str, ...] = ()
    included: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    additional: Sequence[str] = ()
    page: tuple[int, int] | None = None
    paged: bool = True


def guarded(endpoint: Endpoint, handler: Callable[[Request, Query], Awaitable[Response]]) -> Handler:
    """Key, revision, scope and limits first, then the parameters."""

    async def answer(request: Request) -> Response:
        sandbox = sandbox_of(request)
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        scopes = sandbox.credentials.klaviyo_keys.get(key)
        if scheme != "Klaviyo-API-Key" or scopes is None:
            raise refused(401)
        revision = request.headers.get("revision", "")
        if revision not in REVISIONS:
            raise refused(400, f"Invalid revision '{revision}': a supported one is required in the header 'revision'.")
        _require(endpoint.scope, scopes)
        headers = _spend(request, endpoint)
        query = Query(request, endpoint)
        for relation in query.include:
            _require(endpoint.included[relation][1], scopes)
        response = await handler(request, query)
        response.headers.update(headers)
        return response

    return answer


def _require(scope: str, scopes: Iterable[str]) -> None:
    if scope not in scopes:
        raise refused(403, f"The API key is missing the required scopes: {scope}.")


def _spend(request: Request, endpoint: Endpoint) -> dict[str, str]:
    """The headers that tell the state of the steady window; a refusal where one of the two windows is full."""
    burst, steady = sandbox_of(request).counters.klaviyo(endpoint.name, endpoint.tier)
    for window in (burst, steady):
        if window.remaining() < 1:
            raise refused(429, headers={"Retry-After": str(math.ceil(max(1.0, window.frees_in())))})
    burst.take()
    steady.take()
    return {
        "RateLimit-Limit": f"{steady.allowed}, {burst.allowed};w=1, {steady.allowed};w=60",
        "RateLimit-Remaining": str(steady.remaining()),
        "RateLimit-Reset": str(math.ceil(steady.frees_in())),
    }


class Query:
    """The validated parameters of a request."""

    def __init__(self, request: Request, endpoint: Endpoint) -> None:
        self._request, self._values = request, request.query_params
        self._endpoint = endpoint
        self._known()
        self.include = self._listed("include", endpoint.included)
        self.additional = self._listed("additional-fields[profile]", endpoint.additional)
        self.sort = self._values.get("sort", "")
        if self.sort and self.sort.removeprefix("-") not in endpoint.sorts:
            raise bad("sort", f"'{self.sort}' is not a sortable field.")
        self.conditions = self._filter()
        self._sparse = {kind: self._kept(kind, names) for kind, names in endpoint.fields.items()}
        self.size = self._size()
        self.first = self._place()

    def _known(self) -> None:
        names = {"filter"} if self._endpoint.filters else set()
        names |= {f"fields[{kind}]" for kind in self._endpoint.fields}
        names |= {"page[cursor]"} if self._endpoint.paged else set()
        names |= {"page[size]"} if self._endpoint.page else set()
        for name, present in (
            ("include", self._endpoint.included), ("sort", self._endpoint.sorts),
            ("additional-fields[profile]", self._endpoint.additional),
        ):  # fmt: skip
            names |= {name} if present else set()
        for name in self._values:
            if name not in names:
                raise bad(name, f"'{name}' is not a valid field for the resource '{self._endpoint.name}'.")
            if len(self._values.getlist(name)) > 1:
                raise bad(name, f"'{name}' is given more than once.")

    def _listed(self, name: str, options: Iterable[str]) -> tuple[str, ...]:
        found = tuple(each for each in self._values.get(name, "").split(",") if each)
        for each in found:
            if each not in options:
                raise bad(name, f"'{each}' is not one of {', '.join(options)}.")
        return found

    def _filter(self) -> list[Condition]:
        try:
            found = conditions(self._values.get("filter"), self._endpoint.filters)
        except FilterError as error:
            raise bad("filter", f"Invalid filter provided: {error}.") from None
        required = self._endpoint.required
        if required and not any((each.operator, each.field) == required for each in found):
            raise bad("filter", f"A filter {required[0]}({required[1]},…) is required.")
        return found

    def _kept(self, kind: str, names: Sequence[str]) -> Fields | None:
        """The sparse fieldset asked for; None where everything is."""
        asked = self._listed(f"fields[{kind}]", names)
        return Fields(",".join(asked), None) if asked else None

    def _size(self) -> int | None:
        """Rows of a page; None where everything comes at once."""
        if self._endpoint.page is None:
            return PAGE if self._endpoint.paged else None
        default, most = self._endpoint.page
        text = self._values.get("page[size]", str(default))
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise bad("page[size]", f"Page size must be an integer between 1 and {most}.")
        return int(text)

    def _place(self) -> int:
        text = self._values.get("page[cursor]")
        if text is None:
            return 0
        try:
            word, sort, place = base64.urlsafe_b64decode(text).decode().split("::")
        except (binascii.Error, ValueError):
            raise bad("page[cursor]", "Invalid page cursor.") from None
        if word != "next" or sort != self.sort or not place.isdecimal():
            raise bad("page[cursor]", "Invalid page cursor.")
        return int(place)

    def one(self, field_name: str, default: Any = None) -> Any:
        """The value of a condition of equality."""
        return next((each.value for each in self.conditions if each.field == field_name), default)

    def resource(self, kind: str, id_: str, attributes: Json, relationships: Json | None = None) -> Json:
        """A resource object with the attributes asked for."""
        sparse = self._sparse.get(kind)
        related = {
            name: {"data": data, "links": self._links(f"{kind}s/{id_}/relationships/{name}", f"{kind}s/{id_}/{name}")}
            for name, data in (relationships or {}).items()
        }
        kept = attributes if sparse is None else sparse.pick(attributes)
        answer = {"type": kind, "id": id_, "attributes": kept, "links": {"self": self._url(f"{kind}s/{id_}")}}
        return {**answer, "relationships": related} if related else answer

    def page(self, rows: Sequence[Any]) -> Sequence[Any]:
        return rows if self.size is None else rows[self.first : self.first + self.size]

    def answer(self, rows: list[Json], total: int, included: Mapping[str, Json] | None = None) -> Answer:
        """A page of resource objects; `total` counts all rows there are."""
        links: dict[str, str | None] = {"self": str(self._request.url)}
        if self.size is not None:
            following = self.first + self.size
            links |= {"next": self._turned(following) if following < total else None}
            links |= {"prev": self._turned(max(0, self.first - self.size)) if self.first else None}
        body: Json = {"data": rows, "links": links}
        if self.include:
            body["included"] = list((included or {}).values())
        return Answer(body, media_type=MEDIA_TYPE)

    def _turned(self, place: int) -> str:
        cursor = base64.urlsafe_b64encode(f"next::{self.sort}::{place}".encode()).decode()
        return str(self._request.url.include_query_params(**{"page[cursor]": cursor}))

    def _url(self, path: str) -> str:
        return f"{str(self._request.base_url).rstrip('/')}{self._request.scope['root_path']}/api/{path}"

    def _links(self, own: str, related: str) -> Json:
        return {"self": self._url(own), "related": self._url(related)}
