"""File systems as Kpilote uses them, of any URL that fsspec knows.

On a local disk a file appears whole or not at all, as an object store's do by themselves: bytes → `.{digest}.part`
beside the target → disk → rename. fsspec's own local file system writes straight under the final name, so a killed load
would leave half a Parquet file where every reader globs. Listings of an object store are never kept: another process,
or dlt in this one, may have added to them. Belongs here: how files are found and written. Does not: which files a lake
has (`lake.py`).
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

# Object stores: their drivers remember listings unless told not to (dbt's profile says the same), and have no folders.
STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss"}


class WholeFiles(LocalFileSystem):  # type: ignore[misc]
    """fsspec's local file system, every file put in place by one rename once it is on the disk."""

    def put_file(self, path1: Any, path2: Any, callback: Any = None, **kwargs: Any) -> None:
        with _part(self._strip_protocol(path2)) as part:
            super().put_file(path1, part, callback=callback, **kwargs)

    def pipe_file(self, path: Any, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:
        with _part(self._strip_protocol(path)) as part:
            super().pipe_file(part, value, mode, **kwargs)

    def write_text(
        self, path: Any, value: str, encoding: str | None = None, errors: Any = None, newline: Any = None, **kwargs: Any
    ) -> None:
        with _part(self._strip_protocol(path)) as part:
            super().write_text(part, value, encoding, errors, newline, **kwargs)


@contextmanager
def _part(target: str) -> Iterator[str]:
    """The name to write under. Its stem says nothing: dlt reads load ids from the names of its files, whole or not."""
    final = Path(target)
    part = final.with_name(f".{hashlib.sha256(final.name.encode()).hexdigest()[:16]}.part")
    yield str(part)
    descriptor = os.open(part, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.replace(final)


def register() -> None:
    """Make it what fsspec, and through it dlt, uses for local paths in this process."""
    fsspec.register_implementation("file", WholeFiles, clobber=True)


def located(url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """The file system of a URL or local path, and the path in it."""
    is_store = url.partition("://")[0] in STORES
    filesystem, path = fsspec.core.url_to_fs(url, **({"use_listings_cache": False} if is_store else {}))
    return filesystem, path


def is_local(filesystem: fsspec.AbstractFileSystem) -> bool:
    """Whether DuckDB reads it by itself."""
    return isinstance(filesystem, LocalFileSystem)


def clear_parts(filesystem: fsspec.AbstractFileSystem, folder: str) -> None:
    """Remove from a source's folder what killed writers left under names no reader looks at: `.….part`, and drafts of
    a compaction. Nobody may write there meanwhile.
    """
    for path in (*filesystem.glob(f"{folder}/.*part"), *filesystem.glob(f"{folder}/*/.*part")):
        filesystem.rm_file(path)


def make_folder(filesystem: fsspec.AbstractFileSystem, path: str) -> None:
    """Make a folder where there are such: a store needs none, and would take the first one for a bucket to make."""
    names = filesystem.protocol
    if STORES.isdisjoint([names] if isinstance(names, str) else names):
        filesystem.makedirs(path, exist_ok=True)


def address(filesystem: fsspec.AbstractFileSystem, path: str) -> str:
    """What DuckDB calls a file of this file system: local ones by their path, others by their URL."""
    return path if is_local(filesystem) else str(filesystem.unstrip_protocol(path))
