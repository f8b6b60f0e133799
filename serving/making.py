"""A release in the making: marts of the warehouse → a complete folder in `releases/` under its own name, or the release
that says the same already.

Nothing made here is seen by readers; serving it is `serving.release`'s business.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import duckdb

from serving import cadences, database, files, folder, marts, shelf
from serving.folder import Release
from serving.ledger import book
from serving.ledger.record import record, rules_digest

# What the ledger needs of the release it goes on from.
TOLD = ("kpi_values",)


class MakingSettings(Protocol):
    """What making a release needs of the settings."""

    @property
    def warehouse_path(self) -> Path: ...
    @property
    def releases_dir(self) -> Path: ...
    @property
    def ledger_dir(self) -> Path: ...
    @property
    def lake_url(self) -> str: ...
    @property
    def timezone(self) -> str: ...
    @property
    def currency(self) -> str: ...


def make(settings: MakingSettings, staging: Path, gates: Sequence[Mapping[str, Any]]) -> Release:
    """The release of what the marts say: one that says the same already, or a new one, made in `staging`."""
    newest = shelf.newest(settings.releases_dir)
    with marts.opened(settings.warehouse_path) as warehouse:
        said = marts.contents(warehouse)
        same = _same_content(settings, newest, said)
        if same is not None:
            return same
        tables = marts.write_tables(warehouse, said, staging, newest)
        content = {**marts.facts(warehouse), "gates": [dict(gate) for gate in gates], "tables": tables}
    return _complete(settings, staging, newest, content)


def _same_content(
    settings: MakingSettings, newest: Release | None, said: Mapping[str, marts.Content]
) -> Release | None:
    """A sound release that says the same: the current one, or the newest if its publisher died before serving it."""
    told = {name: (mart.digest, list(mart.columns.items())) for name, mart in said.items()}
    served = shelf.current_id(settings.releases_dir)
    if newest is None or served != newest.id:
        release = shelf.sound(settings.releases_dir, served)  # a damaged release is superseded, never kept
        if release and _content(release.manifest["tables"]) == told:
            return release
    return newest if newest and _content(newest.manifest["tables"]) == told else None


def _complete(settings: MakingSettings, staging: Path, newest: Release | None, content: Mapping[str, Any]) -> Release:
    """Complete the staged files with ledger, BI file and manifest, and give the folder its name in one step."""
    created_at = datetime.now(UTC).replace(microsecond=0)
    release_id = _free_id(settings, created_at, content["tables"])
    # The ledger goes on from what was last put into words, though other files of that release be damaged.
    before = shelf.newest(settings.releases_dir, TOLD) if any(settings.ledger_dir.glob("*.parquet")) else None
    since = cadences.bases(settings.releases_dir, content, before, newest) if before else {}
    recorded = record(settings, staging, content["tables"], before, since, release_id, created_at)
    manifest: dict[str, Any] = {
        "release_id": release_id,
        "created_at": created_at.isoformat(),
        "previous_release": shelf.current_id(settings.releases_dir),
        "kpilote_version": version("kpilote"),
        "duckdb_version": duckdb.__version__,
        "timezone": str(settings.timezone),
        "currency": settings.currency,
        **content,
        "tables": {**content["tables"], book.TABLE: book.combine(settings.ledger_dir, staging, newest)},
        "computed_in": cadences.computed_in(content, before, release_id),
        "ledger": asdict(recorded),
        "rules_sha256": rules_digest(),
    }
    manifest["database"] = database.write(staging, manifest, newest)
    manifest = folder.write_manifest(staging, manifest)
    files.sync(staging)
    final = settings.releases_dir / release_id
    staging.rename(final)
    files.sync(settings.releases_dir)
    return Release(release_id, final, manifest)


def _free_id(settings: MakingSettings, created_at: datetime, tables: Mapping[str, Any]) -> str:
    """Time, then what the release contains: ids sort by age, and two releases of equal content are seen to be equal."""
    digest = hashlib.sha256(json.dumps(_content(tables), sort_keys=True).encode()).hexdigest()[:8]
    known = shelf.ids(settings.releases_dir)
    moment = created_at
    while any(release_id.startswith(f"{moment:%Y%m%dT%H%M%SZ}") for release_id in known):
        moment += timedelta(seconds=1)  # the clock stood still or went back: ids still sort by age
    return f"{moment:%Y%m%dT%H%M%SZ}-{digest}"


def _content(tables: Mapping[str, Any]) -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """What the marts say: digests of rows, and columns; the ledger follows from it and the release before."""
    return {
        name: (entry["content"], list(entry["columns"].items())) for name, entry in tables.items() if name != book.TABLE
    }
