"""Around every vendor request: the day's view, the log, the count of open requests, and the faults.

Plans of faults are set in process or by `POST /_faults` ({"faults": […], "corrupt": […]}), listed by GET with what has
fired, cleared by DELETE. Belongs here: HTTP between socket and vendor. Does not: what a plan means (`faults`).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import MutableMapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.apis.answers import Answer, sandbox_of
from sandbox.corrupt import Corruption
from sandbox.faults import Fault, spoilt
from sandbox.vendors import vendor_of

if TYPE_CHECKING:
    from sandbox.state import Sandbox

CONTROL = "/_faults"


@dataclass
class Logged:
    """One request as the server received it; `path` ends in the method's name where one path serves all (Matomo)."""

    method: str
    path: str
    query: str
    body: bytes
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return orjson.loads(self.body) if self.body else None


class FaultMiddleware:
    """ASGI middleware of one sandbox."""

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
        open_requests[vendor] += 1
        try:
            await self._answer(scope, body, send, logged)
        finally:
            open_requests[vendor] -= 1
            if self._sandbox.on_request is not None:
                self._sandbox.on_request(logged)

    async def _answer(self, scope: Scope, body: bytes, send: Send, logged: Logged) -> None:
        path = logged.path
        fault = self._sandbox.faults.due(path)
        if fault is not None and fault.kind[:3].isdigit():
            logged.status = int(fault.kind[:3])
            vendor = vendor_of(path)
            headers = {"Retry-After": f"{fault.seconds:g}"} if fault.kind == "429_retry_after" else None
            answer = Answer(vendor.refusal(logged.status), logged.status, headers=headers, media_type=vendor.media_type)
            await answer(scope, _replay(body), send)
            return
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            fault = None
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
            answered = spoilt(fault, content, vendor_of(path).lists)
            if answered == content:
                fault.fired -= 1
                self._sandbox.faults.remember(path, content)
            await _send(send, start, answered)

    async def _collect(self, scope: Scope, body: bytes) -> tuple[MutableMapping[str, Any], bytes]:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._app(scope, _replay(body), keep)
        return messages[0], b"".join(message.get("body", b"") for message in messages[1:])


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
    query = scope["query_string"].decode("latin-1")
    called = dict(parse_qsl(query)).get("method")
    path = scope["path"] if called is None else f"{scope['path']}?method={called}"
    return Logged(scope["method"], path, query, body, headers=headers)


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
