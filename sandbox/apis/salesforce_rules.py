"""What Salesforce checks before it answers: session, API version, the day's calls, parameters; and how it refuses.

Belongs here: every refusal, and how a session is opened. Does not: answers (`salesforce`). Where Salesforce would
ignore a parameter it does not know, the sandbox refuses it, so that a misspelt one is found here, not in production.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson
from google.auth import jwt
from starlette.requests import Request
from starlette.responses import Response

from sandbox.apis import salesforce_schema as schema
from sandbox.apis.answers import Answer, Json, RefusalError, sandbox_of
from sandbox.apis.salesforce_records import Org

if TYPE_CHECKING:
    from sandbox.state import Credentials

_CODES = {
    400: ("MALFORMED_QUERY", "unexpected token"),
    401: ("INVALID_SESSION_ID", "Session expired or invalid"),
    403: ("API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner"),
    404: ("NOT_FOUND", "The requested resource does not exist"),
    405: ("METHOD_NOT_ALLOWED", "HTTP Method not allowed"),
    414: ("URI_TOO_LONG", "The request URI is too long"),
    429: ("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
    500: ("UNKNOWN_EXCEPTION", "An unexpected error occurred."),
}
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
Handler = Callable[[Request], Awaitable[Response]]


def refusal(status: int, message: str | None = None, code: str | None = None) -> list[Json]:
    """Salesforce's error body: a list."""
    known, said = _CODES.get(status, _CODES[500])
    return [{"message": message or said, "errorCode": code or known}]


def refused(status: int, message: str | None = None, code: str | None = None) -> RefusalError:
    return RefusalError(status, refusal(status, message, code))


def _session(credentials: Credentials) -> str:
    """The session of the one integration user: another secret is another session."""
    secret = f"{credentials.salesforce_client}|{credentials.salesforce_secret}"
    return f"00DKp0000000001EAA!{hashlib.sha256(secret.encode()).hexdigest()}"


async def token(request: Request) -> Response:
    """The token endpoint: client credentials, or an assertion signed with the app's key."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise _no_token("unsupported_grant_type", "grant type not supported")
    form = dict(parse_qsl((await request.body()).decode()))
    credentials = sandbox_of(request).credentials
    grant = form.get("grant_type")
    if grant == "client_credentials":
        _check_client(credentials, form)
    elif grant == JWT_GRANT:
        _check_assertion(credentials, form.get("assertion", ""))
    else:
        raise _no_token("unsupported_grant_type", "grant type not supported")
    root = str(request.url).partition("/services/")[0]
    return Answer(
        {
            "access_token": _session(credentials), "instance_url": root, "token_type": "Bearer", "scope": "api",
            "id": f"{root}/id/00DKp0000000001EAA/005Kp0000000001AAA", "issued_at": str(int(time.time() * 1000)),
        }
    )  # fmt: skip


def _no_token(error: str, description: str) -> RefusalError:
    return RefusalError(400, {"error": error, "error_description": description})


def _check_client(credentials: Credentials, form: dict[str, str]) -> None:
    if form.get("client_id") != credentials.salesforce_client:
        raise _no_token("invalid_client_id", "client identifier invalid")
    if form.get("client_secret") != credentials.salesforce_secret:
        raise _no_token("invalid_client", "invalid client credentials")


def _check_assertion(credentials: Credentials, assertion: str) -> None:
    if not credentials.salesforce_certificate:
        raise _no_token("invalid_grant", "no client credentials user enabled")
    try:
        claims = jwt.decode(assertion, certs=credentials.salesforce_certificate, audience=list(AUDIENCES))  # type: ignore[no-untyped-call]
    except ValueError:
        raise _no_token("invalid_grant", "invalid assertion") from None
    if claims.get("iss") != credentials.salesforce_client:
        raise _no_token("invalid_client_id", "client identifier invalid")
    if claims.get("sub") != credentials.salesforce_username:
        raise _no_token("invalid_grant", "user hasn't approved this consumer")


def guarded(handler: Handler) -> Handler:
    """Session, version and the day's calls first, then the handler; every answer says how many calls are used."""

    async def answer(request: Request) -> Response:
        sandbox = sandbox_of(request)
        if len(str(request.url)) > sandbox.limits.salesforce_uri_bytes:
            raise refused(414)
        scheme, _, session = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in ("bearer", "oauth") or session != _session(sandbox.credentials):
            raise refused(401)
        number = request.path_params["version"].removeprefix("v").removesuffix(".0")
        if not number.isdecimal() or int(number) not in schema.API_VERSIONS:
            raise refused(404)
        if not sandbox.counters.salesforce_day.take():
            raise refused(403, "TotalRequests Limit exceeded.", "REQUEST_LIMIT_EXCEEDED")
        response = await handler(request)
        day = sandbox.counters.salesforce_day
        response.headers["Sforce-Limit-Info"] = f"api-usage={day.allowed - day.remaining()}/{day.allowed}"
        return response

    return answer


def org_of(request: Request) -> Org:
    org: Org = sandbox_of(request).view.org
    return org


def hidden_from(request: Request) -> frozenset[str]:
    """Objects and fields that the integration user may not see."""
    return sandbox_of(request).credentials.salesforce_hidden


def known(request: Request, *names: str) -> None:
    unknown = sorted(set(request.query_params) - set(names))
    if unknown:
        raise refused(400, f"unknown query parameters: {', '.join(unknown)}", "INVALID_PARAMETER")


async def body_of(request: Request, required: set[str], optional: set[str]) -> dict[str, Any]:
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise refused(415, "Content-Type must be application/json", "UNSUPPORTED_MEDIA_TYPE")
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise refused(400, "The HTTP entity body is not JSON", "JSON_PARSER_ERROR") from None
    if not isinstance(body, dict) or not required <= set(body) or set(body) - required - optional:
        raise refused(400, f"expected the fields {', '.join(sorted(required))}", "JSON_PARSER_ERROR")
    return body
