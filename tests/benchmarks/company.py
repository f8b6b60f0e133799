"""The sandbox in a process of its own, so that what it costs is not counted as Kpilote's."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from ingestion.settings import DEFAULT_SOURCES
from sandbox.limits import FAST
from sandbox.middleware import Logged

SEED = 7
# Hourly and daily limits that a whole history meets even at a hundred times the vendors' pace: waiting is not measured.
LIMITS = replace(
    FAST,
    brevo_contacts_per_second=100_000,
    brevo_contacts_per_hour=100_000_000,
    brevo_smtp_per_hour=1_000_000,
    brevo_others_per_hour=1_000_000,
    pipedrive_per_two_seconds=100_000,
    pipedrive_tokens_per_day=1_000_000_000,
)
ASKED = "asked"
SOURCES = os.environ.get("KPILOTE_SOURCES", ",".join(DEFAULT_SOURCES)).split(",")


@contextmanager
def serving(home: Path, start: dt.date, scale: float, until: dt.date) -> Iterator[Company]:
    """A company served over HTTP as of `until`; the environment variables that point Kpilote at it come with it."""
    here, there = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_serve, args=(there, home, start, scale, until), daemon=True)
    process.start()
    try:
        yield Company(here, here.recv())
    finally:
        here.send(None)
        process.join(timeout=20)


class Company:
    """Handle on the serving process."""

    def __init__(self, pipe: Connection, env: dict[str, str]) -> None:
        self._pipe = pipe
        self.env = env

    def advance(self, until: dt.date) -> None:
        """Moves the company to 00:00 of another day and waits until it is there."""
        self._pipe.send(until)
        self._pipe.recv()

    def asked(self) -> list[Logged]:
        """The requests since the last time this was called, as the vendors received them."""
        self._pipe.send(ASKED)
        requests: list[Logged] = self._pipe.recv()
        return requests


def _serve(pipe: Connection, home: Path, start: dt.date, scale: float, until: dt.date) -> None:
    from sandbox.server import running
    from sandbox.world import World

    world = World(seed=SEED, start=start, scale=scale)
    with running(world, until=until, home=home, sources=",".join(SOURCES), limits=LIMITS) as server:
        pipe.send(server.env)
        while (wish := pipe.recv()) is not None:
            if wish == ASKED:
                pipe.send(server.requests)
                server.requests.clear()
            else:
                server.advance(wish)
                pipe.send(wish)
