"""Which release each cadence's cells were last computed in: what the facts said there explains what changed since.

A weekly run computes the weeks from facts the daily runs published before it, so the newest release is the wrong one to
compare those facts with. A manifest says it per cadence in `computed_in`; such a release is kept for as long.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serving import shelf
from serving.folder import Release

CADENCES = ("day", "week", "month", "quarter", "year")


def computed_in(facts: Mapping[str, Any], before: Release | None, release_id: str) -> dict[str, str]:
    """For a new release's manifest: itself where a cadence was computed from the facts it holds, else what the release
    before says. `facts` are those of `marts.facts`.
    """
    known: Mapping[str, str] = before.manifest["computed_in"] if before else {}
    return {
        cadence: release_id
        if cadence not in known or (cadence in facts["up_to_date"] and _is_moved(cadence, facts, before))
        else known[cadence]
        for cadence in facts["fingerprints"]
    }


def bases(releases_dir: Path, facts: Mapping[str, Any], before: Release, newest: Release | None) -> dict[str, Release]:
    """Per cadence that was computed again since `before`, the release whose facts explain what changed; without those
    whose release is lost or damaged. `newest` is known to be sound.
    """
    known: Mapping[str, str] = before.manifest["computed_in"]
    cadences = [cadence for cadence in CADENCES if _is_moved(cadence, facts, before)]
    named = {cadence: known.get(cadence, before.id) for cadence in cadences}
    found = {
        name: newest if newest and name == newest.id else shelf.sound(releases_dir, name)
        for name in set(named.values())
    }
    told = {cadence: found[name] for cadence, name in named.items()}
    return {cadence: release for cadence, release in told.items() if release}


def _is_moved(cadence: str, facts: Mapping[str, Any], before: Release | None) -> bool:
    """Whether cells of a cadence were computed since; a warehouse that keeps no fingerprints cannot tell."""
    digest = facts["fingerprints"].get(cadence)
    return before is None or digest is None or before.manifest["fingerprints"].get(cadence) != digest


def needed(releases: list[Release]) -> set[str]:
    """Ids of the releases that explain what these, or the next one, changed."""
    return set().union(*map(_named, releases))


def _named(release: Release) -> set[str]:
    return set(release.manifest["computed_in"].values())
