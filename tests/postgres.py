"""A real PostgreSQL of the tests' own: an empty cluster on a free port of this machine, gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2

from tests.machine import free_port

START_SECONDS = 60


def binaries() -> Path | None:
    """The folder of initdb and postgres; Debian keeps it out of PATH."""
    found = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return Path(found).resolve().parent if found else debian[-1].parent if debian else None


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The address of a server whose programs stand in `folder`; it refuses to run as root, so root becomes nobody."""
    data = Path(tempfile.mkdtemp(prefix="kpilote-postgres-"))
    user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(data, "nobody", "nogroup")
    port = free_port()
    address = f"postgresql://kpilote@127.0.0.1:{port}/postgres"
    try:
        make = [folder / "initdb", "-D", data / "db", "-U", "kpilote", "-A", "trust", "-E", "UTF8", "--no-locale"]
        subprocess.run([*user, *map(str, make)], check=True, stdout=subprocess.DEVNULL, cwd=data)
        serve = [folder / "postgres", "-D", data / "db", "-h", "127.0.0.1", "-p", str(port), "-k", data, "-F"]
        server = subprocess.Popen([*user, *map(str, serve)], stderr=subprocess.DEVNULL, cwd=data)
        try:
            _wait(address)
            yield address
        finally:
            server.terminate()
            server.wait(timeout=30)
    finally:
        shutil.rmtree(data)


def _wait(address: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg2.connect(address).close()
        except psycopg2.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return
