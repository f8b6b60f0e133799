"""Publish the marts as one release: a folder of Parquet files with a manifest, and the DuckDB file BI tools open.

Flow: warehouse (read-only) → `releases/.staging/` → `releases/<release_id>/` → `releases/current` → `kpilote.duckdb`.
The switch of the `current` link is the moment of publication; everything before it is invisible, and the DuckDB file
beside it is a copy, which the next publication puts right if the machine died between the two. A release is never
edited. A run that changed nothing but processing timestamps makes no new release.

How tables become files is in `serving.marts`; building KPIs, judging them and drawing them belong elsewhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import duckdb

from serving import cadences, files, folder, marts
from serving.folder import Release, ReleaseError
from serving.ledger import book
from serving.ledger.record import Recorded, record, rules_digest

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
    "verify",
]

KEEP_RELEASES = 7
LOCK_WAIT_SECONDS = 600.0
CURRENT = "current"
_AMENDED = ".amended-"
# What a disk that is full or read-only looks like from here; DuckDB finds out in a write, a commit or a checkpoint.
DISK_ERRORS = (OSError, duckdb.IOException, duckdb.TransactionException, duckdb.FatalException)
_STAGING = ".staging"
_NOTHING_YET = "there is no release yet: run `kpilote refresh` first"


class ReleaseSettings(Protocol):
    """What publication needs of the settings."""

    @property
    def warehouse_path(self) -> Path: ...
    @property
    def releases_dir(self) -> Path: ...
    @property
    def bi_path(self) -> Path: ...
    @property
    def ledger_dir(self) -> Path: ...
    @property
    def lake_url(self) -> str: ...
    @property
    def timezone(self) -> str: ...
    @property
    def currency(self) -> str: ...


def publish(settings: ReleaseSettings, gates: Sequence[Mapping[str, Any]], *, keep: int = KEEP_RELEASES) -> Release:
    """Publish the marts of the warehouse, unless a gate failed or nothing changed since the current release.

    Each gate is a mapping with at least `gate` (its name) and `passed`; the rest is kept in the manifest as evidence.
    """
    _refuse_failed(gates)
    with _publishing(settings):
        book.drop_orphans(settings.ledger_dir, _known_ids(settings))
        staging = settings.releases_dir / _STAGING
        shutil.rmtree(staging, ignore_errors=True)  # left by a publisher that was killed
        staging.mkdir()
        try:
            release = _written(settings, staging, gates)
        except marts.MartsError as error:
            raise ReleaseError(str(error)) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        is_new = release.id != _current_id(settings)
        _serve(settings, release)
        _prune(settings, keep)
        return replace(release, is_new=is_new)


def amend(settings: ReleaseSettings, rewrite: Callable[[Release, Path], bool]) -> list[str]:
    """Let every release that is kept be written anew; returns the ids of those that were.

    The one exception to "a release is never edited": an erasure. `rewrite(release, folder)` fills an empty folder with
    the whole release, manifest included, or says that nothing has to change. The release keeps its id; at every moment
    `current` and the BI file show one whole release, as it was or as it became.
    """
    with _publishing(settings):
        for left in settings.releases_dir.glob(f"{_AMENDED}*"):  # by an erasure that was killed
            _exchange(settings, left.name.removeprefix(_AMENDED))
        amended = []
        for release_id in _known_ids(settings):
            staging = settings.releases_dir / _STAGING
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir()
            if rewrite(_open(settings, release_id), staging):
                files.sync(staging)
                staging.rename(settings.releases_dir / f"{_AMENDED}{release_id}")
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
    release_id = _current_id(settings)
    return _open(settings, release_id) if release_id else None


def list_releases(settings: ReleaseSettings) -> list[Release]:
    """Every release that is kept and whose manifest can be read, newest first."""
    found = []
    for release_id in _known_ids(settings):
        with contextlib.suppress(ReleaseError):
            found.append(_open(settings, release_id))
    return found


def rollback(settings: ReleaseSettings, release_id: str | None = None) -> Release:
    """Serve an older release again: the one named, or the newest one older than the current."""
    with _publishing(settings):
        now = _current_id(settings)
        if now is None:
            raise ReleaseError(_NOTHING_YET)
        if release_id is None:
            older = [known for known in _known_ids(settings) if known < now]
            if not older:
                raise ReleaseError(f"{now} is the oldest release kept: there is none before it to roll back to")
            release_id = older[0]
        release = _open(settings, release_id)
        problems = folder.problems(release)
        if problems:
            raise ReleaseError(f"release {release.id} is damaged and stays out of service: {problems[0]}")
        _serve(settings, release)
        return release


def verify(settings: ReleaseSettings, release_id: str | None = None) -> list[str]:
    """What is wrong with a release (default: the current one and the BI file beside it); empty when nothing is."""
    now = _current_id(settings)
    if release_id is None and now is None:
        raise ReleaseError(_NOTHING_YET)
    release = _open(settings, release_id or str(now))
    problems = folder.problems(release)
    if release.id == now and not _serves(settings.bi_path, release):
        problems.append(
            f"{settings.bi_path} is not the file of release {release.id}: publish or roll back to restore it"
        )
    return problems


# -- making ------------------------------------------------------------------------------------------------------------


def _refuse_failed(gates: Sequence[Mapping[str, Any]]) -> None:
    if not gates:
        raise ReleaseError("no gate result was given: only marts that passed their gates are published")
    failed = [str(gate.get("gate", "unnamed")) for gate in gates if gate.get("passed") is not True]
    if failed:
        raise ReleaseError(f"gate {', '.join(failed)} failed: nothing is published and the current release stays")


def _written(settings: ReleaseSettings, staging: Path, gates: Sequence[Mapping[str, Any]]) -> Release:
    """The release of what the marts say: one that says the same already, or a new one."""
    with marts.opened(settings.warehouse_path) as warehouse:
        said = marts.contents(warehouse)
        same = _same_content(settings, said)
        if same is not None:
            return same
        tables = marts.write_tables(warehouse, said, staging)
        content = {**marts.facts(warehouse), "gates": [dict(gate) for gate in gates], "tables": tables}
    return _make(settings, staging, content)


def _same_content(settings: ReleaseSettings, said: Mapping[str, marts.Content]) -> Release | None:
    """A sound release that says the same: the current one, or the newest if its publisher died before serving it."""
    for release_id in dict.fromkeys([_current_id(settings), *_known_ids(settings)[:1]]):
        with contextlib.suppress(ReleaseError):  # a damaged release is superseded, never kept
            release = _open(settings, str(release_id))
            told = {name: (mart.digest, dict(mart.columns)) for name, mart in said.items()}
            if _content(release.manifest["tables"]) == told and not folder.problems(release):
                return release
    return None


def _make(settings: ReleaseSettings, staging: Path, content: Mapping[str, Any]) -> Release:
    """Complete the staged files with the BI file and the manifest, and give the folder its name in one step."""
    created_at = datetime.now(UTC).replace(microsecond=0)
    release_id = _free_id(settings, created_at, content["tables"])
    before = _newest(settings) if any(settings.ledger_dir.glob("*.parquet")) else None
    since = cadences.bases(settings.releases_dir, before) if before else {}
    recorded = record(settings, staging, content["tables"], before, since, release_id, created_at)
    tables = {**content["tables"], book.TABLE: marts.describe_file(staging / f"{book.TABLE}.parquet")}
    manifest: dict[str, Any] = {
        "release_id": release_id,
        "created_at": created_at.isoformat(),
        "previous_release": _current_id(settings),
        "kpilote_version": version("kpilote"),
        "duckdb_version": duckdb.__version__,
        "timezone": str(settings.timezone),
        "currency": settings.currency,
        **content,
        "tables": tables,
        "computed_in": cadences.computed_in(content["fingerprints"], before, release_id),
        "ledger": asdict(recorded),
        "rules_sha256": rules_digest(),
    }
    marts.write_database(staging, manifest)
    manifest["database"] = {"file": marts.DATABASE, "sha256": files.sha256(staging / marts.DATABASE)}
    manifest = folder.write_manifest(staging, manifest)
    files.sync(staging)
    final = settings.releases_dir / release_id
    staging.rename(final)
    files.sync(settings.releases_dir)
    return Release(release_id, final, manifest)


def _newest(settings: ReleaseSettings) -> Release | None:
    """The newest sound release, served or not: the ledger goes on from what was last put into words."""
    for release_id in _known_ids(settings):
        with contextlib.suppress(ReleaseError):
            release = _open(settings, release_id)
            if not folder.problems(release):
                return release
    return None


def _free_id(settings: ReleaseSettings, created_at: datetime, tables: Mapping[str, Any]) -> str:
    """Time, then what the release contains: ids sort by age, and two releases of equal content are seen to be equal."""
    digest = hashlib.sha256(json.dumps(_content(tables), sort_keys=True).encode()).hexdigest()[:8]
    known = _known_ids(settings)
    moment = created_at
    while any(release_id.startswith(f"{moment:%Y%m%dT%H%M%SZ}") for release_id in known):
        moment += timedelta(seconds=1)  # the clock stood still or went back: ids still sort by age
    return f"{moment:%Y%m%dT%H%M%SZ}-{digest}"


def _content(tables: Mapping[str, Any]) -> dict[str, tuple[str, dict[str, str]]]:
    """What the marts say: digests of rows, and columns; the ledger follows from it and the release before."""
    return {
        name: (entry.get("content", ""), entry.get("columns", {}))
        for name, entry in tables.items()
        if name != book.TABLE
    }


# -- serving -----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _publishing(settings: ReleaseSettings) -> Iterator[None]:
    try:
        with files.locked(settings.releases_dir / ".lock", wait_seconds=LOCK_WAIT_SECONDS):
            yield
    except files.LockTimeoutError as error:
        raise ReleaseError(f"{error}: another publication is running, try again when it has ended") from error
    except DISK_ERRORS as error:
        now = _current_id(settings)
        # The new folder, and the copy of its DuckDB file that BI tools open.
        need = 2 * files.size(settings.releases_dir / now) if now else 0
        stays = f"readers keep release {now}" if now else "there is no release yet"
        raise ReleaseError(f"{files.refused(settings.releases_dir.parent, error, need)}; {stays}") from error


def _serve(settings: ReleaseSettings, release: Release) -> None:
    """Point `current` at the release and put its DuckDB file in the BI place; does nothing that is already so."""
    if _serves(settings.bi_path, release):
        _point(settings, release)
        return
    # The copy comes first: a full disk must stop a publication before the switch, not between its two halves.
    with files.copied(release.path / marts.DATABASE, settings.bi_path) as draft:
        _point(settings, release)
        # A write-ahead log left by whoever opened the old file for writing would be replayed onto the new one.
        settings.bi_path.with_name(f"{settings.bi_path.name}.wal").unlink(missing_ok=True)
        files.install(draft, settings.bi_path)


def _point(settings: ReleaseSettings, release: Release) -> None:
    if _current_id(settings) != release.id:
        files.replace_link(release.id, settings.releases_dir / CURRENT)


def _serves(bi_path: Path, release: Release) -> bool:
    return bi_path.exists() and files.sha256(bi_path) == release.manifest["database"]["sha256"]


def _exchange(settings: ReleaseSettings, release_id: str) -> None:
    """Give a release's name to its amended folder. Two folders cannot change places in one step, so `current` shows
    the amended one under its other name meanwhile.
    """
    amended, final = settings.releases_dir / f"{_AMENDED}{release_id}", settings.releases_dir / release_id
    link = settings.releases_dir / CURRENT
    if _current_id(settings) == release_id and link.readlink().name != amended.name:
        files.replace_link(amended.name, link)
    removed, twin = settings.releases_dir / f".removed-{release_id}", settings.releases_dir / _STAGING
    for old in (removed, twin):
        shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(removed)
    shutil.copytree(amended, twin, copy_function=os.link)
    twin.rename(final)
    files.sync(settings.releases_dir)
    if _current_id(settings) == release_id:
        files.replace_link(release_id, link)
    shutil.rmtree(amended)


def _prune(settings: ReleaseSettings, keep: int) -> None:
    known = _known_ids(settings)
    kept = {*known[: max(keep, 1)], _current_id(settings)}
    kept |= cadences.needed([release for release in list_releases(settings) if release.id in kept])
    for release_id in known:
        if release_id not in kept:
            # Renamed first: a half-deleted folder must not look like a release.
            (settings.releases_dir / release_id).rename(settings.releases_dir / f".removed-{release_id}")
    for doomed in settings.releases_dir.glob(".removed-*"):
        shutil.rmtree(doomed, ignore_errors=True)


# -- reading -----------------------------------------------------------------------------------------------------------


def _current_id(settings: ReleaseSettings) -> str | None:
    link = settings.releases_dir / CURRENT
    return link.readlink().name.removeprefix(_AMENDED) if link.is_symlink() else None


def _known_ids(settings: ReleaseSettings) -> list[str]:
    """Ids of complete release folders, newest first."""
    found = (path.parent for path in settings.releases_dir.glob(f"[!.]*/{folder.MANIFEST}"))
    return sorted((one.name for one in found if not one.is_symlink()), reverse=True)


def _open(settings: ReleaseSettings, release_id: str) -> Release:
    known = _known_ids(settings)
    if release_id not in known:
        raise ReleaseError(
            f"there is no release {release_id} in {settings.releases_dir} ({', '.join(known) or 'none'})"
        )
    return folder.read(settings.releases_dir / release_id)
