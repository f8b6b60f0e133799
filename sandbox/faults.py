"""What goes wrong on purpose: plans of failing answers, and the middleware that carries them out.

Flow: `Fault (path, nth match, times, kind) → FaultMiddleware → the answer, spoilt`; plans are set in process or by
`POST /_faults` ({"faults": […], "corrupt": […]}), listed by GET with what has fired, cleared by DELETE. Also here: the
log of requests and the count of open ones. Not here: wrong data (`corrupt`), the vendors' own refusals (`apis`).
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterable, MutableMapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.apis import ga4, hubspot_rules, mailchimp_rules
from sandbox.apis.answers import Answer, Json, sandbox_of
from sandbox.corrupt import Corruption

if TYPE_CHECKING:
    from sandbox.server import Sandbox

Kind = Literal[
    "401", "403", "404", "429", "429_retry_after", "500", "slow", "cut", "malformed", "page_repeated", "empty_page"
]
KINDS: tuple[str, ...] = get_args(Kind)
LISTS = ("results", "rows", "members", "emails", "sent_to", "unsubscribes", "campaigns", "lists", "reports")
CONTROL = "/_faults"


@dataclass
class Fault:
    """From the `nth` request on whose path matches `path` (a regular expression), the next `times` fail in this way.

    `seconds` is the wait of "slow" and the Retry-After of "429_retry_after". `page_repeated` gives the body of the
    matching request before; `empty_page` keeps the cursor and takes the rows.
    """

    path: str
    kind: Kind
    nth: int = 1
    times: int = 1
    seconds: float = 1.0
    matched: int = 0
    fired: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}: one of {', '.join(KINDS)}")
        self._pattern = re.compile(self.path)
        self.previous: bytes | None = None

    def fires(self, path: str) -> bool:
        if not self._pattern.search(path):
            return False
        self.matched += 1
        due = self.nth <= self.matched < self.nth + self.times
        self.fired += due
        return due

    def matches(self, path: str) -> bool:
        return self._pattern.search(path) is not None


@dataclass
class Logged:
    """One request as the server received it."""

    method: str
    path: str
    query: str
    body: bytes
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return orjson.loads(self.body) if self.body else None


class Faults:
    """The plans in force. `generation` counts changes of the served data."""

    def __init__(self, faults: Iterable[Fault] = (), corrupt: Iterable[Corruption] = ()) -> None:
        self.plan = list(faults)
        self.corrupt = tuple(corrupt)
        self.generation = 0
        self._lock = threading.Lock()

    @property
    def marks(self) -> frozenset[str]:
        """Quality flags GA4 shall set on its reports."""
        return frozenset(each.kind for each in self.corrupt if each.is_mark)

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self.plan.extend(faults)

    def spoil(self, *corrupt: Corruption) -> None:
        """Serves wrong data from the next request on."""
        with self._lock:
            self.corrupt += corrupt
            self.generation += bool(corrupt)

    def clear(self) -> None:
        """Ends all plans."""
        with self._lock:
            self.plan.clear()
            self.generation += bool(self.corrupt)
            self.corrupt = ()

    def due(self, path: str) -> Fault | None:
        """The fault this request meets, counting it against every plan that matches."""
        with self._lock:
            return next(iter([each for each in self.plan if each.fires(path)]), None)

    def remember(self, path: str, body: bytes) -> None:
        for each in self.plan:
            if each.kind == "page_repeated" and each.matches(path):
                each.previous = body


def vendor_refusal(path: str, status: int) -> tuple[Json, str]:
    """Body and media type of a refusal in the words of the vendor whose path it is."""
    if path.startswith("/ga4"):
        return ga4.refusal(status), "application/json"
    if path.startswith("/mailchimp"):
        return mailchimp_rules.refusal(status), mailchimp_rules.PROBLEM
    return hubspot_rules.refusal(status), "application/json"


class FaultMiddleware:
    """Around every vendor request: the day's view, the log, the count of open requests, and the faults."""

    def __init__(self, app: ASGIApp, sandbox: Sandbox) -> None:
        self._app, self._sandbox = app, sandbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            await self._app(scope, receive, send)
            return
        if not self._sandbox.is_current:
            await run_in_threadpool(self._sandbox.refresh)
        body = await _read(receive)
        logged = _logged(scope, body)
        open_requests = self._sandbox.counters.open_requests
        vendor = scope["path"].strip("/").partition("/")[0]
        open_requests[vendor] = open_requests.get(vendor, 0) + 1
        try:
            await self._answer(scope, body, send, logged)
        finally:
            open_requests[vendor] -= 1
            if self._sandbox.on_request is not None:
                self._sandbox.on_request(logged)

    async def _answer(self, scope: Scope, body: bytes, send: Send, logged: Logged) -> None:
        path = scope["path"]
        fault = self._sandbox.faults.due(path)
        if fault is not None and fault.kind[:3].isdigit():
            logged.status = int(fault.kind[:3])
            refusal, media_type = vendor_refusal(path, logged.status)
            headers = {"Retry-After": f"{fault.seconds:g}"} if fault.kind == "429_retry_after" else None
            answer = Answer(refusal, logged.status, headers=headers, media_type=media_type)
            await answer(scope, _replay(body), send)
            return
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        start, content = await self._collect(scope, body)
        logged.status = start["status"]
        if fault is None or start["status"] >= 300:
            self._sandbox.faults.remember(path, content)
            await _send(send, start, content)
        elif fault.kind == "cut":
            # Without the rest of the promised bytes the server closes the connection.
            await send(start)
            await send({"type": "http.response.body", "body": content[: len(content) // 2], "more_body": True})
        else:
            await _send(send, start, _spoilt(fault, content))

    async def _collect(self, scope: Scope, body: bytes) -> tuple[MutableMapping[str, Any], bytes]:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._app(scope, _replay(body), keep)
        return messages[0], b"".join(message.get("body", b"") for message in messages[1:])


def _spoilt(fault: Fault, content: bytes) -> bytes:
    if fault.kind == "malformed":
        return content[: max(1, len(content) * 2 // 3)]
    if fault.kind == "page_repeated":
        return content if fault.previous is None else fault.previous
    if fault.kind == "empty_page":
        answer = orjson.loads(content)
        for name in LISTS:
            if isinstance(answer, dict) and name in answer:
                answer[name] = []
        return orjson.dumps(answer)
    return content


async def _read(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return b"".join(parts)


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _send(send: Send, start: MutableMapping[str, Any], content: bytes) -> None:
    headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
    await send({**start, "headers": [*headers, (b"content-length", str(len(content)).encode())]})
    await send({"type": "http.response.body", "body": content})


def _logged(scope: Scope, body: bytes) -> Logged:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return Logged(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), body, headers=headers)


async def _control(request: Request) -> Response:
    faults = sandbox_of(request).faults
    if request.method == "DELETE":
        faults.clear()
    elif request.method == "POST":
        try:
            wanted = orjson.loads(await request.body())
            plan = [Fault(**each) for each in wanted.get("faults", [])]
            corrupt = [Corruption(**each) for each in wanted.get("corrupt", [])]
        except (TypeError, ValueError, AttributeError, re.error) as error:
            return Answer({"error": f"not a plan of faults: {error}"}, status_code=400)
        faults.add(*plan)
        faults.spoil(*corrupt)
    shown = [asdict(each) for each in faults.plan]
    return Answer({"faults": shown, "corrupt": [asdict(each) for each in faults.corrupt]})


def fault_routes() -> list[BaseRoute]:
    return [Route(CONTROL, _control, methods=["GET", "POST", "DELETE"])]
