"""The ledger's files: one per publication, never edited, and all of them together as the mart `kpi_ledger`.

Flow: rows of a publication → draft → `<release>/kpi_ledger.<day>.parquet` and `ledger/<release_id>.parquet`. A draft is
written before its release gets its name, and becomes a file once there is that release. Files outlive the releases they
speak of: what was reported stays known after a release is pruned, lost or removed.

A publication that changed cells which had been final leaves `<release_id>.untold` beside its rows, before its release
gets its name. It goes once people have been told, by whichever run gets to it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
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


def settle(folder: Path, releases: Collection[str]) -> None:
    """Keep the drafts of publications that became a release, and forget those of publishers that died before."""
    for draft in folder.glob(".*.draft"):
        release_id = draft.stem.removeprefix(".")
        if release_id in releases:
            draft.replace(folder / f"{release_id}.parquet")
            files.sync(folder)
        else:
            draft.unlink()
    published_ids = ids(folder)
    for news in folder.glob("*.untold"):
        if news.stem not in published_ids:
            news.unlink()


def announce(folder: Path, release_id: str, news: Mapping[str, Any]) -> None:
    """Note what people must be told of a publication."""
    files.replace_with_text(json.dumps(news), folder / f"{release_id}.untold")


def untold(folder: Path) -> dict[str, dict[str, Any]]:
    """What people have not been told yet, by release, oldest first."""
    published_ids = ids(folder)
    noted = [path for path in sorted(folder.glob("*.untold")) if path.stem in published_ids]
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in noted}


def told(folder: Path, release_id: str) -> None:
    """People know."""
    (folder / f"{release_id}.untold").unlink()
    files.sync(folder)


def published(folder: Path) -> list[Path]:
    """The files of all publications, oldest first."""
    return sorted(folder.glob("*.parquet"))


def ids(folder: Path) -> list[str]:
    """Ids of the releases whose rows are kept, oldest first."""
    return [path.stem for path in published(folder)]


def write(connection: duckdb.DuckDBPyConnection, rows: str, folder: Path, release_id: str) -> None:
    """Draft the rows of one publication, a table of this connection with COLUMNS, in one fixed order."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{release_id}.draft"
    connection.execute(
        f"copy (select {', '.join(COLUMNS)} from {rows} order by all) to {marts.text(draft)}"  # noqa: S608 - our own names
        " (format parquet, compression zstd)"
    )
    files.sync(draft)
    files.sync(folder)


def combine(folder: Path, staging: Path, before: Release | None) -> dict[str, Any]:
    """Every publication's rows, the drafted ones last, as the mart of a release; returns its manifest entry."""
    source = marts.union([*published(folder), *folder.glob(".*.draft")])
    with marts.memory() as connection:
        return marts.write_table(connection, source, TABLE, staging, before, is_sorted=True)
