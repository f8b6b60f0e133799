"""The imaginary company over HTTP: a path per vendor (/hubspot, /ga4, …) on a port of 127.0.0.1, and folders of files.

Flow: `World + clock → Sandbox (state) → create_app → serve | running`. Belongs here: sockets and addresses. Does not:
what vendors say (`apis`), what goes wrong (`faults`), files (`files`).
"""

from __future__ import annotations

import logging
import os
import shlex
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from sandbox import files
from sandbox.apis.answers import Answer, RefusalError, refused
from sandbox.apis.vendor import Place
from sandbox.changes import Change
from sandbox.corrupt import Corruption
from sandbox.faults import Fault, Faults
from sandbox.limits import FAST, Limits
from sandbox.middleware import FaultMiddleware, Logged, fault_routes
from sandbox.move import Move
from sandbox.state import Clock, Credentials, Sandbox, today
from sandbox.vendors import VENDORS, vendor_of
from sandbox.world import World

PORT = 8765
HOST = "127.0.0.1"
START_SECONDS = 30
KEEP_ALIVE_SECONDS = 75


async def _missing(request: Request, _: Exception) -> Response:
    vendor = vendor_of(request.url.path)
    return Answer(vendor.refusal(404), status_code=404, media_type=vendor.media_type)


def create_app(sandbox: Sandbox) -> Starlette:
    """The ASGI application of a sandbox."""
    app = Starlette(
        routes=[
            *(Mount(f"/{name}", routes=vendor.routes()) for name, vendor in VENDORS.items()),
            *fault_routes(),
            Route("/", lambda _: Answer({"vendors": list(VENDORS)})),
        ],
        exception_handlers={RefusalError: refused, 404: _missing},
    )
    app.state.sandbox = sandbox
    app.add_middleware(FaultMiddleware, sandbox=sandbox)
    return app


def env(base_url: str, home: Path, *, limits: Limits = FAST) -> dict[str, str]:
    """The SOURCES__… variables that point Kpilote at this sandbox."""
    credentials = Credentials()
    variables = {"SOURCES__SPREADSHEETS__URL": str(files.spreadsheet_folder(home))}
    for name, vendor in VENDORS.items():
        variables |= vendor.env(Place(f"{base_url}/{name}", credentials, limits, home))
    return variables


class _Server:
    """uvicorn on a port taken beforehand, so that a taken port is one clear error and a free one is known."""

    def __init__(self, sandbox: Sandbox, port: int) -> None:
        try:
            self._socket = socket.create_server((HOST, port))
        except OSError:
            raise RuntimeError(f"port {port} of {HOST} is taken: stop what uses it, or choose another port") from None
        self.base_url = f"http://{HOST}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            create_app(sandbox), log_level="error", log_config=None, access_log=False, lifespan="off",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )  # fmt: skip
        # A planned fault, not an error of the server.
        logging.getLogger("uvicorn.error").addFilter(lambda record: "without completing" not in record.getMessage())
        self.server = uvicorn.Server(config)

    def run(self) -> None:
        with self._socket:
            self.server.run(sockets=[self._socket])


@dataclass
class Running:
    """A server that answers: its addresses, the requests it has seen, and the sandbox behind it."""

    base_url: str
    sandbox: Sandbox
    requests: list[Logged]
    home: Path | None

    @property
    def hubspot_url(self) -> str:
        return f"{self.base_url}/hubspot"

    @property
    def ga4_url(self) -> str:
        return f"{self.base_url}/ga4"

    @property
    def mailchimp_url(self) -> str:
        return f"{self.base_url}/mailchimp/3.0"

    @property
    def faults(self) -> Faults:
        return self.sandbox.faults

    @property
    def env(self) -> dict[str, str]:
        if self.home is None:
            raise ValueError("running(home=…) is needed: the environment names folders under it")
        return env(self.base_url, self.home, limits=self.sandbox.limits)

    def advance(self, until: date) -> None:
        """Moves the company to 00:00 of another day."""
        self.sandbox.clock = lambda: until
        self.sandbox.refresh()


@contextmanager
def running(
    world: World,
    until: date | None = None,
    *,
    faults: Iterable[Fault] = (),
    corrupt: Iterable[Corruption] = (),
    changes: Iterable[Change] = (),
    limits: Limits = FAST,
    credentials: Credentials | None = None,
    home: Path | None = None,
    sources: str = "",
    moved: Move | None = None,
    port: int = 0,
) -> Iterator[Running]:
    """A sandbox in a thread on a free port, for tests and the demo; `until` fixes its day (default: the calendar's),
    `sources` are those its files go with.
    """
    seen: list[Logged] = []
    clock: Clock = today if until is None else lambda: until
    sandbox = Sandbox(
        world, clock, faults=faults, corrupt=corrupt, changes=changes, limits=limits, credentials=credentials,
        home=home, sources=sources, moved=moved, on_request=seen.append,
    )  # fmt: skip
    sandbox.refresh()
    server = _Server(sandbox, port)
    thread = threading.Thread(target=server.run, name="sandbox", daemon=True)
    thread.start()
    give_up = time.monotonic() + START_SECONDS
    while not server.server.started:
        if not thread.is_alive() or time.monotonic() > give_up:
            raise RuntimeError(f"the sandbox did not start at {server.base_url}")
        time.sleep(0.01)
    try:
        yield Running(server.base_url, sandbox, seen, home)
    finally:
        server.server.should_exit = True
        thread.join(timeout=START_SECONDS)


def serve(
    world: World,
    home: Path,
    *,
    port: int = PORT,
    until: date | None = None,
    moved: Move | None = None,
    limits: Limits = FAST,
    log: Callable[[str], None],
) -> None:
    """`kpilote sandbox`: serves until interrupted; `log` receives what a person needs to know."""
    clock: Clock = today if until is None else lambda: until
    sources = os.environ.get("KPILOTE_SOURCES", "")
    sandbox = Sandbox(world, clock, limits=limits, home=home, sources=sources, moved=moved)
    server = _Server(sandbox, port)
    sandbox.refresh()
    log(f"The imaginary company of {clock()} (seed {world.seed}, scale {world.scale:g}, since {world.start}):")
    for name in VENDORS:
        log(f"  {server.base_url}/{name}")
    log("Point Kpilote at it with:")
    for name, value in env(server.base_url, home, limits=limits).items():
        log(f"  export {name}={shlex.quote(value)}")
    server.run()
