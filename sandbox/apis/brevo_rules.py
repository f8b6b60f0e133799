"""What Brevo checks before it answers: key, limits, parameters; and the bodies it refuses with.

Belongs here: every refusal, and the parameters lists share. Does not: answers (`brevo`). Where Brevo would ignore a
parameter it does not know, the sandbox refuses it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime
from math import ceil
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.apis.answers import Json, RefusalError, sandbox_of
from sandbox.apis.brevo_records import Account
from sandbox.limits import RollingWindow

MAX_DAYS = 90
_REFUSALS = {
    400: ("bad_request", "The request cannot be served."),
    401: ("unauthorized", "Key not found"),
    403: ("permission_denied", "Your account does not have access to this resource."),
    404: ("document_not_found", "The requested resource does not exist."),
    405: ("method_not_allowed", "This method is not allowed."),
    500: ("internal_error", "Something went wrong."),
}
Handler = Callable[[Request], Awaitable[Response]]


def refusal(status: int, message: str | None = None, code: str | None = None) -> Json:
    """Brevo's error body; that of too many requests differs."""
    if status == 429:
        return {"status": "error", "message": "rate limited"}
    known = _REFUSALS.get(status, _REFUSALS[500])
    return {"code": code or known[0], "message": message or known[1]}


def refused(status: int, message: str | None = None, code: str | None = None) -> RefusalError:
    return RefusalError(status, refusal(status, message, code))


def bad(message: str, code: str = "invalid_parameter") -> RefusalError:
    return refused(400, message, code)


def account_of(request: Request) -> Account:
    return sandbox_of(request).view.brevo


def guarded(handler: Handler) -> Handler:
    """The key and the limits of the path's family first; every answer says what is left of them."""

    async def answer(request: Request) -> Response:
        sandbox = sandbox_of(request)
        key = request.headers.get("api-key")
        if key is None:
            raise refused(401, "authentication not found in headers")
        if key != sandbox.credentials.brevo_key:
            raise refused(401)
        windows = sandbox.counters.brevo[_family(request.url.path)]
        spent = next((each for each in windows if each.remaining() < 1), None)
        if spent is not None:
            too_many = RefusalError(429, refusal(429))
            too_many.answer.headers.update(_left(spent))
            raise too_many
        for each in windows:
            each.take()
        try:
            response = await handler(request)
        except RefusalError as error:
            error.answer.headers.update(_left(windows[0]))
            raise
        response.headers.update(_left(windows[0]))
        return response

    return answer


def _family(path: str) -> str:
    name = path.partition("/v3/")[2].partition("/")[0]
    return name if name in {"contacts", "smtp"} else "others"


def _left(window: RollingWindow) -> dict[str, str]:
    """Brevo's limit headers; it sends no Retry-After."""
    return {
        "x-sib-ratelimit-limit": str(window.allowed),
        "x-sib-ratelimit-remaining": str(window.remaining()),
        "x-sib-ratelimit-reset": str(ceil(window.frees_in())),
    }


class Query:
    """The validated parameters of a request: paging where a largest page is given, and the named others."""

    def __init__(self, request: Request, *names: str, most: int | None = None, default: int = 50) -> None:
        self._values = request.query_params
        allowed = {*names, *(("limit", "offset", "sort") if most else ())}
        for name in self._values:
            if name not in allowed:
                raise bad(f"{name} is not a parameter of this endpoint")
        self.limit = self.whole("limit", default)
        if most is not None and self.limit > most:
            raise bad("Limit exceeds max value", "out_of_range")
        self.offset = self.whole("offset", 0)
        self._descending = self.choice("sort", ("asc", "desc")) != "asc"

    def whole(self, name: str, default: int) -> int:
        text = self._values.get(name, str(default))
        if not text.isdecimal():
            raise bad(f"Invalid {name}")
        return int(text)

    def text(self, name: str) -> str | None:
        return self._values.get(name)

    def choice(self, name: str, options: Sequence[str]) -> str | None:
        text = self.text(name)
        if text is not None and text not in options:
            raise bad(f"{name} should be one of {', '.join(options)}")
        return text

    def moment(self, name: str) -> datetime | None:
        """A date-time parameter (YYYY-MM-DDTHH:mm:ss.SSSZ)."""
        text = self.text(name)
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or "T" not in text:
            raise bad(f"Invalid {name}: a date-time like 2026-06-01T00:00:00.000Z is needed")
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def days(self, today: date) -> tuple[date, date] | None:
        """startDate and endDate as days, both or neither, not more than ninety days apart."""
        given = [self.text(name) for name in ("startDate", "endDate")]
        if given == [None, None]:
            return None
        try:
            first, last = (datetime.strptime(text or "", "%Y-%m-%d").replace(tzinfo=UTC).date() for text in given)
        except ValueError:
            raise bad("startDate and endDate are both needed, as YYYY-MM-DD", "missing_parameter") from None
        if first > last or first > today:
            raise bad("startDate must not be later than endDate or today")
        if (last - first).days > MAX_DAYS:
            raise bad(f"Time period should not be greater than {MAX_DAYS} days")
        return first, last

    def page(self, rows: Sequence[Any]) -> Sequence[Any]:
        """One page of rows that are in order of creation; the newest come first unless they are asked for last."""
        ordered = rows[::-1] if self._descending else rows
        return ordered[self.offset : self.offset + self.limit]
