"""Durable file operations the publication rests on: hashes, fsync, atomic replacement, one lock between processes.

No knowledge of releases or marts belongs here. Everything assumes a POSIX file system, where a rename within one
file system is atomic and a lock dies with the process that holds it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

LOCK_POLL_SECONDS = 0.1
# What a file system says that knows no hard links, or not for this file.
WITHOUT_LINKS = (errno.EPERM, errno.EACCES, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS)
LEAST_ROOM_MB = 10  # never asked for less: what else runs there needs room too


class LockTimeoutError(RuntimeError):
    """Another process held the lock for longer than we were willing to wait."""


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def size(folder: Path) -> int:
    """Bytes of the files directly in a folder."""
    return sum(path.stat().st_size for path in folder.iterdir())


def refused(place: Path, error: Exception, need_bytes: int) -> str:
    """One line about a disk that is full or takes nothing: the place, the system's own words and the mend."""
    reason = (getattr(error, "strerror", None) or str(error)).splitlines()[0]
    need = max(LEAST_ROOM_MB, need_bytes // 1_000_000)
    return f"{place} cannot be written ({reason}): free {need} MB there, or let this user write, and run again"


def sync(path: Path | str) -> None:
    """Force a file, or a folder's list of names, to the disk: a rename is only as durable as what it names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def copied(source: Path, target: Path) -> Iterator[Path]:
    """A durable copy of `source` beside `target`: `install` puts it in place and needs no more room on the disk."""
    with _draft(target) as draft:
        shutil.copyfile(source, draft)
        # Readers share it; a tool that opens it for writing would lock all others out, so it is told no at once.
        draft.chmod(0o444)
        sync(draft)
        yield draft


def link(source: Path | str, target: Path | str) -> None:
    """A second name of a file that nobody edits; a copy where the file system gives none."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in WITHOUT_LINKS:
            raise
        shutil.copyfile(source, target)
        sync(target)


def install(draft: Path, target: Path) -> None:
    """Give a synced draft its name in one step: whoever opens `target` gets the old file or the new, whole."""
    draft.replace(target)
    sync(target.parent)


def replace_with_text(text: str, target: Path, *, mode: int = 0o666) -> None:
    """Write a text file in one step, with these permissions (less the umask) from its first byte."""
    with _draft(target) as draft:
        draft.touch(mode)
        draft.write_text(text, encoding="utf-8")
        sync(draft)
        install(draft, target)


def replace_link(target_name: str, link: Path) -> None:
    """Point a relative symbolic link elsewhere in one step."""
    with _draft(link) as draft:
        draft.symlink_to(target_name)
        install(draft, link)


@contextlib.contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """A name beside `target` for its next content; whatever has not been installed by the end is removed."""
    draft = target.with_name(f".{target.name}.draft")
    draft.unlink(missing_ok=True)  # left by a process that was killed
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: Path, *, wait_seconds: float, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold an exclusive lock on `path`; the kernel frees it when the process ends, however it ends.

    `waiting` is called once where another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_seconds
    said = False
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise LockTimeoutError(f"{path} has been held by another process for {wait_seconds:g} s") from None
                if not said:
                    waiting()
                    said = True
                time.sleep(LOCK_POLL_SECONDS)
        yield
