"""One release folder: its files, the manifest that vouches for them, and whether they are still what was published.

Which folder is served, and when a new one is made, is decided in `serving.release`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from ingestion.errors import KpiloteError
from serving import files, marts

MANIFEST = "manifest.json"
DATABASE = "kpilote.duckdb"


class ReleaseError(KpiloteError):
    """A release cannot be made, found or trusted; the message says what to do."""


@dataclass(frozen=True)
class Release:
    """One published state of the marts. `is_new` says that a publication put it in service."""

    id: str
    path: Path
    manifest: dict[str, Any] = field(repr=False, compare=False)
    is_new: bool = field(default=False, compare=False)

    @property
    def created_at(self) -> datetime:
        return datetime.fromisoformat(self.manifest["created_at"])

    @property
    def data_through(self) -> date | None:
        text = self.manifest["data_through"]
        return date.fromisoformat(text) if text else None

    @property
    def rows(self) -> dict[str, int]:
        return {name: int(entry["rows"]) for name, entry in self.manifest["tables"].items()}

    @contextlib.contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """An in-memory DuckDB with one view per mart over this release's own files: nothing is locked for others."""
        with marts.memory() as connection:
            marts.show(connection, self.path, self.manifest["tables"])
            yield connection


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Seal a folder: what is in the manifest from here on is what the folder is checked against."""
    complete: dict[str, Any] = json.loads(json.dumps(manifest, default=str))
    complete["manifest_sha256"] = _digest(complete)
    path = folder / MANIFEST
    path.write_text(json.dumps(complete, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    files.sync(path)
    return complete


def read(folder: Path) -> Release:
    """The release in a folder, by its manifest."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReleaseError(f"{path} cannot be read ({error}): roll back or publish again") from error
    if not all("files" in entry for entry in manifest["tables"].values()):
        raise ReleaseError(f"{path} was written by an earlier Kpilote: `kpilote refresh` publishes the marts anew")
    return Release(folder.name, folder, manifest)


def problems(release: Release, tables: Collection[str] | None = None) -> list[str]:
    """What differs from the day of publication, of the whole release or of some marts; empty when nothing does."""
    manifest = release.manifest
    if manifest.get("manifest_sha256") != _digest(manifest):
        return [f"{release.path / MANIFEST} was changed after publication"]
    found = []
    expected = [
        each
        for name, entry in manifest["tables"].items()
        if tables is None or name in tables
        for each in entry["files"]
    ]
    if tables is None:
        expected.append(manifest["database"])
    for entry in expected:
        path = release.path / entry["file"]
        if not path.exists():
            found.append(f"{path} is missing")
        elif files.sha256(path) != entry["sha256"]:
            found.append(f"{path} was changed after publication (its SHA-256 is not the manifest's)")
    if tables is not None:
        return found
    known = {entry["file"] for entry in expected}
    strangers = sorted(path for path in release.path.glob("*.parquet") if path.name not in known)
    return found + [f"{path} does not belong to the release" for path in strangers]


def _digest(manifest: Mapping[str, Any]) -> str:
    bare = {key: value for key, value in manifest.items() if key != "manifest_sha256"}
    return hashlib.sha256(json.dumps(bare, sort_keys=True).encode()).hexdigest()
