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
MOMENT = "%Y%m%dT%H%M%SZ"  # a release's id begins with it


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
    @property
    def sources(self) -> tuple[str, ...]: ...


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
    """A sound release to serve in place of a new one that would say the same: the current one, or the newest if its
    publisher died before serving it. Where the newest was rolled back, the one that was chosen instead.
    """
    told = {name: (mart.digest, list(mart.columns.items())) for name, mart in said.items()}
    served, current = shelf.current_id(settings.releases_dir), None
    if newest is None or served != newest.id:
        current = shelf.sound(settings.releases_dir, served)  # a damaged release is superseded, never kept
        if current and _content(current.manifest["tables"]) == told:
            return current
    if newest is None or _content(newest.manifest["tables"]) != told:
        return None
    return current if current and shelf.rolled_back(settings.releases_dir) == newest.id else newest


def _complete(settings: MakingSettings, staging: Path, newest: Release | None, content: Mapping[str, Any]) -> Release:
    """Complete the staged files with ledger, BI file and manifest, and give the folder its name in one step."""
    created_at = _moment(settings)
    release_id = f"{created_at:{MOMENT}}-{_digest(content['tables'])}"
    # The ledger goes on from what was last put into words, though other files of that release be damaged.
    before = shelf.newest(settings.releases_dir, TOLD) if book.ids(settings.ledger_dir) else None
    since = cadences.bases(settings.releases_dir, content, before, newest) if before else {}
    recorded = record(settings, staging, content["tables"], before, since, release_id, created_at)
    if recorded.restated:
        book.announce(settings.ledger_dir, release_id, asdict(recorded))
    manifest: dict[str, Any] = {
        "release_id": release_id,
        "created_at": created_at.isoformat(),
        "previous_release": shelf.current_id(settings.releases_dir),
        "kpilote_version": version("kpilote"),
        "duckdb_version": duckdb.__version__,
        "timezone": str(settings.timezone),
        "currency": settings.currency,
        "sources": list(settings.sources),
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
    book.settle(settings.ledger_dir, [release_id])
    return Release(release_id, final, manifest)


def _moment(settings: MakingSettings) -> datetime:
    """Now, or a second after the newest release where the clock stood still or went back: ids sort by age."""
    now = datetime.now(UTC).replace(microsecond=0)
    known = [*shelf.ids(settings.releases_dir), *book.ids(settings.ledger_dir)]
    moments = [datetime.strptime(one.partition("-")[0], MOMENT).replace(tzinfo=UTC) for one in known]
    return max([now, *(moment + timedelta(seconds=1) for moment in moments)])


def _digest(tables: Mapping[str, Any]) -> str:
    """Of what a release contains: two of equal content are seen to be equal."""
    return hashlib.sha256(json.dumps(_content(tables), sort_keys=True).encode()).hexdigest()[:8]


def _content(tables: Mapping[str, Any]) -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """What the marts say: digests of rows, and columns; the ledger follows from it and the release before."""
    return {
        name: (entry["content"], list(entry["columns"].items())) for name, entry in tables.items() if name != book.TABLE
    }
