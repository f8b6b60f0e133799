"""What tests want of the machine they run on."""

from __future__ import annotations

import os
import socket
from typing import NoReturn

import pytest


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def do_without(program: str, package: str) -> NoReturn:
    """Skip on a person's machine, loudly, and fail in CI, which installs it."""
    message = f"NO {program.upper()}: nothing is tried with one here. Debian: apt-get install {package}."
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
