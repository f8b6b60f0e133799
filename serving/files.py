"""Durable file operations the publication rests on: hashes, fsync, atomic replacement, one lock between processes.

No knowledge of releases or marts belongs here. Everything assumes a POSIX file system, where a rename within one
file system is atomic and a lock dies with the process that holds it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

HASH_BLOCK_BYTES = 1 << 20
LOCK_POLL_SECONDS = 0.1


class LockTimeoutError(RuntimeError):
    """Another process held the lock for longer than we were willing to wait."""


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes, read block by block."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(HASH_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def sync(path: Path) -> None:
    """Force a file, or a folder's list of names, to the disk: a rename is only as durable as what it names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_with_copy(source: Path, target: Path) -> None:
    """Put a copy of `source` at `target` in one step: whoever opens `target` gets the old file or the new, whole."""
    draft = _draft(target)
    shutil.copyfile(source, draft)
    # Readers share it; a tool that opens it for writing would lock all others out, so it is told no at once.
    draft.chmod(0o444)
    _install(draft, target)


def replace_with_text(text: str, target: Path) -> None:
    """Write a text file in one step (see `replace_with_copy`)."""
    draft = _draft(target)
    draft.write_text(text, encoding="utf-8")
    _install(draft, target)


def replace_link(target_name: str, link: Path) -> None:
    """Point a relative symbolic link elsewhere in one step."""
    draft = _draft(link)
    draft.symlink_to(target_name)
    draft.replace(link)
    sync(link.parent)


def _draft(target: Path) -> Path:
    draft = target.with_name(f".{target.name}.draft")
    draft.unlink(missing_ok=True)  # left by a process that was killed
    return draft


def _install(draft: Path, target: Path) -> None:
    sync(draft)
    draft.replace(target)
    sync(target.parent)


@contextlib.contextmanager
def locked(path: Path, *, wait_seconds: float) -> Iterator[None]:
    """Hold an exclusive lock on `path`; the kernel frees it when the process ends, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_seconds
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise LockTimeoutError(f"{path} has been held by another process for {wait_seconds:g} s") from None
                time.sleep(LOCK_POLL_SECONDS)
        yield
