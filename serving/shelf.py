"""The releases there are: which folder is which release, which one readers see, which one is the newest that is sound.

Flow: `releases/<id>/manifest.json`, `releases/current`, `releases/.rolled-back` → `Release`. Nothing is written here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from pathlib import Path

from serving import folder
from serving.folder import Release, ReleaseError

CURRENT = "current"
AMENDED = ".amended-"
ROLLED_BACK = ".rolled-back"


def current_id(releases: Path) -> str | None:
    """The id of the release readers see, or None before the first publication."""
    link = releases / CURRENT
    return link.readlink().name.removeprefix(AMENDED) if link.is_symlink() else None


def ids(releases: Path) -> list[str]:
    """Ids of complete release folders, newest first."""
    found = (path.parent for path in releases.glob(f"[!.]*/{folder.MANIFEST}"))
    return sorted((one.name for one in found if not one.is_symlink()), reverse=True)


def rolled_back(releases: Path) -> str | None:
    """The newest release, where a person chose an older one instead of it; None once there is a newer one."""
    note = releases / ROLLED_BACK
    noted = note.read_text(encoding="utf-8") if note.exists() else None
    return noted if noted in ids(releases)[:1] and noted != current_id(releases) else None


def read(releases: Path, release_id: str) -> Release:
    """A release by its id; ReleaseError where there is none, or its manifest cannot be read."""
    known = ids(releases)
    if release_id not in known:
        raise ReleaseError(f"there is no release {release_id} in {releases} ({', '.join(known) or 'none'})")
    return folder.read(releases / release_id)


def sound(releases: Path, release_id: str | None, tables: Collection[str] | None = None) -> Release | None:
    """A release none of whose files (or those of some marts) was touched since its publication; None where one was, or
    it is not there.
    """
    if release_id is None:
        return None
    with contextlib.suppress(ReleaseError):
        release = read(releases, release_id)
        if not folder.problems(release, tables):
            return release
    return None


def newest(releases: Path, tables: Collection[str] | None = None) -> Release | None:
    """The newest sound release, served or not."""
    return next((release for release_id in ids(releases) if (release := sound(releases, release_id, tables))), None)
