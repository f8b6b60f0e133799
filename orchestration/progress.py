"""What a run is doing right now, for whoever watches it: the terminal of `kpilote`, or the step's own log.

A run reports, a listener shows. Nothing is stored here and nothing depends on being heard.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Called with the step's name and a short line that replaces the one before it.
Listener = Callable[[str, str], None]
_listeners: list[Listener] = []


def report(step: str, line: str) -> None:
    """Say what a step is at; without a listener it goes to the step's standard error, which Dagster keeps."""
    for listener in _listeners:
        listener(step, line)
    if not _listeners:
        print(f"{step}: {line}", file=sys.stderr)  # noqa: T201 – captured as the step's log


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Hear the reports of this process for a while."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
