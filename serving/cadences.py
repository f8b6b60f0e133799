"""Which release each cadence's cells were last computed in: what the facts said there explains what changed since.

A weekly run computes the weeks from facts the daily runs published before it, so the newest release is the wrong one to
compare those facts with. A manifest says it per cadence in `computed_in`; such a release is kept for as long.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from serving import folder
from serving.folder import Release, ReleaseError


def computed_in(fingerprints: Mapping[str, str], before: Release | None, release_id: str) -> dict[str, str]:
    """For a new release's manifest: itself where a cadence's fingerprints moved, else what the release before says."""
    known = before.manifest if before else {}
    return {
        cadence: known["computed_in"][cadence] if known.get("fingerprints", {}).get(cadence) == digest else release_id
        for cadence, digest in fingerprints.items()
    }


def bases(releases_dir: Path, before: Release) -> dict[str, Release]:
    """The sound release each cadence was last computed in, as the newest release tells; without those that are lost."""
    found = {before.id: before}
    for release_id in _named(before) - set(found):
        with contextlib.suppress(ReleaseError):
            release = folder.read(releases_dir / release_id)
            if not folder.problems(release):
                found[release_id] = release
    told: Mapping[str, str] = before.manifest.get("computed_in", {})
    return {cadence: found[release_id] for cadence, release_id in told.items() if release_id in found}


def needed(releases: list[Release]) -> set[str]:
    """Ids of the releases that explain what these, or the next one, changed."""
    return set().union(*map(_named, releases))


def _named(release: Release) -> set[str]:
    return set(release.manifest.get("computed_in", {}).values())
