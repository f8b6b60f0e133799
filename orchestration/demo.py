"""The imaginary company as a source: its server in a process of its own, and the settings that point at it.

`kpilote demo` uses it always; `refresh`, `dev` and `doctor` use it when this home was made by the demo and no real
source is configured, so that whatever a newcomer tries next finds data. What the company did is `sandbox`'s business.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from os import environ
from pathlib import Path

from ingestion.errors import KpiloteError
from ingestion.filesystems import located
from ingestion.settings import Settings, is_asked, reload, settings, settings_class, variable
from orchestration.environment import variables

DEFAULT_PORT = 8765
FILES = "spreadsheets"
START_SECONDS = 120
# No secret: it hides nobody, the company's people are made up, and it must be the same on every run.
DEMO_HASH_KEY = "the-sandbox-has-no-secrets"
# The sandbox gives back what it no longer needs, so that a refresh beside it has the memory (glibc, Arrow).
FRUGAL = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": "1000000",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}
ON_THIS_MACHINE = "http://127.0.0.1:"


class DemoError(KpiloteError):
    """The demo cannot run here; the message says what to do."""


def world_file(now: Settings) -> Path:
    """Seed, scale and first day of this home's imaginary company; it exists where the demo ran."""
    return now.home / "sandbox" / "world.json"


def is_demo_home(now: Settings) -> bool:
    """Whether what this home holds came from the sandbox."""
    return world_file(now).exists()


def _told(now: Settings) -> dict[str, list[str]]:
    """What the environment (or `.env`, which the command loads) says of accounts: variables by source."""
    found = {}
    for name in now.sources:
        of = settings_class(name)
        asked = [variable(of, field) for field, info in of.model_fields.items() if is_asked(info)]
        found[name] = [each for each in asked if environ.get(each)]
    return {name: told for name, told in found.items() if told}


def _is_served(now: Settings) -> bool:
    """Whether the company of this home has to be served. Where a sandbox runs already, its variables say so; an account
    of one's own is never pulled into this home.
    """
    if not is_demo_home(now):
        return False
    told = _told(now)
    for name, (first, *_) in told.items():
        place = environ[first] if name == FILES else environ.get(f"SOURCES__{name.upper()}__BASE_URL", "")
        if not place.startswith((ON_THIS_MACHINE, str(now.home))):
            raise DemoError(
                f"{now.home} is the demo's and {first} is your own: set KPILOTE_HOME to another folder"
                " (`kpilote init` asks for one), or take the variable away to go on with the demo"
            )
    return not told


def refuse_foreign_home(now: Settings) -> None:
    """The demo never mixes with data of real accounts."""
    if not is_demo_home(now) and has_loads(now):
        raise DemoError(
            f"{now.home} holds data of your own accounts: `KPILOTE_HOME=data-demo kpilote demo` keeps them apart"
        )


def has_loads(now: Settings) -> bool:
    """Whether anything was ever pulled into the lake."""
    filesystem, root = located(now.lake_url)
    return bool(filesystem.glob(f"{root}/*/_dlt_loads/[!_]*.jsonl"))


@contextlib.contextmanager
def company(now: Settings, scale: float | None = None) -> Iterator[Settings]:
    """Serve the company of this home for a while; yields the settings that point at it."""
    from sandbox.server import env

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = [sys.executable, "-m", "sandbox", "--port", str(port), *(["--scale", str(scale)] if scale else [])]
    log = now.home / "logs" / "sandbox.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as output:
        server = subprocess.Popen(  # noqa: S603 – our own module
            arguments, stdout=output, stderr=output, env={**environ, **now.environment(), **FRUGAL}
        )
    try:
        _wait(server, url, log)
        founded = json.loads(world_file(now).read_text(encoding="utf-8"))["start"]
        demo = {"KPILOTE_START_DATE": founded, "KPILOTE_HASH_KEY": DEMO_HASH_KEY, **env(url, now.home)}
        with variables({**now.environment(), **demo}):
            yield reload()
    finally:
        server.terminate()
        server.wait(timeout=30)
        reload()


@contextlib.contextmanager
def settings_here() -> Iterator[Settings]:
    """The settings of this home, whose hash key is the demo's where the demo made it; its company is not served."""
    now = settings()
    if _is_served(now):
        with variables({**now.environment(), "KPILOTE_HASH_KEY": DEMO_HASH_KEY}):
            yield reload()
        reload()
    else:
        yield now


@contextlib.contextmanager
def company_if_needed() -> Iterator[Settings]:
    """The settings as they are, or those of the demo's company where this is its home and no account is configured."""
    now = settings()
    if _is_served(now):
        with company(now) as served:
            yield served
    else:
        yield now


def free_port() -> int:
    """The sandbox's usual port, or any that is free."""
    for port in (DEFAULT_PORT, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise DemoError("no port is free on 127.0.0.1")


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise DemoError(f"the sandbox ended at once: see {log}")
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 – our own address
                return
        except urllib.error.HTTPError:
            return  # it answers
        except OSError:
            time.sleep(0.1)
    raise DemoError(f"the sandbox did not answer within {START_SECONDS} s: see {log}")
