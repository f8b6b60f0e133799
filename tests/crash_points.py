"""Every change of the disk as a point at which a process is killed, or refused room: for drivers that fork per point.

Flow: fork → `kill_at(point)` or `full_from(point)` → the work; then `answer(look)` in another fork. Clearing a folder
away is a change per file of it.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ingestion import filesystems
from serving import database, files, marts

Places = tuple[tuple[object, tuple[str, ...]], ...]
# Methods of Path and what shutil does come down to functions of os, as far as they are not named here.
GROWS: Places = (
    (os, ("mkdir", "symlink", "link")),
    (Path, ("write_text",)),
    (shutil, ("copyfile",)),
    (files, ("sync",)),
    (filesystems, ("_part",)),
    (marts, ("_copy",)),
    (database, ("write",)),
)
SHRINKS: Places = ((os, ("rename", "replace", "unlink", "rmdir", "chmod")),)


def kill_at(point: int) -> None:
    """This process ends, as by a power cut, just before its n-th change of the disk."""

    def die(number: int) -> None:
        if number == point:
            os.kill(os.getpid(), signal.SIGKILL)

    _before_each(GROWS + SHRINKS, die)


def full_from(point: int) -> None:
    """From its n-th write on the disk has no room for this process; renaming and removing still work."""

    def refuse(number: int) -> None:
        if number >= point:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    _before_each(GROWS, refuse)


def answer(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What the work gives, or its `error`, in a fork: the process that forks on must never start the threads of DuckDB
    and Arrow, which do not survive it.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with os.fdopen(writing, "w") as pipe:
            try:
                text = json.dumps(work())
            except BaseException as error:
                text = json.dumps({"error": f"{type(error).__name__}: {error}"})
            pipe.write(text)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told: dict[str, Any] = json.load(pipe)
    os.waitpid(child, 0)
    return told


def _before_each(places: Places, act: Callable[[int], None]) -> None:
    """Call `act` with a running number ahead of each change."""
    numbers = itertools.count(1)

    def counted(function: Callable[..., object]) -> Callable[..., object]:
        def wrapper(*args: object, **kwargs: object) -> object:
            act(next(numbers))
            return function(*args, **kwargs)

        return wrapper

    for owner, names in places:
        for name in names:
            setattr(owner, name, counted(getattr(owner, name)))
