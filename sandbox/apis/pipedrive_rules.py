"""What Pipedrive checks before it answers: token, scope, burst, the day's tokens, parameters; and how it refuses.

Belongs here: every refusal, and paging. Does not: answers (`pipedrive`). Where Pipedrive would ignore a parameter it
does not know, the sandbox refuses it, so that a misspelt one is found here and not in production.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.apis.answers import Answer, Json, RefusalError, sandbox_of
from sandbox.apis.pipedrive_records import Listing

PAGE, MOST = 100, 500
MOST_IDS, MOST_CUSTOM = 100, 15
# RFC 3339 without fractions of a second: with them Pipedrive answers 400.
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
_INFO = "Please check developers.pipedrive.com"
_ERRORS = {
    401: "unauthorized access", 403: "Scope and URL mismatch", 404: "Unknown method .", 429: "request over limit",
    500: "internal error",
}  # fmt: skip
# Filters of the lists by the type of their value.
NUMBERS = ("filter_id", "owner_id", "person_id", "org_id", "deal_id", "pipeline_id", "stage_id")
Handler = Callable[[Request], Awaitable[Response]]


def refusal(status: int, message: str | None = None) -> Json:
    """Pipedrive's error body."""
    error = message or _ERRORS.get(status, "The request cannot be served.")
    return {"success": False, "error": error, "errorCode": status, "error_info": _INFO}


def refused(status: int, message: str | None = None) -> RefusalError:
    return RefusalError(status, refusal(status, message))


def guarded(handler: Handler, scope: str, tokens: int) -> Handler:
    """Token, burst, budget and scope first; headers tell what is left with every answer but a 401."""

    async def answer(request: Request) -> Response:
        sandbox = sandbox_of(request)
        scopes = sandbox.credentials.pipedrive_tokens.get(request.headers.get("x-api-token", ""))
        if scopes is None:
            raise refused(401)
        counters = sandbox.counters
        if not counters.pipedrive_burst.take():
            raise RefusalError(429, refusal(429), headers=_headers(request, wait=1))
        if not counters.pipedrive_day.take(tokens):
            raise RefusalError(429, refusal(429), headers=_headers(request, wait=3600))
        if scope not in scopes:
            raise RefusalError(403, refusal(403), headers=_headers(request))
        response = await handler(request)
        response.headers.update(_headers(request))
        return response

    return answer


def _headers(request: Request, wait: int = 0) -> dict[str, str]:
    counters = sandbox_of(request).counters
    return {
        "x-ratelimit-limit": str(counters.pipedrive_burst.allowed),
        "x-ratelimit-remaining": str(counters.pipedrive_burst.remaining()),
        "x-ratelimit-reset": "2",
        "x-daily-ratelimit-token-limit": str(counters.pipedrive_day.allowed),
        "x-daily-ratelimit-token-remaining": str(counters.pipedrive_day.remaining()),
        **({"Retry-After": str(wait)} if wait else {}),
    }


