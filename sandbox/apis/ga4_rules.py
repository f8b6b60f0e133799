"""What GA4's Data API checks before it answers: token, property, quota; and Google's error object.

Belongs here: every refusal's shape, and the token quotas. Does not: what a report may ask for (`ga4`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.apis.answers import Json, RefusalError, sandbox_of

TOKENS_PER_REQUEST, ROWS_PER_TOKEN = 4, 2_000
_STATUSES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED", 500: "INTERNAL",
}  # fmt: skip
_MESSAGES = {
    401: "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid"
    " authentication credential.",
    403: "User does not have sufficient permissions for this property.",
    404: "Requested entity was not found.",
    429: "Exhausted property tokens per hour.",
    500: "Internal error encountered.",
}
Handler = Callable[[Request], Awaitable[Response]]


def refusal(status: int, message: str | None = None) -> Json:
    """Google's error object."""
    text = message or _MESSAGES.get(status, "The request cannot be served.")
    return {"error": {"code": status, "message": text, "status": _STATUSES.get(status, "UNKNOWN")}}


def bad(message: str) -> RefusalError:
    return RefusalError(400, refusal(400, message))


def guarded(handler: Handler) -> Handler:
    """Token, property and the number of requests in flight first."""

    async def answer(request: Request) -> Response:
        sandbox = sandbox_of(request)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or token != sandbox.credentials.ga4_token:
            raise RefusalError(401, refusal(401))
        if request.path_params["property"] != sandbox.credentials.ga4_property:
            raise RefusalError(403, refusal(403))
        in_flight = sandbox.counters.open_requests
        if in_flight["ga4"] > sandbox.limits.ga4_concurrent:
            raise RefusalError(429, refusal(429, "Exhausted concurrent requests quota."))
        return await handler(request)

    return answer


async def body_of(request: Request) -> Json:
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise bad("Invalid JSON payload received.") from None
    if not isinstance(body, dict):
        raise bad("Invalid JSON payload received. An object is expected.")
    return body


def spend(request: Request, rows: int, *, thresholded: bool) -> Json:
    """Charges the quota and tells what is left, or refuses."""
    counters = sandbox_of(request).counters
    tokens = TOKENS_PER_REQUEST + rows // ROWS_PER_TOKEN
    windows = {
        "tokensPerDay": counters.ga4_day,
        "tokensPerHour": counters.ga4_hour,
        "tokensPerProjectPerHour": counters.ga4_project_hour,
    }
    for name, window in windows.items():
        if window.remaining() < tokens:
            said = {"tokensPerDay": "tokens per day", "tokensPerHour": "tokens per hour"}
            what = said.get(name, "tokens per project per hour")
            raise RefusalError(429, refusal(429, f"Exhausted property {what}. These quota tokens will return."))
    quota: Json = {}
    for name, window in windows.items():
        window.take(tokens)
        quota[name] = {"consumed": tokens, "remaining": window.remaining()}
    free = sandbox_of(request).limits.ga4_concurrent - counters.open_requests["ga4"]
    quota["concurrentRequests"] = {"consumed": 0, "remaining": free}
    quota["serverErrorsPerProjectPerHour"] = {"consumed": 0, "remaining": 10}
    quota["potentiallyThresholdedRequestsPerHour"] = {"consumed": int(thresholded), "remaining": 120 - int(thresholded)}
    return quota
