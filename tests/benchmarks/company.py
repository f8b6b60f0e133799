"""The sandbox in a process of its own, so that what it costs is not counted as Kpilote's."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from ingestion.settings import DEFAULT_SOURCES

SEED = 7
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


def _serve(pipe: Connection, home: Path, start: dt.date, scale: float, until: dt.date) -> None:
    from sandbox.server import running
    from sandbox.world import World

    with running(
        World(seed=SEED, start=start, scale=scale), until=until, home=home, sources=",".join(SOURCES)
    ) as server:
        pipe.send(server.env)
        while (day := pipe.recv()) is not None:
            server.advance(day)
            pipe.send(day)
