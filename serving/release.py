"""Publish the marts as one release: a folder of Parquet files with a manifest, and the DuckDB file BI tools open.

Flow: warehouse (read-only) → `releases/.staging/` → `releases/<release_id>/` → `releases/current` → `kpilote.duckdb`.
The switch of the `current` link is the moment of publication; everything before it is invisible, and the DuckDB file
beside it is a copy, which the next publication puts right if the machine died between the two. A release is never
edited. A run that changed nothing but processing timestamps makes no new release.

How a release is made is in `serving.making`; building KPIs, judging them and drawing them belong elsewhere.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import duckdb

from serving import cadences, files, folder, marts, shelf
from serving.folder import Release, ReleaseError
from serving.ledger import book
from serving.ledger.record import Recorded
from serving.making import MakingSettings, make

__all__ = [
    "Recorded",
    "Release",
    "ReleaseError",
    "ReleaseSettings",
    "amend",
    "current",
    "list_releases",
    "publish",
    "rollback",
    "rolled_back",
    "verify",
]

KEEP_RELEASES = 7
LOCK_WAIT_SECONDS = 600.0
# What a disk that is full or read-only looks like from here; DuckDB finds out in a write, a commit or a checkpoint.
DISK_ERRORS = (OSError, duckdb.IOException, duckdb.TransactionException, duckdb.FatalException)
_STAGING = ".staging"
_NOTHING_YET = "there is no release yet: run `kpilote refresh` first"


class ReleaseSettings(MakingSettings, Protocol):
    """What publication needs of the settings."""

    @property
    def bi_path(self) -> Path: ...


def publish(settings: ReleaseSettings, gates: Sequence[Mapping[str, Any]], *, keep: int = KEEP_RELEASES) -> Release:
    """Publish the marts of the warehouse, unless a gate failed or nothing changed since the current release.

    Each gate is a mapping with at least `gate` (its name) and `passed`; the rest is kept in the manifest as evidence.
    """
    _refuse_failed(gates)
    with _publishing(settings):
        book.settle(settings.ledger_dir, shelf.ids(settings.releases_dir))
        staging = settings.releases_dir / _STAGING
        shutil.rmtree(staging, ignore_errors=True)  # left by a publisher that was killed
        staging.mkdir()
        try:
            release = make(settings, staging, gates)
        except marts.MartsError as error:
            raise ReleaseError(str(error)) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        is_new = release.id != shelf.current_id(settings.releases_dir)
        _serve(settings, release)
        _prune(settings, keep)
        return replace(release, is_new=is_new)


def amend(settings: ReleaseSettings, rewrite: Callable[[Release, Path], bool]) -> list[str]:
    """Let every release that is kept be written anew; returns the ids of those that were.

    The one exception to "a release is never edited": an erasure. `rewrite(release, folder)` fills an empty folder with
    the whole release, manifest included, or says that nothing has to change. The release keeps its id; at every moment
    `current` and the BI file show one whole release, as it was or as it became. A damaged release cannot be written
    anew, nor can anybody say what it holds: it is removed.
    """
    with _publishing(settings):
        for left in settings.releases_dir.glob(f"{shelf.AMENDED}*"):  # by an erasure that was killed
            _exchange(settings, left.name.removeprefix(shelf.AMENDED))
        amended = []
        staging = settings.releases_dir / _STAGING
        shutil.rmtree(staging, ignore_errors=True)  # left by a publisher that was killed
        for release_id in shelf.ids(settings.releases_dir):
            release = shelf.sound(settings.releases_dir, release_id)
            if release is None:  # nobody could say what it holds
                _take_away(settings, release_id)
                amended.append(release_id)
                continue
            staging.mkdir()
            if rewrite(release, staging):
                files.sync(staging)
                staging.rename(settings.releases_dir / f"{shelf.AMENDED}{release_id}")
                _exchange(settings, release_id)
                amended.append(release_id)
            shutil.rmtree(staging, ignore_errors=True)
        now = current(settings)
        if now is not None:
            _serve(settings, now)
        for doomed in settings.releases_dir.glob(".removed-*"):
            shutil.rmtree(doomed)
        return amended


def current(settings: ReleaseSettings) -> Release | None:
    """The release readers see, or None before the first publication."""
    release_id = shelf.current_id(settings.releases_dir)
    return shelf.read(settings.releases_dir, release_id) if release_id else None


def list_releases(settings: ReleaseSettings) -> list[Release]:
    """Every release that is kept and whose manifest can be read, newest first."""
    found = []
    for release_id in shelf.ids(settings.releases_dir):
        with contextlib.suppress(ReleaseError):
            found.append(shelf.read(settings.releases_dir, release_id))
    return found


def rollback(settings: ReleaseSettings, release_id: str | None = None) -> Release:
    """Serve an older release again: the one named, or the newest one older than the current. It stays in service until
    the marts say something that none newer says.
    """
    with _publishing(settings):
        now = shelf.current_id(settings.releases_dir)
        if now is None:
            raise ReleaseError(_NOTHING_YET)
        if release_id is None:
            older = [known for known in shelf.ids(settings.releases_dir) if known < now]
            if not older:
                raise ReleaseError(f"{now} is the oldest release kept: there is none before it to roll back to")
            release_id = older[0]
        release = shelf.read(settings.releases_dir, release_id)
        problems = folder.problems(release)
        if problems:
            raise ReleaseError(f"release {release.id} is damaged and stays out of service: {problems[0]}")
        files.replace_with_text(shelf.ids(settings.releases_dir)[0], settings.releases_dir / shelf.ROLLED_BACK)
        _serve(settings, release)
        return release


def rolled_back(settings: ReleaseSettings) -> str | None:
    """The id of the release that was rolled back, as long as there is none newer."""
    return shelf.rolled_back(settings.releases_dir)


def verify(settings: ReleaseSettings, release_id: str | None = None) -> list[str]:
    """What is wrong with a release (default: the current one and the BI file beside it); empty when nothing is."""
    now = shelf.current_id(settings.releases_dir)
    if release_id is None and now is None:
        raise ReleaseError(_NOTHING_YET)
    release = shelf.read(settings.releases_dir, release_id or str(now))
    problems = folder.problems(release)
    if release.id == now and not _serves(settings.bi_path, release):
        problems.append(
            f"{settings.bi_path} is not the file of release {release.id}: publish or roll back to restore it"
        )
    return problems


def _refuse_failed(gates: Sequence[Mapping[str, Any]]) -> None:
    if not gates:
        raise ReleaseError("no gate result was given: only marts that passed their gates are published")
    failed = [str(gate.get("gate", "unnamed")) for gate in gates if gate.get("passed") is not True]
    if failed:
        raise ReleaseError(f"gate {', '.join(failed)} failed: nothing is published and the current release stays")


# -- serving -----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _publishing(settings: ReleaseSettings) -> Iterator[None]:
    try:
        with files.locked(settings.releases_dir / ".lock", wait_seconds=LOCK_WAIT_SECONDS):
            yield
    except files.LockTimeoutError as error:
        raise ReleaseError(f"{error}: another publication is running, try again when it has ended") from error
    except DISK_ERRORS as error:
        now = shelf.current_id(settings.releases_dir)
        # The new folder, and the copy of its DuckDB file that BI tools open.
        need = 2 * files.size(settings.releases_dir / now) if now else 0
        stays = f"readers keep release {now}" if now else "there is no release yet"
        raise ReleaseError(f"{files.refused(settings.releases_dir.parent, error, need)}; {stays}") from error


def _serve(settings: ReleaseSettings, release: Release) -> None:
    """Point `current` at the release and put its DuckDB file in the BI place; does nothing that is already so."""
    # `current` comes first, so the BI file can only be this release's where that is so: no other is read for its hash.
    if shelf.current_id(settings.releases_dir) == release.id and _serves(settings.bi_path, release):
        return
    # The copy comes first: a full disk must stop a publication before the switch, not between its two halves.
    with files.copied(release.path / folder.DATABASE, settings.bi_path) as draft:
        _point(settings, release)
        # A write-ahead log left by whoever opened the old file for writing would be replayed onto the new one.
        settings.bi_path.with_name(f"{settings.bi_path.name}.wal").unlink(missing_ok=True)
        files.install(draft, settings.bi_path)


def _point(settings: ReleaseSettings, release: Release) -> None:
    if shelf.current_id(settings.releases_dir) != release.id:
        files.replace_link(release.id, settings.releases_dir / shelf.CURRENT)


def _serves(bi_path: Path, release: Release) -> bool:
    return bi_path.exists() and files.sha256(bi_path) == release.manifest["database"]["sha256"]


def _take_away(settings: ReleaseSettings, release_id: str) -> None:
    """Remove a release that is damaged; where it is the one readers see, they have none until the next publication."""
    if shelf.current_id(settings.releases_dir) == release_id:
        (settings.releases_dir / shelf.CURRENT).unlink()
        settings.bi_path.unlink(missing_ok=True)
    _put_aside(settings, settings.releases_dir / release_id, release_id)


def _put_aside(settings: ReleaseSettings, path: Path, release_id: str) -> None:
    """Rename a folder before it is cleared away: half of it, after a kill, must not look like a release."""
    removed = settings.releases_dir / f".removed-{release_id}"
    shutil.rmtree(removed, ignore_errors=True)  # left by who was killed
    path.rename(removed)


def _exchange(settings: ReleaseSettings, release_id: str) -> None:
    """Give a release's name to its amended folder. Two folders cannot change places in one step, so `current` shows
    the amended one under its other name meanwhile.
    """
    amended, final = settings.releases_dir / f"{shelf.AMENDED}{release_id}", settings.releases_dir / release_id
    link = settings.releases_dir / shelf.CURRENT
    if shelf.current_id(settings.releases_dir) == release_id and link.readlink().name != amended.name:
        files.replace_link(amended.name, link)
    twin = settings.releases_dir / _STAGING
    shutil.rmtree(twin, ignore_errors=True)
    if final.exists():
        _put_aside(settings, final, release_id)
    shutil.copytree(amended, twin, copy_function=files.link)
    twin.rename(final)
    files.sync(settings.releases_dir)
    if shelf.current_id(settings.releases_dir) == release_id:
        files.replace_link(release_id, link)
    _put_aside(settings, amended, release_id)


def _prune(settings: ReleaseSettings, keep: int) -> None:
    known = shelf.ids(settings.releases_dir)
    kept = {*known[: max(keep, 1)], shelf.current_id(settings.releases_dir)}
    kept |= cadences.needed([release for release in list_releases(settings) if release.id in kept])
    for release_id in known:
        if release_id not in kept:
            _put_aside(settings, settings.releases_dir / release_id, release_id)
    for doomed in settings.releases_dir.glob(".removed-*"):
        shutil.rmtree(doomed, ignore_errors=True)
