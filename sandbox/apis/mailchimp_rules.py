"""What Mailchimp checks before it answers: key, connections, parameters; and the problem documents it refuses with.

Belongs here: every refusal, and the parameters all endpoints share. Does not: answers (`mailchimp`,
`mailchimp_reports`). Where Mailchimp would ignore a parameter it does not know, the sandbox refuses it.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from sandbox.apis.answers import Answer, Json, RefusalError, sandbox_of
from sandbox.apis.mailchimp_fields import Fields
from sandbox.apis.mailchimp_records import Account, Values

MAX_COUNT = 1_000
DATA_CENTRE = "us1"
CAMPAIGN_TYPES = ("regular", "plaintext", "absplit", "rss", "variate")
PROBLEM = "application/problem+json"
_TITLES = {
    400: "Invalid Resource", 401: "API Key Invalid", 403: "Forbidden", 404: "Resource Not Found",
    429: "Too Many Requests", 500: "Internal Server Error",
}  # fmt: skip
_DETAILS = {
    401: "Your API key may be invalid, or you've attempted to access the wrong datacenter.",
    403: "You are not permitted to access this resource.",
    404: "The requested resource could not be found.",
    429: "You have exceeded the limit of 10 simultaneous connections.",
    500: "An unexpected internal error has occurred.",
}
_PAGING = ("count", "offset", "fields", "exclude_fields")
Handler = Callable[[Request], Awaitable[Response]]


def refusal(status: int, detail: str | None = None, **more: Any) -> Json:
    """Mailchimp's problem document."""
    return {
        "type": "https://mailchimp.com/developer/marketing/docs/errors/",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "detail": detail or _DETAILS.get(status, "The request cannot be served."),
        "instance": str(uuid.uuid4()),
        **more,
    }


def refused(status: int, detail: str | None = None, **more: Any) -> RefusalError:
    return RefusalError(status, refusal(status, detail, **more), media_type=PROBLEM)


def bad(field: str, message: str) -> RefusalError:
    detail = "The resource submitted could not be validated. For field-specific details, see the 'errors' array."
    return refused(400, detail, errors=[{"field": field, "message": message}])


def guarded(handler: Handler) -> Handler:
    """The key, its data centre and the number of connections first."""

    async def answer(request: Request) -> Response:
        sandbox = sandbox_of(request)
        key = _key(request.headers.get("authorization", ""))
        if key is None or key != sandbox.credentials.mailchimp_key or key.rpartition("-")[2] != DATA_CENTRE:
            raise refused(401)
        connections = sandbox.counters.open_requests["mailchimp"]
        if connections > 2 * sandbox.limits.mailchimp_concurrent:
            return Response("<html><body>403 Forbidden</body></html>", status_code=403, media_type="text/html")
        if connections > sandbox.limits.mailchimp_concurrent:
            raise refused(429)
        return await handler(request)

    return answer


def _key(authorization: str) -> str | None:
    """The API key of a Basic (any user name) or Bearer header."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return None


class Query:
    """The validated parameters of a request: those of paging and fields, and the named others."""

    def __init__(self, request: Request, *names: str, paged: bool = True) -> None:
        self._values = request.query_params
        allowed = {*names, *(_PAGING if paged else _PAGING[2:])}
        for name in self._values:
            if name not in allowed:
                raise bad(name, "This parameter does not exist.")
        self.count = self._whole("count", 10, MAX_COUNT)
        self.offset = self._whole("offset", 0, None)
        self.fields = Fields(self.text("fields"), self.text("exclude_fields"))

    def _whole(self, name: str, default: int, most: int | None) -> int:
        text = self._values.get(name, str(default))
        if not text.isdecimal() or (most is not None and int(text) > most):
            raise bad(name, f"This value should be an integer{f' of at most {most}' if most else ''}.")
        return int(text)

    def text(self, name: str) -> str | None:
        return self._values.get(name)

    def choice(self, name: str, options: Sequence[str]) -> str | None:
        text = self.text(name)
        if text is not None and text not in options:
            raise bad(name, f"Schema describes string, '{text}' is not one of {', '.join(options)}.")
        return text

    def moment(self, name: str) -> int | None:
        """An ISO 8601 parameter as unix seconds."""
        text = self.text(name)
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text.replace(" ", "+") if text.count(" ") and "T" in text else text)
        except ValueError:
            raise bad(name, "Please enter a date and time in ISO 8601 format.") from None
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())

    def page(self, rows: Sequence[Any]) -> Sequence[Any]:
        return rows[self.offset : self.offset + self.count]

    def answer(self, body: Json) -> Answer:
        return Answer(self.fields.pick({**body, "_links": []}))


def account_of(request: Request) -> Account:
    return sandbox_of(request).view.emails


def within(moments: Values, since: int | None, before: int | None) -> Values:
    """Which unix seconds lie strictly between two (either may be open)."""
    inside = np.ones(len(moments), dtype=bool)
    if since is not None:
        inside &= moments > since
    if before is not None:
        inside &= moments < before
    return inside


def sent_between(request: Request, query: Query) -> list[int]:
    """Numbers of the campaigns the parameters ask for, oldest first. Every campaign of this account has been sent."""
    wanted = within(account_of(request).send_times, query.moment("since_send_time"), query.moment("before_send_time"))
    if query.choice("type", CAMPAIGN_TYPES) not in (None, "regular"):
        return []
    return [*np.flatnonzero(wanted).tolist()]
