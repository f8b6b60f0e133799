"""What HubSpot checks before it answers: token, scopes, limits, parameters; and the body it refuses with.

Belongs here: every refusal. Does not: answers (`hubspot`). Where HubSpot would ignore a parameter or field it does not
know, the sandbox refuses it, so that a misspelt one is found here and not in production.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.apis import hubspot_schema as schema
from sandbox.apis.answers import Json, RefusalError, sandbox_of

_CATEGORIES = {
    400: "VALIDATION_ERROR", 401: "INVALID_AUTHENTICATION", 403: "MISSING_SCOPES", 404: "OBJECT_NOT_FOUND",
    414: "URI_TOO_LONG", 415: "UNSUPPORTED_MEDIA_TYPE", 429: "RATE_LIMITS", 500: "INTERNAL_ERROR",
}  # fmt: skip
_MESSAGES = {
    401: "Authentication credentials not found. This API supports OAuth 2.0 authentication.",
    403: "This app hasn't been granted all required scopes to make this call.",
    404: "resource not found",
    429: "You have reached your ten_secondly_rolling limit.",
    500: "internal error",
}
Handler = Callable[[Request], Awaitable[Response]]


def refusal(status: int, message: str | None = None, **more: Any) -> Json:
    """HubSpot's error body."""
    return {
        "status": "error",
        "message": message or _MESSAGES.get(status, "There was a problem with the request."),
        "correlationId": str(uuid.uuid4()),
        "category": _CATEGORIES.get(status, "INTERNAL_ERROR"),
        "context": {},
        "errors": [],
        "links": {},
        **more,
    }


def bad(message: str) -> RefusalError:
    return RefusalError(400, refusal(400, message))


def guarded(handler: Handler, *, search: bool = False) -> Handler:
    """Token and limits first, then the handler; the rate-limit headers travel with every answer but a search's."""

    async def answer(request: Request) -> Response:
        sandbox = sandbox_of(request)
        if len(str(request.url)) > sandbox.limits.hubspot_url_bytes:
            raise RefusalError(414, refusal(414, "The request URI is too long."))
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or token not in sandbox.credentials.hubspot_tokens:
            raise RefusalError(401, refusal(401))
        counters = sandbox.counters
        if search and not counters.hubspot_search.take():
            body = refusal(429, "You have reached your secondly limit.", errorType="RATE_LIMIT", policyName="SECONDLY")
            raise RefusalError(429, body)
        if not counters.hubspot_day.take():
            body = refusal(429, "You have reached your daily limit.", errorType="RATE_LIMIT", policyName="DAILY")
            raise RefusalError(429, body, headers=_rate_headers(request))
        if not counters.hubspot.take():
            body = refusal(429, errorType="RATE_LIMIT", policyName="TEN_SECONDLY_ROLLING")
            raise RefusalError(429, body, headers={} if search else _rate_headers(request))
        response = await handler(request)
        if not search:
            response.headers.update(_rate_headers(request))
        return response

    return answer


def _rate_headers(request: Request) -> dict[str, str]:
    counters = sandbox_of(request).counters
    return {
        "X-HubSpot-RateLimit-Max": str(counters.hubspot.allowed),
        "X-HubSpot-RateLimit-Remaining": str(counters.hubspot.remaining()),
        "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
        "X-HubSpot-RateLimit-Daily": str(counters.hubspot_day.allowed),
        "X-HubSpot-RateLimit-Daily-Remaining": str(counters.hubspot_day.remaining()),
    }


def require(request: Request, *scopes: str) -> None:
    sandbox = sandbox_of(request)
    token = request.headers["authorization"].partition(" ")[2]
    missing = sorted(set(scopes) - sandbox.credentials.hubspot_tokens[token])
    if missing:
        detail = {
            "message": "One or more of the following scopes are required.",
            "context": {"requiredScopes": missing},
        }
        raise RefusalError(
            403, refusal(403, errors=[detail], links={"scopes": "https://developers.hubspot.com/scopes"})
        )


def object_type(request: Request, parameter: str = "object_type") -> str:
    """The object type of the path, whose scope the token must have."""
    spelling = request.path_params[parameter]
    if spelling not in schema.SPELLINGS:
        raise bad(f"Unable to infer object type from: {spelling}")
    name = schema.SPELLINGS[spelling]
    require(request, *schema.OBJECTS[name].scopes)
    return name


def known(request: Request, *names: str) -> None:
    unknown = sorted(set(request.query_params) - set(names))
    if unknown:
        raise bad(f"Unknown query parameters: {', '.join(unknown)}")


def whole(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise bad(f"{name} must be an integer from 1 to {most}")
    return int(text)


def flag(request: Request, name: str) -> bool:
    text = request.query_params.get(name, "false")
    if text not in ("true", "false"):
        raise bad(f"{name} must be true or false")
    return text == "true"


def many(request: Request, name: str) -> list[str]:
    """A list parameter: repeated, or separated by commas."""
    return [part for value in request.query_params.getlist(name) for part in value.split(",") if part]


async def body_of(request: Request, required: Collection[str], optional: Collection[str] = ()) -> Json:
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise RefusalError(415, refusal(415, "Content-Type must be application/json"))
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise bad(f"Invalid input JSON: {error}") from None
    if not isinstance(body, dict):
        raise bad("Invalid input JSON: an object is expected")
    missing = [name for name in required if name not in body]
    unknown = sorted(set(body) - {*required, *optional}) if required else []
    if missing or unknown:
        raise bad(f"Some required fields were not set: {missing}" if missing else f"Unknown fields: {unknown}")
    return body
