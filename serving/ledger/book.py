"""The ledger's files: one per publication, never edited, and all of them together as the mart `kpi_ledger`.

Flow: `kpi_ledger` rows of a publication → `ledger/<release_id>.parquet` → `<release>/kpi_ledger.<day>.parquet`. A
file is written before its release gets its name, so one that is newer than every release was left by a publisher that
died and is dropped. Files outlive the releases they speak of: what was reported stays known after a release is pruned.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import duckdb

from serving import files, marts
from serving.folder import Release

TABLE = "kpi_ledger"
COLUMNS = {
    "release_id": "VARCHAR",
    "published_at": "TIMESTAMP",
    "kpi": "VARCHAR",
    "cadence": "VARCHAR",
    "period_start": "DATE",
    "dimension": "VARCHAR",
    "dimension_value": "VARCHAR",
    "change": "VARCHAR",
    "old_value": "DOUBLE",
    "new_value": "DOUBLE",
    "old_numerator": "DOUBLE",
    "new_numerator": "DOUBLE",
    "old_denominator": "DOUBLE",
    "new_denominator": "DOUBLE",
    "cause": "VARCHAR",
    "cause_parts": "VARCHAR",
    "was_final": "BOOLEAN",
    "definition_version": "VARCHAR",
}


def drop_orphans(folder: Path, releases: Collection[str]) -> None:
    """Forget files of publications that never became a release, and drafts of those that never got that far."""
    newest = max(releases, default="")
    for path in [*folder.glob("*.parquet"), *folder.glob(".*.draft")]:
        if path.suffix == ".draft" or path.stem > newest:
            path.unlink()


def write(connection: duckdb.DuckDBPyConnection, rows: str, folder: Path, release_id: str) -> Path:
    """Write the rows of one publication, a table of this connection with COLUMNS, in one fixed order."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{release_id}.parquet"
    draft = folder / f".{release_id}.draft"
    connection.execute(
        f"copy (select {', '.join(COLUMNS)} from {rows} order by all) to {marts.text(draft)}"  # noqa: S608 - our own names
        " (format parquet, compression zstd)"
    )
    files.sync(draft)
    draft.replace(target)
    files.sync(folder)
    return target


def combine(folder: Path, staging: Path, before: Release | None) -> dict[str, Any]:
    """Every publication's rows, in the order of publication, as the mart of a release; returns its manifest entry."""
    source = marts.union(sorted(folder.glob("*.parquet")))
    with marts.memory() as connection:
        return marts.write_table(connection, source, TABLE, staging, before, is_sorted=True)