class Query:
    """The validated parameters of a request."""

    def __init__(self, request: Request, *names: str) -> None:
        self._values = request.query_params
        unknown = sorted(set(self._values) - set(names))
        if unknown:
            raise refused(400, f"Parameters {', '.join(unknown)} do not exist")
        self.numbers = {name: self._whole(name, None) for name in NUMBERS if name in self._values}
        if "filter_id" in self.numbers:
            raise refused(404, "Filter not found")

    def text(self, name: str) -> str | None:
        return self._values.get(name)

    def _whole(self, name: str, most: int | None, least: int = 0) -> int:
        text = self._values[name]
        if not text.isdecimal() or int(text) < least or (most is not None and int(text) > most):
            raise refused(400, f"Parameter '{name}' must be an integer{f' from {least} to {most}' if most else ''}")
        return int(text)

    @property
    def limit(self) -> int:
        return self._whole("limit", MOST, 1) if "limit" in self._values else PAGE

    @property
    def start(self) -> int:
        return self._whole("start", None) if "start" in self._values else 0

    def choice(self, name: str, options: Sequence[str], default: str) -> str:
        text = self._values.get(name, default)
        if text not in options:
            raise refused(400, f"Parameter '{name}' must be one of {', '.join(options)}")
        return text

    def flag(self, name: str) -> bool | None:
        return None if name not in self._values else self.choice(name, ("true", "false"), "") == "true"

    def many(self, name: str, options: Sequence[str] | None, most: int | None = None) -> list[str] | None:
        """A list separated by commas."""
        text = self._values.get(name)
        if text is None:
            return None
        found = [part for part in text.split(",") if part]
        if (most is not None and len(found) > most) or (options is not None and not set(found) <= set(options)):
            raise refused(
                400, f"Parameter '{name}' is not a list{f' of at most {most}' if most else ''} of what it may hold"
            )
        return found

    def ids(self) -> set[int] | None:
        found = self.many("ids", None, MOST_IDS)
        if found is not None and not all(each.isdecimal() for each in found):
            raise refused(400, "Parameter 'ids' must be integers separated by commas")
        return None if found is None else {int(each) for each in found}

    def instant(self, name: str, pattern: re.Pattern[str] = _INSTANT) -> int | None:
        """Unix seconds of an instant."""
        text = self._values.get(name)
        if text is None:
            return None
        if not pattern.fullmatch(text):
            raise refused(400, f"Parameter '{name}' is not a valid datetime (RFC 3339 without fractions)")
        return int(datetime.fromisoformat(text).timestamp())


def page(query: Query, listing: Listing, sorts: Sequence[str], keep: Callable[[Json], bool] | None = None) -> Json:
    """A page of API v2: filtered, sorted by a key and then by id, continued after the record the cursor names."""
    sort, is_down = (
        query.choice("sort_by", sorts, "id"),
        query.choice("sort_direction", ("asc", "desc"), "asc") == "desc",
    )
    keys = listing.key(sort) if sort != "order_nr" else listing.numbers
    rows = np.lexsort((listing.numbers, keys))[:: -1 if is_down else 1]
    for name, is_kept in (("updated_since", np.greater_equal), ("updated_until", np.less)):
        moment = query.instant(name)
        if moment is not None:
            rows = rows[is_kept(listing.key("update_time")[rows], moment)]
    asked, after = query.ids(), _cursor(query.text("cursor"), sort, is_down)
    if asked is not None:
        rows = rows[np.isin(listing.numbers[rows], list(asked))]
    if after is not None:
        value, number = after
        above = (keys[rows] > value) | ((keys[rows] == value) & (listing.numbers[rows] > number))
        below = (keys[rows] < value) | ((keys[rows] == value) & (listing.numbers[rows] < number))
        rows = rows[below if is_down else above]
    found, limit = [], query.limit
    for row in rows.tolist():
        if keep is None or keep(listing.render(row)):
            found.append(row)
        if len(found) > limit:
            break
    shown = found[:limit]
    last = (int(keys[shown[-1]]), int(listing.numbers[shown[-1]])) if len(found) > limit else None
    return {
        "success": True,
        "data": [listing.render(row) for row in shown],
        "additional_data": {"next_cursor": cursor(sort, is_down, last)},
    }


def cursor(sort: str, is_down: bool, last: tuple[int, int] | None) -> str | None:
    if last is None:
        return None
    return base64.urlsafe_b64encode(orjson.dumps([sort, is_down, *last])).decode().rstrip("=")


def _cursor(text: str | None, sort: str, is_down: bool) -> tuple[int, int] | None:
    if text is None:
        return None
    try:
        found = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if found[:2] == [sort, is_down] and len(found) == 4:
            return int(found[2]), int(found[3])
    except (binascii.Error, ValueError, TypeError, KeyError, IndexError):
        pass
    raise refused(400, "Parameter 'cursor' is not a cursor of this list")


def offset_page(query: Query, rows: Sequence[Json]) -> Answer:
    """A page of API v1."""
    end = query.start + query.limit
    told = {"start": query.start, "limit": query.limit, "more_items_in_collection": end < len(rows)}
    return Answer({"success": True, "data": rows[query.start : end], "additional_data": told})


def without(record: Json, fields: Mapping[str, Any]) -> Json:
    """A record without the members that come only when they are asked for."""
    return {name: value for name, value in record.items() if name not in fields}
