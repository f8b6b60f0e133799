"""What surrounds a process of ours: its environment variables for a while, and a quiet end."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def variables(values: Mapping[str, str]) -> Iterator[None]:
    """The environment with these variables; what they were before is put back."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def end_quietly() -> None:
    """Close standard error after the last exit handler of this process.

    DuckDB's bindings list objects that Great Expectations' registries still hold when the interpreter is taken apart:
    sixty lines about nothing a person could mend (seen with duckdb 2.0.0 on 2026-11-23).
    """
    atexit.register(_close_standard_error)


def _close_standard_error() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
